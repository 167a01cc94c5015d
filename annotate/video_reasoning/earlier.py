"""What earlier steps and runs have left in results folders, read from the disk row by row as it is needed."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from annotate.video_reasoning import captions, chunks, describe, filter, highlight, questions
from annotate.video_reasoning.config import NEEDS, Workflow
from annotate.video_reasoning.prompt_keys import QA_TYPES
from annotate.video_reasoning.questions import qa_type_of
from demitasse.engine.journal import Rows, read_rows
from demitasse.engine.results import QUARANTINED, SKIPPED
from demitasse.engine.runner import Queue
from demitasse.engine.step import Fields, Record

FILES = {
    "0": filter.FILE,
    "1a": captions.FILE,
    "1b": chunks.FILE,
    "1c": highlight.FILE,
    "2": describe.FILE,
    "3": questions.FILE,
}


class EarlierRows:
    """The rows of steps that a run leaves out, from earlier runs in the same folders (TAO merges them so too).

    Of several rows of a video the last one counts, of several folders the last one's.
    """

    def __init__(self, workflow: Workflow, folders: Sequence[Path]) -> None:
        self._needed = {need for step in workflow.steps for need in NEEDS.get(step, ())} - set(workflow.steps)
        self._rows = {
            step: Rows([folder / file for folder in folders], lambda row: str(row["video"]))
            for step, file in FILES.items()
            if step not in workflow.steps
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for rows in self._rows.values():
            rows.__exit__(kind, error, at)

    def missing(self, record: Record) -> str | None:
        """Why a record cannot be worked on: a step that it needs has left no row and is not run."""
        lacking = sorted(step for step in self._needed if record.id not in self._rows[step])
        return f"no row of step {lacking[0]}, which was not asked for" if lacking else None

    def fields_of(self, record: Record) -> Fields:
        """What its rows say, those of the questions apart."""
        told: Fields = {}
        for step, rows in self._rows.items():
            row = rows.find(record.id) if step != "3" else None
            told |= {name: value for name, value in (row or {}).items() if name != "provenance"}
        return told


class Completed:
    """Records with the fields of earlier rows, which are read when a record is taken and forgotten with it."""

    def __init__(self, records: Iterable[Record] | AsyncIterable[Record], earlier: EarlierRows) -> None:
        self._records = aiter(records if isinstance(records, AsyncIterable) else Queue(records))
        self._earlier = earlier

    def __aiter__(self) -> AsyncIterator[Record]:
        return self

    async def __anext__(self) -> Record:
        record = await anext(self._records)
        return Record(record.id, record.fields | self._earlier.fields_of(record))


def read_questions(
    results_dir: Path, records: Iterable[Record], workflow: Workflow, counts: Callable[[str], bool]
) -> Iterator[Fields]:
    """The rows of step 3 that are to be exported, in the order of the records and of the question types.

    Where step 3 was run, those are the last rows of questions and of videos that it did not fail for: a run that has
    come to its end has renewed or failed whatever was stale.

    Args:
        results_dir: where they are.
        records: the run's.
        workflow: the run's steps and question types.
        counts: whether a video's rows are to be trusted at all.
    """
    asked = "3" in workflow.steps
    failed = set(_failures(results_dir)) if asked else set()
    with Rows([results_dir / questions.FILE], lambda row: (str(row["video"]), qa_type_of(row))) as rows:
        for record in records:
            for qa_type in workflow.qa_types if asked else QA_TYPES:
                if counts(record.id) and not failed & {(record.id, ""), (record.id, qa_type)}:
                    row = rows.find((record.id, qa_type))
                    if row is not None:
                        yield row


def _failures(results_dir: Path) -> Iterator[tuple[str, str]]:
    """Video and question type of what was skipped or quarantined; no type where it was the whole video."""
    for name in (SKIPPED, QUARANTINED):
        path = results_dir / name
        for row in read_rows(path) if path.exists() else ():
            yield row["video"], row["step"].removeprefix("3/") if row["step"].startswith("3/") else ""
