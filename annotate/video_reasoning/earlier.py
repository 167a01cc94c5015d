"""Which rows of questions are exported."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from annotate.run.earlier import failures
from annotate.video_reasoning import questions
from annotate.video_reasoning.config import Workflow
from annotate.video_reasoning.prompt_keys import QA_TYPES
from annotate.video_reasoning.questions import qa_type_of
from demitasse.engine.journal import Rows
from demitasse.engine.step import Fields, Record


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
    failed = {(video, _qa_type(step)) for video, step in failures(results_dir, "video")} if asked else set()
    with Rows([results_dir / questions.FILE], lambda row: (str(row["video"]), qa_type_of(row))) as rows:
        for record in records:
            for qa_type in workflow.qa_types if asked else QA_TYPES:
                if counts(record.id) and not failed & {(record.id, ""), (record.id, qa_type)}:
                    row = rows.find((record.id, qa_type))
                    if row is not None:
                        yield row


def _qa_type(step: str) -> str:
    """The question type of a failure; "" where it was the whole video's."""
    return step.removeprefix("3/") if step.startswith("3/") else ""
