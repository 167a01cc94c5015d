"""What a run must be told of the pipeline that it is for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from annotate.endpoints import Endpoint
from annotate.run.rounds import rounds_for
from annotate.run.spec import Experiment, Section
from demitasse.engine.step import Record
from demitasse.prompts import Pack


def nothing(_: object) -> Collection[str]:
    """The default of `Job.brought` and `Job.keys_of`."""
    return ()


@dataclass(frozen=True)
class Job:
    """One run's settings and steps. It travels to the workers of a cluster, and so can be pickled.

    Attributes:
        kind: what is annotated, "video" or "image": the field of a row that holds a record's id, and the command's
            name where that is not `command`.
        spec: the whole configuration; it is saved beside the results.
        pack: the prompts, which decide the answers.
        files: each step's journal, relative to the results folder, in the order in which their fields are merged.
        needs: by step, those that it cannot do without.
        decodes: the module that the decode workers need; "" if nothing is decoded.
        apart: steps whose rows do not join a record's fields.
        brought: names of the steps whose fields a record brings along from elsewhere.
        keys_of: the prompts that steps ask, where a person may have them asked anew.
        again: steps whose questions are asked though they are answered.
        command: which `demitasse annotate` this is; "" for that of the kind.
    """

    kind: str
    spec: Experiment
    pack: Pack
    files: Mapping[str, str]
    needs: Mapping[str, Sequence[str]]
    decodes: str
    apart: Collection[str] = ()
    brought: Callable[[Record], Collection[str]] = nothing
    keys_of: Callable[[Collection[str]], Collection[str]] = nothing
    again: Sequence[str] = ()
    command: str = ""

    @property
    def section(self) -> Section:
        """The part of the configuration that is this pipeline's."""
        return self.spec.section

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """Those that the chosen steps ask, by name."""
        return self.spec.endpoints()

    @property
    def results_dir(self) -> Path:
        """Where everything goes."""
        return Path(self.spec.results_dir)

    @property
    def steps(self) -> list[str]:
        """The chosen ones."""
        return self.section.workflow.steps

    @property
    def rounds(self) -> dict[str, int]:
        """By prompt, how often a person has had it asked anew."""
        rounds = rounds_for(self.results_dir, self.again)
        return {key: number for step, number in rounds.items() for key in self.keys_of([step])}
