"""STAR's questions, without their situation graphs: what scoring needs, and what CoTasks are built from.

The same items go round as a JSON list, one item alone, items by id or under a name, JSON Lines, and the pickle in which
they were first published.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demitasse.cotasks.plain_pickle import read_pickle
from demitasse.dataset.schema import load_object, shown
from demitasse.errors import DataError

TYPES = ("Interaction", "Sequence", "Prediction", "Feasibility")
_ID = re.compile(r"([A-Za-z]+)_(T[0-9]+)_.+")


@dataclass(frozen=True, slots=True)
class StarQuestion:
    """One question.

    Attributes:
        question_id: `<Type>_T<template>_<number>`.
        type, template: of the id.
        video: the untrimmed video's id.
        choices: in order of their numbers.
        right: place of the right choice; None in the test split, whose answers are hidden.
    """

    question_id: str
    type: str
    template: str
    video: str
    choices: tuple[str, ...]
    right: int | None


def read_entries(path: Path) -> list[Any]:
    """What a file holds of items, not looked at yet.

    Raises:
        DataError: if it cannot be read.
    """
    suffix = path.suffix.casefold()
    if suffix in (".pkl", ".pickle"):
        value = read_pickle(path)
    elif suffix in (".jsonl", ".ndjson"):
        return _lines(path)
    else:
        value = load_object(path, "utf-8-sig")
    if isinstance(value, Mapping) and "question_id" not in value:
        inner = list(value.values())
        value = next((one for one in inner if isinstance(one, list)), inner)  # {"data": [...]}, or items by id
    return value if isinstance(value, list) else [value]


def read_question(entry: Any) -> StarQuestion:
    """The question of an item.

    Raises:
        DataError: if it is none; the message does not name it.
    """
    if not isinstance(entry, Mapping):
        raise DataError(f"it is {shown(entry)}, not an object")
    question_id = read_text(entry, "question_id")
    named = _ID.fullmatch(question_id)
    if named is None or named[1] not in TYPES:
        kinds = ", ".join(TYPES)
        raise DataError(f"question_id {shown(question_id)} is not {kinds} with a template and a number")
    choices = tuple(text for text, _ in read_choices(entry))
    video = read_text(entry, "video_id").removesuffix(".mp4")
    return StarQuestion(question_id, named[1], named[2], video, choices, _right(entry, choices))


def read_choices(entry: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Texts and what stands beside each, in order of `choice_id`."""
    given = entry.get("choices")
    if not isinstance(given, (list, tuple)) or len(given) < 2:
        raise DataError(f"choices is {shown(given)}, not a list of choices")
    if all(isinstance(one, str) for one in given):
        return [(text, {}) for text in given]
    if not all(isinstance(one, Mapping) for one in given):
        raise DataError(f"choices is {shown(given)}, not a list of choices")
    ordered = sorted(enumerate(given), key=lambda pair: _place(pair[1].get("choice_id", pair[0])))
    return [(read_text(one, "choice"), one) for _, one in ordered]


def read_text(entry: Mapping[str, Any], field: str) -> str:
    """A field that must be a text."""
    value = entry.get(field)
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{field} is {shown(value)}, not a text")
    return value.strip()


def _lines(path: Path) -> list[Any]:
    try:
        lines = path.read_bytes().decode("utf-8").split("\n")  # U+2028 and others may stand within a text
        return [json.loads(line) for line in lines if line.strip()]
    except (OSError, ValueError) as fault:
        raise DataError(f"{path} cannot be read as JSON Lines ({fault}); it may have been cut short") from fault


def _place(number: Any) -> int:
    if not isinstance(number, (int, str)) or not str(number).isdecimal():
        raise DataError(f"choice_id {shown(number)} is no number")
    return int(number)


def _right(entry: Mapping[str, Any], choices: Sequence[str]) -> int | None:
    answer = entry.get("answer")
    if answer is None or answer == "":
        return None
    if isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer < len(choices):
        return answer
    answer = answer.strip() if isinstance(answer, str) else answer
    if answer not in choices:
        raise DataError(f"its answer {shown(answer)} is none of its choices")
    return choices.index(answer)
