"""Grounding items: a phrase is asked about, and answered with the boxes of what it describes, as a student writes them.

Families write boxes in different units, and numbers alone do not say in which. So an item declares them twice: in
words, in its question, and in its extra field `boxes`:

    {"style": "qwen2_5_vl_px", "size": [1092, 1932], "image_size": [1080, 1920]}

`size` is the width and height that the numbers count in (1000 and 1000 for thousandths) and `image_size` the image's
own, EXIF applied. `bbox_px` holds the boxes in pixels of the image, x1 y1 x2 y2, before anything was rounded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from demitasse.chat.kinds import BOX_STYLES
from demitasse.dataset.dialect import GROUNDING, Dialect, boxes_answer, read_boxes_answer
from demitasse.dataset.envelope import Item, TaskFile
from demitasse.dataset.schema import shown
from demitasse.errors import DataError
from demitasse.geometry import Convention, from_canonical, smart_resize, to_canonical

UNITS = "boxes"  # the extra field that declares the units
PIXELS = "bbox_px"
MIN_PIXELS = 56 * 56  # what Qwen2.5-VL's processor is shipped with
MAX_PIXELS = 14 * 14 * 4 * 1280  # what its class takes where a checkpoint says nothing: its own 12845056 is too dear
_RESIZED = "qwen2_5_vl_px"
_CORNERS = {"xyxy": "[x1, y1, x2, y2]", "yxyx": "[y1, x1, y2, x2]"}

Size = tuple[int, int]


class UnwritableBox(DataError):
    """A good box that has no area in the whole units of another style, or an image that its student would refuse."""


@dataclass(frozen=True, slots=True)
class BoxUnits:
    """What the numbers of an item's boxes mean.

    Attributes:
        style: a name of `BOX_STYLES`.
        size: width and height that the numbers count in.
        image_size: width and height of the image, as displayed.
    """

    style: str
    size: Size
    image_size: Size

    @property
    def convention(self) -> Convention:
        """How the style writes a box."""
        return BOX_STYLES[self.style]

    def write(self, box_px: Sequence[float]) -> list[int] | list[float]:
        """A box in pixels of the image, x1 y1 x2 y2, in these units.

        Raises:
            DataError: if it is inverted or outside the image, or too thin to have an area in whole units.
        """
        width, height = self.image_size
        x1, y1, x2, y2 = box_px
        return from_canonical((x1 / width, y1 / height, x2 / width, y2 / height), self.convention, self.size)

    def read(self, box: Sequence[float]) -> list[float]:
        """A box of these units in pixels of the image, x1 y1 x2 y2.

        Raises:
            DataError: if it is inverted, without area, or reaches outside `size`.
        """
        width, height = self.image_size
        x1, y1, x2, y2 = to_canonical(box, self.convention, self.size)
        return [x1 * width, y1 * height, x2 * width, y2 * height]

    def to_json(self) -> dict[str, Any]:
        """The field `boxes` of an item."""
        return {"style": self.style, "size": list(self.size), "image_size": list(self.image_size)}


def units_of(style: str, image_size: Size, min_pixels: int = MIN_PIXELS, max_pixels: int = MAX_PIXELS) -> BoxUnits:
    """The units that a style has for an image.

    Args:
        style: a name of `BOX_STYLES`.
        image_size: width and height as displayed, in pixels.
        min_pixels: the student's lower bound for an image; it matters where boxes count in the resized one.
        max_pixels: the upper one.

    Raises:
        DataError: for an image that a processor would not resize.
    """
    scale = BOX_STYLES[style].scale
    if scale is not None:
        return BoxUnits(style, (round(scale), round(scale)), image_size)
    if style != _RESIZED:
        return BoxUnits(style, image_size, image_size)
    rows, columns = smart_resize(image_size[1], image_size[0], min_pixels=min_pixels, max_pixels=max_pixels)
    return BoxUnits(style, (columns, rows), image_size)


def read_units(item: Item | Mapping[str, Any]) -> BoxUnits:
    """The units that an item declares.

    Raises:
        DataError: if it declares none, or none that there are; the message begins with the field.
    """
    value = (item.extra if isinstance(item, Item) else item).get(UNITS)
    if not isinstance(value, dict):
        raise DataError(f"{UNITS} is {shown(value)}, not the style and sizes that its boxes are written in")
    style = value.get("style")
    if style not in BOX_STYLES:
        near = get_close_matches(str(style), BOX_STYLES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(BOX_STYLES)}"
        raise DataError(f"{UNITS}.style is {shown(style)}; {hint}")
    size, image_size = (_size(value, key) for key in ("size", "image_size"))
    scale = BOX_STYLES[style].scale
    if scale is not None and size != (scale, scale):
        raise DataError(f"{UNITS}.size is {shown(list(size))}, but {style} counts from 0 to {scale:g} both ways")
    return BoxUnits(style, size, image_size)


def grounding_question(phrase: str, units: BoxUnits) -> str:
    """The question that asks for every object a phrase describes, with the units of the answer in words."""
    return f"Locate every object that fits {_quoted(phrase)}.\n{instruction(units)}"


def grounding_answer(phrase: str, boxes: Sequence[Sequence[float]], dialect: Dialect = "tao") -> str:
    """The answer: a JSON list of boxes, which are already in the units of the question, each with the phrase."""
    return boxes_answer([{"bbox_2d": list(box), "label": phrase} for box in boxes], dialect)


def instruction(units: BoxUnits) -> str:
    """The end of a question: what is to be written, and what the numbers mean."""
    corners = _CORNERS[units.convention.order]
    return (
        f'Answer with a JSON list of {{"bbox_2d": {corners}, "label": phrase}}, from left to right; '
        f"x and y {_meaning(units)}."
    )


def in_style(item: Item, style: str, min_pixels: int = MIN_PIXELS, max_pixels: int = MAX_PIXELS) -> Item:
    """A grounding item for a student that writes boxes in another style; its reasoning is left as it is.

    The exact pixels in `bbox_px` are taken as long as they say what the answer says, so that there and back returns
    the item unchanged; an answer that was edited counts before them. A question that does not end in `instruction`
    is left in its own words: `declares` tells.

    Raises:
        UnwritableBox: if a box cannot be written in the style.
        DataError: if the item does not declare its units, or a box cannot be read. Messages begin with the field.
    """
    old = read_units(item)
    entries = read_boxes_answer(item.answer)
    try:
        pixels = _pixels(entries, old, item.extra.get(PIXELS))
    except DataError as fault:
        raise DataError(f"answer: {fault}") from fault
    try:
        new = units_of(style, old.image_size, min_pixels, max_pixels)
        written = [entry | {"bbox_2d": new.write(box)} for entry, box in zip(entries, pixels, strict=True)]
    except DataError as fault:
        raise UnwritableBox(f"answer: {fault}") from fault
    question = item.question
    if declares(item):
        question = question.removesuffix(instruction(old)) + instruction(new)
    dialect: Dialect = "daft" if item.answer.lstrip().startswith("```") else "tao"
    extra = item.extra | {UNITS: new.to_json(), PIXELS: pixels}
    return replace(item, question=question, answer=boxes_answer(written, dialect), extra=extra)


def files_in_style(
    files: Sequence[TaskFile], style: str, min_pixels: int = MIN_PIXELS, max_pixels: int = MAX_PIXELS
) -> tuple[list[TaskFile], list[str]]:
    """Dataset files with their grounding items in another style; items of other tasks are left as they are.

    Returns:
        The files, and a sentence on each item that is not in them, because a box cannot be written in the style.

    Raises:
        DataError: as `in_style`, naming file and item; or if no item is a grounding item.
    """
    if not any(file.task_of(item) == GROUNDING for file in files for item in file.items):
        where = ", ".join(str(file.path) for file in files)
        raise DataError(f"{where}: no item has the task '{GROUNDING}', so there are no boxes to rewrite")
    left_out: list[str] = []
    converted = []
    for file in files:
        items = []
        for index, item in enumerate(file.items):
            try:
                is_boxed = file.task_of(item) == GROUNDING
                items.append(in_style(item, style, min_pixels, max_pixels) if is_boxed else item)
            except UnwritableBox as fault:
                left_out.append(f"{file.path}: items[{index}].{fault}")
            except DataError as fault:
                raise DataError(f"{file.path}: items[{index}].{fault}") from fault
        converted.append(replace(file, items=items))
    return converted, left_out


def declares(item: Item) -> bool:
    """Whether the question ends in our words for the item's units."""
    return item.question.endswith(instruction(read_units(item)))


def grounding_faults(item: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Field and fault of an item whose shape is right: boxes must be readable and inside the size it declares."""
    try:
        boxes = read_boxes_answer(item["answer"])
        units = read_units(item) if UNITS in item else None
    except DataError as fault:
        field, _, message = str(fault).partition(" ")
        yield field, message
        return
    if units is None:  # somebody else's item: nothing says what its numbers mean
        return
    for index, box in enumerate(boxes):
        try:
            units.read(box["bbox_2d"])
        except DataError as fault:
            yield "answer", f"has {shown(box)} as box {index}, which is not in its {_by(units.size)}: {fault}"


def _pixels(entries: list[dict[str, Any]], units: BoxUnits, exact: Any) -> list[list[float]]:
    written = [entry["bbox_2d"] for entry in entries]
    try:
        if [units.write(box) for box in exact] == written:
            return [[float(side) for side in box] for box in exact]
    except (DataError, TypeError, ValueError):  # not there, or somebody else's: the answer is what counts
        pass
    return [units.read(box) for box in written]


def _size(value: Mapping[str, Any], key: str) -> Size:
    match value.get(key):
        case [int(width), int(height)] if width > 0 and height > 0:
            return width, height
    raise DataError(f"{UNITS}.{key} is {shown(value.get(key))}, not a width and a height in whole units")


def _by(size: Size) -> str:
    return f"{size[0]} × {size[1]}"


def _meaning(units: BoxUnits) -> str:
    if units.convention.scale is not None:
        return f"run from 0 to {units.convention.scale:g} over the image"
    if units.style == _RESIZED:
        return "are pixels of the image as you see it"
    return "are pixels of the image, {} wide and {} high".format(*units.size)  # a student is not shown this size


def _quoted(phrase: str) -> str:
    """Quoted as the answer's label is, so that quotes within it end nothing."""
    return json.dumps(phrase, ensure_ascii=False)
