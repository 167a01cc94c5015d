"""STAR's questions with their situation graphs (Apache-2.0; the videos are Charades', which are non-commercial).

A graph's frames are numbered from 1 in the untrimmed video, as Action Genome dumped it, in any order. They may reach
past the end of the clip that is asked about: questions about what comes next are checked by what did.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotate.cotasks.plain_pickle import read_pickle
from demitasse.dataset.schema import load_object, shown
from demitasse.errors import DataError

TYPES = ("Interaction", "Sequence", "Prediction", "Feasibility")
_ID = re.compile(r"([A-Za-z]+)_(T[0-9]+)_.+")
_LABELS = ("actions", "rel_labels", "bbox_labels")
_FRAME = re.compile(r"([0-9]+)(?:\.(?:png|jpg))?")

Corners = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Situation:
    """One annotated frame, in class numbers.

    Attributes:
        actions: what is being done.
        relations: (subject, relation, object), each as often as it is given.
        boxes: x1 y1 x2 y2 in pixels of the 480p video, by object class.
        labels: the object classes that are there, with a box or not; `rel_labels` the relation classes.
    """

    actions: tuple[str, ...]
    relations: tuple[tuple[str, str, str], ...]
    boxes: Mapping[str, Corners]
    labels: tuple[str, ...]
    rel_labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StarItem:
    """One question.

    Attributes:
        question_id: `<Type>_T<template>_<number>`.
        type, template: of the id.
        video: the untrimmed video's id.
        start, end: of the clip that is asked about, in seconds.
        text: the question.
        choices: in order of their numbers.
        right: place of the right choice; None in the test split, whose answers are hidden.
        program, choice_programs: steps as published.
        situations: by frame number, from 1.
        notes: what was not as it should be, and how often.
    """

    question_id: str
    type: str
    template: str
    video: str
    start: float
    end: float
    text: str
    choices: tuple[str, ...]
    right: int | None
    program: tuple[Any, ...]
    choice_programs: tuple[tuple[Any, ...], ...]
    situations: Mapping[int, Situation]
    notes: Mapping[str, int]


def read_star(path: Path | str) -> tuple[list[StarItem], list[tuple[str, str]]]:
    """Read a file of items: a JSON list, one item alone, JSON Lines, or the published pickle.

    Returns:
        The items in the file's order, and (which, why) for each entry that is none.

    Raises:
        DataError: if the file cannot be read or holds no items.
    """
    path = Path(path)
    entries = _entries(path)
    items: dict[str, StarItem] = {}
    unusable: list[tuple[str, str]] = []
    for number, entry in enumerate(entries):
        name = str(entry.get("question_id") or f"item {number}") if isinstance(entry, Mapping) else f"item {number}"
        try:
            item = _item(entry)
            if item.question_id in items:
                raise DataError("its question_id is another item's too")
            items[item.question_id] = item
        except DataError as fault:
            unusable.append((f"{path.name} {name}", str(fault)))
    if not items and not unusable:
        raise DataError(f"{path} holds no item; give STAR_train.json or STAR_val.json as published")
    if not items:
        raise DataError(f"{path}: no item of {len(unusable)} is STAR's; the first: {unusable[0][1]}")
    return list(items.values()), unusable


def read_rates(path: Path | str) -> dict[str, float]:
    """Frame rates by video id: STAR's `video_fps`, a pickle of {"WBS4I.mp4": 29.97}, or the same as JSON.

    Raises:
        DataError: if it cannot be read or is no such thing.
    """
    path = Path(path)
    value = load_object(path) if path.suffix.casefold() == ".json" else read_pickle(path)
    if not isinstance(value, dict) or not value or not all(_is_rate(rate) for rate in value.values()):
        raise DataError(f"{path} holds no frame rate above 0 for each video; give STAR's video_fps")
    return {str(video).removesuffix(".mp4"): float(rate) for video, rate in value.items()}


def _entries(path: Path) -> list[Any]:
    suffix = path.suffix.casefold()
    if suffix in (".pkl", ".pickle"):
        value = read_pickle(path)
    elif suffix in (".jsonl", ".ndjson"):
        return _lines(path)
    else:
        value = load_object(path)
    if isinstance(value, Mapping) and "question_id" not in value:
        inner = list(value.values())
        value = next((one for one in inner if isinstance(one, list)), inner)  # {"data": [...]}, or items by id
    return value if isinstance(value, list) else [value]


def _lines(path: Path) -> list[Any]:
    try:
        lines = path.read_bytes().decode("utf-8").splitlines()
        return [json.loads(line) for line in lines if line.strip()]
    except (OSError, ValueError) as fault:
        raise DataError(f"{path} cannot be read as JSON Lines ({fault}); it may have been cut short") from fault


def _item(entry: Any) -> StarItem:
    if not isinstance(entry, Mapping):
        raise DataError(f"it is {shown(entry)}, not an object")
    question_id = _text(entry, "question_id")
    named = _ID.fullmatch(question_id)
    if named is None or named[1] not in TYPES:
        kinds = ", ".join(TYPES)
        raise DataError(f"question_id {shown(question_id)} is not {kinds} with a template and a number")
    start, end = _seconds(entry, "start"), _seconds(entry, "end")
    if end <= start:
        raise DataError(f"its clip ends at {end:g} s, not after its start at {start:g} s")
    choices, programs = _choices(entry.get("choices"))
    notes: Counter[str] = Counter()
    return StarItem(
        question_id=question_id,
        type=named[1],
        template=named[2],
        video=_text(entry, "video_id").removesuffix(".mp4"),
        start=start,
        end=end,
        text=_text(entry, "question"),
        choices=choices,
        right=_right(entry, choices),
        program=tuple(_list(entry.get("question_program"), "question_program")),
        choice_programs=programs,
        situations=dict(_situations(entry.get("situations"), notes)),
        notes=dict(notes),
    )


def _choices(given: Any) -> tuple[tuple[str, ...], tuple[tuple[Any, ...], ...]]:
    """Texts and programs in order of `choice_id`."""
    entries = _list(given, "choices")
    if len(entries) < 2:
        raise DataError(f"choices is {shown(given)}, not a list of choices")
    if all(isinstance(entry, str) for entry in entries):
        return tuple(entries), ((),) * len(entries)
    if not all(isinstance(entry, Mapping) for entry in entries):
        raise DataError(f"choices is {shown(given)}, not a list of choices")
    ordered = sorted(enumerate(entries), key=lambda pair: _place(pair[1].get("choice_id", pair[0])))
    texts = tuple(_text(entry, "choice") for _, entry in ordered)
    return texts, tuple(tuple(_list(entry.get("choice_program"), "choice_program")) for _, entry in ordered)


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


def _situations(given: Any, notes: Counter[str]) -> Iterator[tuple[int, Situation]]:
    if given is None:
        return
    if not isinstance(given, Mapping):
        raise DataError(f"situations is {shown(given)}, not an object of frames")
    for frame, graph in given.items():
        number = _FRAME.fullmatch(str(frame).rsplit("/", 1)[-1])
        if number is None or not isinstance(graph, Mapping):
            raise DataError(f"situations has {shown(frame)}, not a frame number with its graph")
        yield int(number[1]), _situation(graph, notes)


def _situation(graph: Mapping[str, Any], notes: Counter[str]) -> Situation:
    actions, rel_labels, labels = (tuple(map(str, _list(graph.get(field), field))) for field in _LABELS)
    pairs, boxes = _list(graph.get("rel_pairs"), "rel_pairs"), _list(graph.get("bbox"), "bbox")
    if len(pairs) != len(rel_labels):
        notes["relations_without_a_pair"] += abs(len(pairs) - len(rel_labels))
    if len(boxes) != len(labels):
        notes["boxes_without_a_label"] += abs(len(boxes) - len(labels))
    relations = [(pair, label) for pair, label in zip(pairs, rel_labels, strict=False) if _is_pair(pair)]
    found: dict[str, Corners] = {}
    for label, box in zip(labels, boxes, strict=False):
        if not _is_box(box) or label in found:
            notes["box_without_numbers" if not _is_box(box) else "two_boxes_of_one_class"] += 1
        else:
            found[label] = (float(box[0]), float(box[1]), float(box[2]), float(box[3]))
    triples = tuple((str(pair[0]), label, str(pair[1])) for pair, label in relations)
    return Situation(actions, triples, found, labels, rel_labels)


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, (list, tuple)) and len(pair) == 2


def _is_box(box: Any) -> bool:
    numbers = isinstance(box, (list, tuple)) and len(box) == 4
    return numbers and all(isinstance(side, (int, float)) and math.isfinite(side) for side in box)


def _list(value: Any, field: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, (list, tuple)):
        raise DataError(f"{field} is {shown(value)}, not a list")
    return list(value)


def _text(entry: Mapping[str, Any], field: str) -> str:
    value = entry.get(field)
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{field} is {shown(value)}, not a text")
    return value.strip()


def _seconds(entry: Mapping[str, Any], field: str) -> float:
    value = entry.get(field)
    try:
        seconds = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else math.nan
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds) or seconds < 0:
        raise DataError(f"{field} is {shown(value)}, not a time in seconds")
    return seconds


def _is_rate(rate: Any) -> bool:
    return isinstance(rate, (int, float)) and not isinstance(rate, bool) and math.isfinite(rate) and rate > 0
