"""Step 4: from the questions of step 3 to the ten task files. No model is asked; every run writes them anew."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from annotate.letters import follow, tao_order
from annotate.task_files import Assembled, Envelope, write_task_file
from annotate.video_reasoning.entries import leading_verdict, letter_reference
from annotate.video_reasoning.questions import qa_type_of, read_entries
from demitasse.dataset import (
    TASKS,
    Dialect,
    Item,
    bcq_answer,
    mcq_answer,
    mcq_openended_answer,
    question_text,
    span_answer,
)
from demitasse.dataset.dialect import EXPLANATION
from demitasse.engine.caller import ParseError
from demitasse.engine.step import Fields

FOLDER = "step_4_output"
_RENAMED = {"temporal_event_desc": "temporal_description", "event_summary": "video_summarization"}
_DESCRIPTIONS = {
    "mcq": "Multiple-choice questions, answered by a letter.",
    "mcq_openended": "Multiple-choice questions, answered by a letter and the option's text.",
    "bcq": "Yes-or-no questions.",
    "bcq_openended": "Yes-or-no questions, answered with a supporting sentence.",
    "open_qa": "Open questions, answered in prose.",
    "causal_linkage": "Questions on how two moments, named by their times, hang together.",
    "temporal_localization": "Questions on when an event takes place, answered by start and end.",
    "temporal_description": "Questions on what happens in a stretch named by its times.",
    "scene_description": "Descriptions of the setting.",
    "video_summarization": "Summaries of the course of events.",
}

Labelled = tuple[str, Item]  # task, item
Asked = tuple[Fields, str, dict[str, Any]]  # row, question type, one question of it


def assemble(rows: Iterable[Fields], folder: Path, envelope: Envelope) -> Assembled:
    """Write the task files.

    A task without items gets no file, but one that an earlier run wrote is emptied; a file that has not changed
    is left as it is, with its date. Other files in the folder are not touched.

    Raises:
        DataError: if a file that is not this task's stands under a task's name.
    """
    unusable: list[tuple[str, str]] = []
    items: dict[str, list[Item]] = {task: [] for task in TASKS}
    for task, item in to_items(_questions(rows, unusable), envelope.dialect):
        items[task].append(item)
    for task in TASKS:
        write_task_file(folder / f"{task}.json", task, items[task], _DESCRIPTIONS[task], envelope)
    return Assembled({task: len(found) for task, found in items.items() if found}, unusable)


def _questions(rows: Iterable[Fields], unusable: list[tuple[str, str]]) -> Iterator[Asked]:
    for row in rows:
        try:
            yield from ((row, qa_type_of(row), entry) for entry in read_entries(row))
        except ParseError as error:
            unusable.append((f"{row['video']}, {row['prompt_key']}", str(error)))


def to_items(asked: Iterable[Asked], dialect: Dialect) -> Iterator[Labelled]:
    """The items of step 3's questions, each with its task."""
    made: Iterable[Labelled]
    for row, qa_type, entry in asked:
        reasoning = entry["reasoning"]
        if qa_type == "mcq":
            reasoning, made = _choice_items(entry, dialect)
        elif qa_type == "bcq":
            made = _binary_items(entry, dialect)
        else:
            made = _plain_item(qa_type, entry, dialect)
        yield from ((task, _placed(item, task, row, entry["question"], reasoning)) for task, item in made)


def _choice_items(entry: Mapping[str, Any], dialect: Dialect) -> tuple[str, list[Labelled]]:
    """The reasoning, in which letters follow their options into another order, and the two items with that order."""
    question = entry["question"]
    options = tao_order(entry["options"], question)
    where = {text: letter for letter, text in options.items()}
    moves = {letter: where[text] for letter, text in entry["options"].items()}
    letter, reasoning = moves[entry["answer"]], entry["reasoning"]
    if letter_reference(reasoning):
        reasoning = follow(reasoning, moves) or reasoning
    closed = mcq_answer(letter, options, dialect)
    told = mcq_openended_answer(letter, options[letter])
    items = [
        ("mcq", Item(question_text("mcq", question, dialect, options), closed)),
        ("mcq_openended", Item(question_text("mcq_openended", question, dialect, options), told)),
    ]
    return reasoning, items


def _binary_items(entry: Mapping[str, Any], dialect: Dialect) -> Iterator[Labelled]:
    verdict, explanation = entry["answer"] == "yes", entry["explanation"]
    closed = Item(question_text("bcq", entry["question"], dialect), bcq_answer(verdict, dialect, explanation))
    if dialect == "tao":
        closed.extra[EXPLANATION] = explanation
    yield "bcq", closed
    repeats = leading_verdict(explanation) == entry["answer"]
    told = explanation if repeats else bcq_answer(verdict, "daft", explanation)
    yield "bcq_openended", Item(question_text("bcq_openended", entry["question"], dialect), told)


def _plain_item(qa_type: str, entry: Mapping[str, Any], dialect: Dialect) -> Iterator[Labelled]:
    task = _RENAMED.get(qa_type, qa_type)
    if task == "temporal_localization":
        answer = span_answer({"start": entry["start"], "end": entry["end"]}, dialect)
    else:
        answer = entry["answer"]
    yield task, Item(question_text(task, entry["question"], dialect), answer)


def _placed(item: Item, task: str, row: Fields, question: str, reasoning: str) -> Item:
    """The item with its video, its reasoning, an index that stays the same from run to run, and its origin.

    Nothing in it tells the time, so that the same replies make the same file.
    """
    told = row.get("provenance", {})
    index = hashlib.sha256(f"{task}\0{row['video']}\0{question}".encode("utf-8", "surrogatepass"))
    kept = ("mode", "pack", "templates", "asked", "answered", "requests", "key")
    provenance = {"video_length": row["video_length"], "prompt_key": row["prompt_key"]}
    provenance |= {name: told[name] for name in kept if name in told}
    return replace(
        item,
        video_id=row["video"],
        reasoning=reasoning,
        item_index=index.hexdigest()[:16],
        extra=item.extra | {"provenance": provenance},
    )
