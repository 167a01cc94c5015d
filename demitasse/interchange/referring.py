"""What `demitasse annotate image` wrote, as the formats of others need it: images, their things, and phrases for them.

A thing is a rectangle of an image. Those of `Picture.objects` are the labelled boxes, with what the teacher said of
them. Those of `Picture.marked` are the boxes of the expressions, which a double check may have moved, and the
labelled boxes that no expression means.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from demitasse.dataset.schema import shown, type_name
from demitasse.errors import DataError
from demitasse.geometry import check_box

ANNOTATIONS = "annotations.jsonl"
PLAIN = "object"  # the type of a thing that nobody gave one

PixelBox = tuple[float, float, float, float]  # x1, y1, x2, y2 in pixels of the displayed image
Json = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Thing:
    """A rectangle and what is said of it. `phrases` are the texts of the expressions that mean it."""

    box: PixelBox
    type: str = PLAIN
    color: str = ""
    description: str = ""
    score: float | None = None
    phrases: tuple[str, ...] = ()

    @property
    def corner_and_size(self) -> PixelBox:
        """x, y, width, height, as COCO writes a box."""
        x1, y1, x2, y2 = self.box
        return x1, y1, x2 - x1, y2 - y1


@dataclass(frozen=True, slots=True)
class Phrase:
    """An expression: its text and the places, in `Picture.marked`, of all that it means."""

    text: str
    marked: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """One image.

    Attributes:
        image: path under the image folder, with "/".
        path: where the file was when it was annotated.
        width, height: as displayed, in pixels.
    """

    image: str
    path: str
    width: int
    height: int
    caption: str
    objects: tuple[Thing, ...]
    marked: tuple[Thing, ...]
    phrases: tuple[Phrase, ...]


def read_pictures(source: Path) -> list[Picture]:
    """Read the results folder of `annotate image`, or its `annotations.jsonl`.

    Raises:
        DataError: if it is something else; the message names file, line and field.
    """
    path = source / ANNOTATIONS if source.is_dir() else source
    if not path.is_file():
        hint = "it is no results folder of `demitasse annotate image`" if source.is_dir() else "there is no such file"
        if (path.parent.parent / ANNOTATIONS).is_file():
            hint += f"; {source.parent} is one"
        raise DataError(f"{path} cannot be exported: {hint}")
    if path.suffix != ".jsonl":
        raise DataError(f"{path} is no {ANNOTATIONS}; give what `demitasse annotate image` wrote, or its folder")
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as fault:
        raise DataError(f"{path} is not UTF-8 text (byte {fault.start}); give the file as it was written") from fault
    pictures = [_picture(f"{path}, line {number}", line) for number, line in enumerate(lines, 1) if line.strip()]
    if not pictures:
        raise DataError(f"{path} holds no image; run `demitasse annotate image` first")
    return pictures


def _picture(place: str, line: str) -> Picture:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as fault:
        raise DataError(f"{place}: not readable JSON ({fault}); it may have been cut short") from fault
    if not isinstance(row, dict):
        raise DataError(f"{place}: is {type_name(row)}, not an image's annotations")
    try:
        return _of_row(row)
    except DataError as fault:
        raise DataError(f"{place}: {fault}") from fault


def _of_row(row: Json) -> Picture:
    if "boxes" not in row:
        raise DataError(
            "has no 'boxes' in pixels, as TAO's own files have none; run `demitasse annotate image` with "
            "data.input_annotations_jsonl set to this file"
        )
    size = _whole(row, "width"), _whole(row, "height")
    boxes = _objects(row, "boxes")
    regions = _objects(row, "regions")
    labelled = [_labelled(box, f"boxes[{index}].", size) for index, box in enumerate(boxes)]
    for region in regions:
        thing = _at(labelled, region.get("box"))
        if thing is not None:
            labelled[region["box"]] = _described(thing, region)
    marked, phrases = _marked(_objects(row, "expressions"), regions, labelled, size)
    return Picture(
        _text(row, "image"), _text(row, "image_path"), *size, _said(row, "caption"), tuple(labelled), marked, phrases
    )


def _labelled(box: Json, place: str, size: tuple[int, int]) -> Thing:
    score = box.get("score")
    told = float(score) if isinstance(score, int | float) else None
    return Thing(_pixels(box, place, size), _said(box, "type") or PLAIN, score=told)


def _described(thing: Thing, region: Json) -> Thing:
    return replace(thing, color=_said(region, "color"), description=_said(region, "description"))


def _marked(
    expressions: list[Json], regions: list[Json], labelled: list[Thing], size: tuple[int, int]
) -> tuple[tuple[Thing, ...], tuple[Phrase, ...]]:
    marked: list[Thing] = []
    places: dict[PixelBox, int] = {}
    meant: set[int | None] = set()
    phrases = []
    for number, expression in enumerate(expressions):
        text, found = _text(expression, "text", f"expressions[{number}]."), []
        for index, instance in enumerate(_objects(expression, "instances", f"expressions[{number}].")):
            box = _pixels(instance, f"expressions[{number}].instances[{index}].", size)
            thing, source = _shown(instance, regions, labelled)
            meant.add(source)
            if box not in places:
                places[box] = len(marked)
                marked.append(replace(thing, box=box))
            found.append(places[box])
        for place in (found := list(dict.fromkeys(found))):
            marked[place] = replace(marked[place], phrases=(*marked[place].phrases, text))
        phrases.append(Phrase(text, tuple(found)))
    return (*marked, *(thing for index, thing in enumerate(labelled) if index not in meant)), tuple(phrases)


def _shown(instance: Json, regions: list[Json], labelled: list[Thing]) -> tuple[Thing, int | None]:
    """What is known of an expression's box by its region, and which labelled box that is."""
    region = _at(regions, instance.get("region"))
    if region is None:
        return Thing((0, 0, 0, 0)), None
    box = _at(labelled, region.get("box"))
    if box is None:
        return _described(Thing((0, 0, 0, 0), _said(region, "type") or PLAIN), region), None
    return replace(box, score=None), region["box"]  # the score is the labelled box's, which this one need not be


def _at(values: Sequence[T], index: Any) -> T | None:
    return values[index] if type(index) is int and 0 <= index < len(values) else None


def _pixels(value: Json, place: str, size: tuple[int, int]) -> PixelBox:
    box = value.get("bbox_px")
    try:
        if not isinstance(box, list) or len(box) != 4:
            raise DataError("it is not four numbers")
        x1, y1, x2, y2 = box
        check_box((x1 / size[0], y1 / size[1], x2 / size[0], y2 / size[1]))
    except (DataError, TypeError) as fault:
        raise DataError(
            f"{place}bbox_px is {shown(box)}, no box in pixels of an image of {size[0]} × {size[1]}: {fault}"
        ) from fault
    return float(x1), float(y1), float(x2), float(y2)


def _whole(row: Json, name: str) -> int:
    value = row.get(name)
    if type(value) is not int or value < 1:
        raise DataError(f"{name} is {shown(value)}, not a number of pixels")
    return value


def _objects(row: Json, name: str, place: str = "") -> list[Json]:
    """The objects of a list; a step that was not taken has left none."""
    value = row.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise DataError(f"{place}{name} is {shown(value)}, not a list of objects")
    return value


def _text(row: Json, name: str, place: str = "") -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{place}{name} is {shown(value)}, not a text")
    return value


def _said(row: Json, name: str) -> str:
    """A text that need not be there."""
    value = row.get(name)
    return " ".join(value.split()) if isinstance(value, str) else ""
