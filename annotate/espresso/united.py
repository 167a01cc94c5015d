"""What is known of each video at the end of a run: its rows of all steps, united."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from annotate.espresso import frames
from annotate.espresso.config import STEPS
from annotate.espresso.work import FILES, KIND
from annotate.run.earlier import failures, rows_by_step
from demitasse.engine.graph import PROVENANCE
from demitasse.engine.step import Fields, Record

EVIDENCE = "5"  # the step without which there is no item


def united(
    results_dir: Path, records: Iterable[Record], steps: Sequence[str], counts: Callable[[str], bool]
) -> Iterator[Fields]:
    """The fields of each video that the run has brought to its end and that has evidence, in the order of the records.

    Rows of steps that come after the first chosen one and were not chosen are of an earlier run, and may be about other
    questions of the same name: they are not used (`passed_over` names them).

    Args:
        results_dir: where the rows are.
        records: the run's.
        steps: the chosen ones, in order.
        counts: whether a video's rows are to be trusted at all.
    """
    failed = {video for video, _ in failures(results_dir, KIND)}
    used = [step for step in STEPS if step in steps or step < steps[0]]
    files = {"media": frames.FILE} | {step: FILES[step] for step in used}
    for record, rows in rows_by_step(results_dir, files, KIND, records):
        if counts(record.id) and record.id not in failed and EVIDENCE in rows:
            yield _merged(record, rows)


def passed_over(results_dir: Path, steps: Sequence[str], split: Sequence[str]) -> list[str]:
    """Steps of a split that have rows which may be out of date: they come after the first chosen one, unchosen."""
    later = [step for step in split if step > steps[0] and step not in steps]
    return [step for step in later if (results_dir / FILES[step]).exists()]


def _merged(record: Record, rows: Mapping[str, Fields]) -> Fields:
    """A record with what its rows say, and in `steps` where each of them comes from."""
    fields = dict(record.fields)
    for row in rows.values():
        fields |= {name: value for name, value in row.items() if name != PROVENANCE}
    return fields | {"steps": {step: row[PROVENANCE] for step, row in rows.items() if PROVENANCE in row}}
