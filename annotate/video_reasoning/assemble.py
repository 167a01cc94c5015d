"""Step 4: from the questions of step 3 to the ten task files. No model is asked; every run writes them anew."""

from __future__ import annotations

import datetime
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from annotate.video_reasoning.entries import leading_verdict, letter_reference
from annotate.video_reasoning.letters import follow, tao_order
from annotate.video_reasoning.questions import qa_type_of, read_entries
from demitasse.dataset import (
    FORMAT,
    TASKS,
    Dialect,
    Item,
    TaskFile,
    bcq_answer,
    mcq_answer,
    mcq_openended_answer,
    question_text,
    read,
    span_answer,
    write,
)
from demitasse.dataset.dialect import EXPLANATION
from demitasse.engine.caller import ParseError
from demitasse.engine.step import Fields
from demitasse.errors import DataError

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


@dataclass(frozen=True)
class Envelope:
    """What all task files of a run have in common."""

    media_root: str
    license: str = ""
    description_extra: str = ""
    dialect: Dialect = "tao"


@dataclass(frozen=True)
class Assembled:
    """What was written: the number of items by task, and the rows that could not be used, as (row, why)."""

    counts: dict[str, int]
    unusable: list[tuple[str, str]]


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
        _write(folder / f"{task}.json", task, items[task], envelope)
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


def _write(path: Path, task: str, items: list[Item], envelope: Envelope) -> None:
    old = _own(path, task)
    if not items and old is None:
        return
    described = " ".join(part for part in (_DESCRIPTIONS[task], envelope.description_extra) if part)
    new = TaskFile(
        items,
        task=task,
        license=envelope.license,
        description=described,
        date=datetime.date.today().isoformat(),
        media_root=envelope.media_root,
        path=path,
    )
    if old is None or replace(new, date=old.date).to_json() != old.to_json():
        write(path, new)


def _own(path: Path, task: str) -> TaskFile | None:
    """The task file that an earlier run wrote here; None if there is nothing."""
    if not path.exists():
        return None
    try:
        found = read(path)
    except DataError as error:
        raise DataError(f"{path} is in the way of the '{task}' items and is no {FORMAT} file; move it") from error
    if found.task != task:
        raise DataError(f"{path} holds items of the task '{found.task}', not '{task}'; move it")
    return found


def portable_root(video_root: str, results_dir: Path) -> str:
    """`media_root` for files in the results' step 4 folder.

    Relative to that folder if `video_root` was given relative, or lies inside the results or beside them, so that
    both move together; otherwise the absolute path as it was given.
    """
    root, results = Path(video_root).resolve(), results_dir.resolve()
    if Path(video_root).is_absolute() and not root.is_relative_to(results.parent):
        return video_root
    return Path(os.path.relpath(root, results / FOLDER)).as_posix()
