"""Annotations of an earlier run, TAO's or ours, as the start of this one: their boxes, and what their steps have said.

TAO's regions and expressions have `bbox` in 0-1000 and its `kitti_bboxes` are whole pixels; ours have pixels beside
them. An entry that cannot be used is named in `left_out`, by its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from annotate.referring.kitti import MOST, Labelled, LeftOut
from annotate.referring.matching import nearest
from annotate.referring.space import canonical, stored
from demitasse.engine.step import Fields
from demitasse.errors import DataError
from demitasse.geometry import Box

# What is taken over of a line, and the step that the last three come from.
FIELDS = ("width", "height", "kitti_bboxes", "boxes", "left_out", "regions", "caption", "expressions")
STEPS = {"regions": "0", "caption": "1", "expressions": "2"}
LISTS = ("kitti_bboxes", "boxes", "left_out", "regions", "expressions")

Entry = dict[str, Any]


def brought(given: Mapping[str, Any]) -> list[str]:
    """The steps whose fields a line brings along."""
    return [step for name, step in STEPS.items() if _is_said(given, name)]


def _is_said(given: Mapping[str, Any], name: str) -> bool:
    """Whether a step has said something: nothing of TAO's, though there are boxes, is a call that failed."""
    if name == "caption" or ("boxes" not in given and given.get("kitti_bboxes")):
        return bool(given.get(name))
    return name in given


def problem(row: Mapping[str, Any]) -> str:
    """Why a line cannot be used at all; "" if it can."""
    for name in LISTS:
        if not isinstance(row.get(name, []), list):
            return f"{name} is no list"
    for name in ("width", "height"):
        if not isinstance(row.get(name) or 0, int):
            return f"{name} is no whole number"
    return "" if isinstance(row.get("caption") or "", str) else "caption is no text"


def given_objects(given: Mapping[str, Any]) -> tuple[list[Labelled], list[LeftOut]]:
    """The boxes of a line: ours, which know their label's lines, or else TAO's, which are numbered as they stand."""
    entries = given.get("boxes", given.get("kitti_bboxes", []))
    read = _our_box if "boxes" in given else _tao_box
    objects: list[Labelled] = []
    left_out = list(_told_left_out(given.get("left_out", []))) if "boxes" in given else []
    for number, entry in enumerate(entries, start=1):
        try:
            objects.append(read(number, entry))
        except (KeyError, TypeError, ValueError):
            left_out.append({"line": number, "reason": f"no box: {str(entry)[:60]}"})
    return objects, left_out


def _told_left_out(entries: Sequence[Any]) -> Iterator[LeftOut]:
    """What an earlier run left out, as far as it says so in the form that ours do."""
    for place, entry in enumerate(entries):
        if isinstance(entry, dict) and isinstance(entry.get("reason"), str) and isinstance(entry.get("line", 0), int):
            yield entry
        else:
            yield {"entry": f"left_out[{place}]", "reason": f"no reason in it: {str(entry)[:60]}"}


def _our_box(number: int, entry: Any) -> Labelled:
    if not isinstance(entry, dict):
        raise ValueError(entry)
    corners = _corners(entry.get("clipped_from") or entry["bbox_px"])
    score = None if entry.get("score") is None else float(entry["score"])
    truncated, occluded = (float(entry.get(name, -1)) for name in ("truncated", "occluded"))
    line = entry["line"] if isinstance(entry.get("line"), int) else number
    return Labelled(line, str(entry["type"]), corners, truncated, occluded, score)


def _tao_box(number: int, entry: Sequence[Any]) -> Labelled:
    if len(entry) != 5 or not isinstance(entry[4], str):
        raise ValueError(entry)
    return Labelled(number, entry[4], _corners(entry[:4]))


def _corners(values: Sequence[Any]) -> Box:
    x1, y1, x2, y2 = values
    corners = (float(x1), float(y1), float(x2), float(y2))
    if not all(abs(value) <= MOST for value in corners):  # which nan is not either
        raise ValueError(values)
    return corners


@dataclass(frozen=True)
class Taken:
    """What a line's steps have said, as rows of ours say it; `left_out` names the entries that cannot be used."""

    fields: Fields
    left_out: list[LeftOut]


def given_steps(given: Mapping[str, Any], image: str, frame: Fields) -> Taken:
    """Regions, caption and expressions of a line.

    Args:
        given: the line.
        image: the image's name, for the ids of expressions.
        frame: with width, height, and the boxes that are used.
    """
    taken = Taken({}, [])
    if _is_said(given, "regions"):
        boxes = [canonical(box, frame) for box in frame["boxes"]]
        entries = _usable(given["regions"], "regions", taken.left_out)
        taken.fields["regions"] = list(_regions(entries, boxes, frame, taken.left_out))
    if _is_said(given, "caption"):
        taken.fields["caption"] = given["caption"].strip()
    if _is_said(given, "expressions"):
        entries = _usable(given["expressions"], "expressions", taken.left_out)
        regions = [canonical(one, frame) for one in taken.fields.get("regions", [])]
        taken.fields["expressions"] = list(_expressions(entries, image, regions, frame, taken.left_out))
    return taken


def _usable(entries: Sequence[Any], name: str, left_out: list[LeftOut]) -> Iterator[tuple[str, Entry]]:
    for place, entry in enumerate(entries):
        if isinstance(entry, dict):
            yield f"{name}[{place}]", entry
        else:
            left_out.append({"entry": f"{name}[{place}]", "reason": f"no object: {str(entry)[:60]}"})


def _regions(
    entries: Iterator[tuple[str, Entry]], boxes: Sequence[Box], frame: Fields, left_out: list[LeftOut]
) -> Iterator[Entry]:
    for entry, box in _boxed(entries, frame, left_out):
        texts = {name: _text(entry.get(name)) for name in ("type", "color", "description")}
        index, overlap = nearest(box, boxes)
        yield {**stored(box, frame), **texts, "box": index, "box_iou": overlap}


def _expressions(
    entries: Iterator[tuple[str, Entry]], image: str, regions: Sequence[Box], frame: Fields, left_out: list[LeftOut]
) -> Iterator[Entry]:
    number = 0
    for place, entry in entries:
        text, instances = _text(entry.get("text")), entry.get("instances")
        if not text or not isinstance(instances, list):
            left_out.append({"entry": place, "reason": "an expression without text or instances"})
            continue
        expression_id = f"{image}/expr_{number:02d}"
        kept = list(_instances(_usable(instances, f"{place}.instances", left_out), regions, frame, left_out))
        for index, instance in enumerate(kept):
            instance["bbox_id"] = f"{expression_id}/box_{index:02d}"
        if kept:
            number += 1
            yield {"text": text, "expression_id": expression_id, "instances": kept}
        elif not instances:
            left_out.append({"entry": place, "reason": "an expression without boxes"})


def _instances(
    entries: Iterator[tuple[str, Entry]], regions: Sequence[Box], frame: Fields, left_out: list[LeftOut]
) -> Iterator[Entry]:
    for _, box in _boxed(entries, frame, left_out):
        region, overlap = nearest(box, regions)
        yield {**stored(box, frame), "region": region, "region_iou": overlap}


def _boxed(entries: Iterator[tuple[str, Entry]], frame: Fields, left_out: list[LeftOut]) -> Iterator[tuple[Entry, Box]]:
    """The entries that have a box that can be used, with it."""
    for place, entry in entries:
        try:
            box = _box(entry, frame)
        except DataError as fault:
            left_out.append({"entry": place, "reason": str(fault)})
        else:
            yield entry, box


def _text(value: Any) -> str:
    """What a line says in words; "" where it says something else."""
    return value.strip() if isinstance(value, str) else ""


def _box(entry: Entry, frame: Fields) -> Box:
    """The canonical box of an entry, ours or TAO's.

    Raises:
        DataError: if it is none, or too thin for the thousandths of our files.
    """
    values = entry.get("bbox_px", entry.get("bbox_2d", entry.get("bbox")))
    if not isinstance(values, list):
        raise DataError("an entry without a box")
    box = canonical(entry if "bbox_px" in entry else {"bbox_2d": values}, frame)
    stored(box, frame)
    return box
