"""What earlier steps and runs have left in results folders, read from the disk row by row as it is needed."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from annotate.run.inputs import Inputs
from annotate.run.job import Job
from demitasse.engine.journal import Row, Rows, read_rows
from demitasse.engine.results import QUARANTINED, SKIPPED
from demitasse.engine.runner import Queue
from demitasse.engine.step import Fields, Record


class EarlierRows:
    """The rows of steps that a run leaves out, from earlier runs in the same folders (TAO merges them so too).

    Of several rows of a record the last one counts, of several folders the last one's.
    """

    def __init__(self, job: Job, folders: Sequence[Path]) -> None:
        self._job = job
        self._needed = {need for step in job.steps for need in job.needs.get(step, ())} - set(job.steps)
        self._rows = {
            step: Rows([folder / file for folder in folders], lambda row: str(row[job.kind]))
            for step, file in job.files.items()
            if step not in job.steps
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for rows in self._rows.values():
            rows.__exit__(kind, error, at)

    def missing(self, record: Record) -> str | None:
        """Why a record cannot be worked on: a step that it needs has left no row and is not run."""
        needed = self._needed - set(self._job.brought(record))
        lacking = sorted(step for step in needed if record.id not in self._rows[step])
        return f"no row of step {lacking[0]}, which was not asked for" if lacking else None

    def fields_of(self, record: Record) -> Fields:
        """What its rows say, those apart that do not join the fields."""
        told: Fields = {}
        for step, rows in self._rows.items():
            row = rows.find(record.id) if step not in self._job.apart else None
            told |= {name: value for name, value in (row or {}).items() if name != "provenance"}
        return told

    def completed(self, record: Record) -> Record:
        """A record with what its rows say."""
        return Record(record.id, record.fields | self.fields_of(record))


class Completed:
    """Records with the fields of earlier rows, which are read when a record is taken and forgotten with it."""

    def __init__(self, records: Iterable[Record] | AsyncIterable[Record], earlier: EarlierRows) -> None:
        self._records = aiter(records if isinstance(records, AsyncIterable) else Queue(records))
        self._earlier = earlier

    def __aiter__(self) -> AsyncIterator[Record]:
        return self

    async def __anext__(self) -> Record:
        return self._earlier.completed(await anext(self._records))


def workable(job: Job, inputs: Inputs, folder: Path) -> Inputs:
    """The inputs, without the records that lack the rows of a step that is not run: those are left out."""
    found = Inputs(left_out=list(inputs.left_out))
    with EarlierRows(job, [job.results_dir, folder]) as earlier:
        for record in inputs.records:
            why = earlier.missing(record)
            if why is None:
                found.records.append(record)
            else:
                found.left_out.append((record.id, why))
    return found


def rows_by_step(
    results_dir: Path, files: Mapping[str, str], kind: str, records: Iterable[Record]
) -> Iterator[tuple[Record, dict[str, Row]]]:
    """Each record with the last row of each step that has left one; `files` are the steps' journals."""
    with ExitStack() as stack:
        rows = {
            step: stack.enter_context(Rows([results_dir / file], lambda row: str(row[kind])))
            for step, file in files.items()
        }
        for record in records:
            yield record, {step: row for step, file in rows.items() if (row := file.find(record.id)) is not None}


def failures(results_dir: Path, kind: str) -> Iterator[tuple[str, str]]:
    """Record and step of what the latest run skipped or quarantined; no step where it never became a record."""
    for row in failed_rows(results_dir):
        yield row[kind], row["step"]


def failed_rows(results_dir: Path) -> Iterator[Row]:
    """What the latest run skipped or quarantined, with the step and the reason."""
    for name in (SKIPPED, QUARANTINED):
        path = results_dir / name
        yield from read_rows(path) if path.exists() else ()
