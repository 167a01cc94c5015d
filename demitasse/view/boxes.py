"""Boxes in the answers that a person looks at: what the page must know to draw them, and to write those that changed.

How an answer's boxes are written, its item declares (`demitasse.dataset.grounding`). The page keeps to that, so that a
box that was dragged stands in the answer as all the others do.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from demitasse.answers import read_boxes, split_reasoning
from demitasse.dataset import Item
from demitasse.dataset.dialect import read_boxes_answer
from demitasse.dataset.grounding import PIXELS, BoxUnits, read_units
from demitasse.errors import DataError


def declared_units(item: Item) -> BoxUnits | None:
    """What the boxes of an item's answer count in; None if it says nothing that can be drawn by."""
    try:
        return read_units(item)
    except DataError:
        return None


def page_units(units: BoxUnits) -> dict[str, Any]:
    """The same as the page needs it: what width and height count, which number is first, whether all are whole."""
    convention = units.convention
    return {"size": units.size, "yFirst": convention.order == "yxyx", "whole": convention.whole}


def written_boxes(reply: str) -> list[list[float]]:
    """The boxes of a student's reply, in its item's units and as they were written; [] if none can be read."""
    return [list(box.values) for box in read_boxes(split_reasoning(reply).final).value or () if box.values is not None]


def with_pixels(item: Item) -> Item:
    """The item with its boxes in pixels of the image made anew from its answer, if it has them.

    Raises:
        DataError: if a box of the answer cannot be read.
    """
    units = declared_units(item)
    if PIXELS not in item.extra or units is None:
        return item
    pixels = [units.read(box["bbox_2d"]) for box in read_boxes_answer(item.answer)]
    return replace(item, extra=item.extra | {PIXELS: pixels})
