"""The steps as a graph: which may start when, and what each of them sees."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

import orjson

from demitasse.engine.journal import Row
from demitasse.engine.step import Fields, Record, Step
from demitasse.errors import ConfigError

PROVENANCE = "provenance"


class Graph:
    """Checked steps.

    Raises:
        ConfigError: if names or places of rows are not unique, a step comes after one that is not there, or
            steps wait for each other.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = {step.name: step for step in steps}
        self._refuse_doubles([step.name for step in steps], "two steps are called")
        self._refuse_doubles([f"{step.file} {step.part}".strip() for step in steps], "two steps write to")
        for step in steps:
            if missing := set(step.after) - self.steps.keys():
                raise ConfigError(f"step '{step.name}' comes after '{min(missing)}', which is not among the steps")
        try:
            self.order().prepare()
        except CycleError as error:
            raise ConfigError(f"steps wait for each other: {' after '.join(error.args[1])}") from None
        self._before = {step.name: self._ancestors(step) for step in steps}

    def order(self) -> TopologicalSorter[str]:
        """A sorter for one record: it hands out the steps that may start, once `prepare` has been called."""
        return TopologicalSorter({name: step.after for name, step in self.steps.items()})

    def view(self, step: Step, record: Record, rows: Mapping[str, Row]) -> Fields:
        """What a step sees: the record's own fields and those of the steps before it, of no others.

        What ran earlier by chance must not decide an answer.
        """
        return self._merge(record, rows, self._before[step.name])

    def merged(self, record: Record, rows: Mapping[str, Row]) -> Fields:
        """The record's own fields and those of all its rows."""
        return self._merge(record, rows, tuple(self.steps))

    def _merge(self, record: Record, rows: Mapping[str, Row], names: Sequence[str]) -> Fields:
        fields = dict(record.fields)
        for name in names:
            if name in rows and self.steps[name].merge:
                fields |= {key: value for key, value in rows[name].items() if key != PROVENANCE}
        return fields

    def _ancestors(self, step: Step) -> tuple[str, ...]:
        """Names of the steps that `step` comes after, directly or not, in the order they were given."""
        found: set[str] = set()
        waiting = list(step.after)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self.steps[name].after
        return tuple(name for name in self.steps if name in found)

    @staticmethod
    def _refuse_doubles(values: Sequence[str], complaint: str) -> None:
        value, count = Counter(values).most_common(1)[0] if values else ("", 0)
        if count > 1:
            raise ConfigError(f"{complaint} '{value}'")


def row_key(step: Step, view: Fields) -> str:
    """Hash of all that decides a row: the step's name and version, and its inputs."""
    decides = orjson.dumps([step.name, step.version, step.inputs(view)], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(decides).hexdigest()[:32]
