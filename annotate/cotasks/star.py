"""STAR's questions with their situation graphs (Apache-2.0; the videos are Charades', which are non-commercial).

A graph's frames are numbered from 1 in the untrimmed video, as Action Genome dumped it, in any order. They may reach
past the end of the clip that is asked about: questions about what comes next are checked by what did.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from demitasse.cotasks.plain_pickle import read_pickle
from demitasse.cotasks.star import StarQuestion, read_choices, read_entries, read_question, read_text
from demitasse.dataset.schema import load_object, shown
from demitasse.errors import DataError
from demitasse.interchange.expecting import expects
from demitasse.interchange.recognise import STAR

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
class StarItem(StarQuestion):
    """One question with its graphs.

    Attributes:
        start, end: of the clip that is asked about, in seconds.
        text: the question.
        program, choice_programs: steps as published.
        situations: by frame number, from 1.
        notes: what was not as it should be, and how often.
    """

    start: float
    end: float
    text: str
    program: tuple[Any, ...]
    choice_programs: tuple[tuple[Any, ...], ...]
    situations: Mapping[int, Situation]
    notes: Mapping[str, int]


@expects(STAR)
def read_star(path: Path | str) -> tuple[list[StarItem], list[tuple[str, str]]]:
    """Read a file of items: a JSON list, one item alone, JSON Lines, or the published pickle.

    Returns:
        The items in the file's order, and (which, why) for each entry that is none.

    Raises:
        DataError: if the file cannot be read or holds no items.
    """
    path = Path(path)
    entries = read_entries(path)
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


def _item(entry: Any) -> StarItem:
    question = read_question(entry)
    start, end = _seconds(entry, "start"), _seconds(entry, "end")
    if end <= start:
        raise DataError(f"its clip ends at {end:g} s, not after its start at {start:g} s")
    programs = tuple(tuple(_list(one.get("choice_program"), "choice_program")) for _, one in read_choices(entry))
    notes: Counter[str] = Counter()
    return StarItem(
        **{field.name: getattr(question, field.name) for field in fields(question)},
        start=start,
        end=end,
        text=read_text(entry, "question"),
        program=tuple(_list(entry.get("question_program"), "question_program")),
        choice_programs=programs,
        situations=dict(_situations(entry.get("situations"), notes)),
        notes=dict(notes),
    )


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
