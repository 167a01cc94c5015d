"""Boxes: one canonical form inside, every other form converted at the edge.

Canonical is `(x1, y1, x2, y2)` as fractions 0–1 of the displayed frame (rotation applied), x to the right and y
down from the top left corner, with x1 < x2 and y1 < y2. Nothing is ever clipped or reordered in silence: a box
that is inverted, empty, outside the frame or in another convention than declared raises, so that its record can
be quarantined.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from demitasse.errors import DataError

Box = tuple[float, float, float, float]
Order = Literal["xyxy", "yxyx", "xywh", "cxcywh"]

# Float noise of a conversion; far below a pixel of any frame.
EDGE = 1e-6


@dataclass(frozen=True, slots=True)
class Convention:
    """How someone writes a box.

    Attributes:
        name: for messages.
        order: corners, corners with y first, corner and size, or centre and size.
        scale: what the full width and height count; None if they are pixels of a given size.
        whole: whether the numbers are integers.
    """

    name: str
    order: Order
    scale: float | None
    whole: bool


QWEN2_VL = Convention("Qwen2-VL, 0-1000 of the frame", "xyxy", 1000, whole=True)
QWEN2_5_VL = Convention("Qwen2.5-VL, pixels of the resized frame", "xyxy", None, whole=True)  # size: smart_resize
QWEN3_VL = Convention("Qwen3-VL, 0-1000 of the frame", "xyxy", 1000, whole=True)
IMAGE_PX = Convention("pixels of the picture as it was sent", "xyxy", None, whole=True)
GEMINI = Convention("Gemini, y first, 0-1000 of the frame", "yxyx", 1000, whole=True)
TAO = Convention("TAO referring expressions, 0-1000 of the image", "xyxy", 1000, whole=True)
KITTI = Convention("KITTI, pixels", "xyxy", None, whole=False)
COCO = Convention("COCO and Action Genome, corner and size in pixels", "xywh", None, whole=False)
# VideoEspresso publishes GroundingDINO's centre and size times a constant that differs between its files: the
# author says 100, a converter in use divides by 1000 (issue 15 of its repository). Decide per file.
VIDEOESPRESSO_100 = Convention("VideoEspresso, centre and size, 0-100", "cxcywh", 100, whole=False)
VIDEOESPRESSO_1000 = Convention("VideoEspresso, centre and size, 0-1000", "cxcywh", 1000, whole=False)


def check_box(box: Sequence[float]) -> Box:
    """The box itself if it is canonical.

    Raises:
        DataError: not four finite numbers, inverted, without area, or outside 0–1.
    """
    if len(box) != 4 or not all(_is_number(value) for value in box):
        raise DataError(f"box {_shown(box)} is not four finite numbers")
    x1, y1, x2, y2 = (float(value) for value in box)
    if x2 <= x1 or y2 <= y1:
        fault = "inverted" if x2 < x1 or y2 < y1 else "without area"
        raise DataError(f"box {_shown(box)} is {fault}: it must run from its top left to its bottom right corner")
    if min(x1, y1) < -EDGE or max(x2, y2) > 1 + EDGE:
        raise DataError(f"box {_shown(box)} reaches outside the frame, which is 0 to 1 both ways")
    return (x1, y1, x2, y2)


def to_canonical(values: Sequence[float], convention: Convention, size: tuple[float, float] | None = None) -> Box:
    """Read a box written in a convention.

    Args:
        values: the four numbers, in the convention's order and units.
        convention: how they are written; it is declared, never guessed from the numbers.
        size: width and height that the pixels count in; needed by pixel conventions only. For Qwen2.5-VL this
            is the resized frame (`smart_resize`), otherwise the displayed one.

    Raises:
        DataError: if the result is no canonical box.
    """
    if len(values) != 4 or not all(_is_number(value) for value in values):
        raise DataError(f"box {_shown(values)} ({convention.name}) is not four finite numbers")
    width, height = _units(convention, size)
    x1, y1, x2, y2 = _corners(values, convention.order)
    try:
        return check_box((x1 / width, y1 / height, x2 / width, y2 / height))
    except DataError as fault:
        raise DataError(
            f"box {_shown(values)} ({convention.name}) cannot be used{_swap_hint(values, convention, size)}: {fault}"
        ) from fault


def from_canonical(
    box: Sequence[float], convention: Convention, size: tuple[float, float] | None = None
) -> list[int] | list[float]:
    """Write a canonical box in a convention; `size` as in `to_canonical`. Integers if the convention has them.

    Raises:
        DataError: if the box is not canonical, or too thin to have an area in whole units.
    """
    x1, y1, x2, y2 = check_box(box)
    width, height = _units(convention, size)
    corners = [x1 * width, y1 * height, x2 * width, y2 * height]
    if not convention.whole:
        return _ordered(corners, convention.order)
    rounded = [math.floor(value + 0.5) for value in corners]
    if rounded[0] == rounded[2] or rounded[1] == rounded[3]:
        raise DataError(f"box {_shown(box)} is thinner than one unit of {convention.name}")
    return [round(value) for value in _ordered([float(value) for value in rounded], convention.order)]


def smart_resize(
    height: int, width: int, factor: int = 28, min_pixels: int = 56 * 56, max_pixels: int = 14 * 14 * 4 * 1280
) -> tuple[int, int]:
    """Height and width that a Qwen-VL image processor resizes a frame to.

    Both become multiples of `factor` (patch × merge), with the area between the bounds and the shape kept as
    near as that allows. Box pixels of Qwen2.5-VL count in this frame, so the bounds must be the processor's own.

    Raises:
        DataError: if one side is more than 200 times the other, as the processor refuses it too.
    """
    if min(height, width) < 1 or max(height, width) > 200 * min(height, width):
        raise DataError(f"a frame of {width}×{height} cannot be resized: one side is over 200 times the other")
    # A side thinner than half a factor counts as nothing here and makes the frame grow, in transformers as well.
    rows, columns = (round(side / factor) * factor for side in (height, width))
    if rows * columns > max_pixels:
        shrink = math.sqrt(height * width / max_pixels)
        rows, columns = (max(factor, math.floor(side / shrink / factor) * factor) for side in (height, width))
    elif rows * columns < max(min_pixels, 1):
        grow = math.sqrt(min_pixels / (height * width))
        rows, columns = (max(factor, math.ceil(side * grow / factor) * factor) for side in (height, width))
    return rows, columns


def iou(first: Sequence[float], second: Sequence[float]) -> float:
    """Area of overlap over area of union of two canonical boxes, 0–1.

    Raises:
        DataError: if either is not canonical.
    """
    a, b = check_box(first), check_box(second)
    overlap = max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    return overlap / (_area(a) + _area(b) - overlap)


def match_boxes(predicted: Sequence[Box], gold: Sequence[Box]) -> list[tuple[int, int, float]]:
    """Pair boxes one to one so that the sum of IoU is greatest (Hungarian method).

    Returns:
        (index in `predicted`, index in `gold`, IoU) in order of the first; boxes that overlap nothing are left out.

    Raises:
        DataError: if a box is not canonical.
    """
    if not predicted or not gold:
        return []
    from scipy.optimize import linear_sum_assignment  # here: most who convert boxes match none

    overlaps = _overlaps(predicted, gold)
    rows, columns = linear_sum_assignment(overlaps, maximize=True)
    pairs = ((int(row), int(column)) for row, column in zip(rows, columns, strict=True))
    return [(row, column, float(overlaps[row, column])) for row, column in pairs if overlaps[row, column] > 0]


def _overlaps(predicted: Sequence[Box], gold: Sequence[Box]) -> NDArray[np.float64]:
    """IoU of every pair [predicted, gold]: `iou` at once for hundreds of boxes."""
    a = np.array([check_box(box) for box in predicted])[:, None]
    b = np.array([check_box(box) for box in gold])[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = np.clip(sides, 0, None).prod(axis=-1)
    areas = [(boxes[..., 2:] - boxes[..., :2]).prod(axis=-1) for boxes in (a, b)]
    overlaps: NDArray[np.float64] = shared / (areas[0] + areas[1] - shared)
    return overlaps


def _units(convention: Convention, size: tuple[float, float] | None) -> tuple[float, float]:
    if convention.scale is not None:
        return convention.scale, convention.scale
    if size is None or min(size) <= 0:
        raise DataError(f"boxes of {convention.name} need the frame's width and height in pixels, not {size}")
    return size


def _corners(values: Sequence[float], order: Order) -> Box:
    a, b, c, d = (float(value) for value in values)
    match order:
        case "xyxy":
            return a, b, c, d
        case "yxyx":
            return b, a, d, c
        case "xywh":
            return a, b, a + c, b + d
        case "cxcywh":
            return a - c / 2, b - d / 2, a + c / 2, b + d / 2


def _ordered(corners: Sequence[float], order: Order) -> list[float]:
    x1, y1, x2, y2 = corners
    match order:
        case "xyxy":
            return [x1, y1, x2, y2]
        case "yxyx":
            return [y1, x1, y2, x2]
        case "xywh":
            return [x1, y1, x2 - x1, y2 - y1]
        case "cxcywh":
            return [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]


def _swap_hint(values: Sequence[float], convention: Convention, size: tuple[float, float] | None) -> str:
    """Says so when the box would be good with x and y swapped: the writer likely put y first, or x."""
    a, b, c, d = values
    width, height = _units(convention, size)
    x1, y1, x2, y2 = _corners((b, a, d, c), convention.order)
    fits = 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height
    return " (x and y look swapped)" if fits else ""


def _is_number(value: object) -> bool:
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number, as JSON may hold it, that is larger than any float
        return False


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _shown(values: object) -> str:
    text = str(list(values)) if isinstance(values, Sequence) and not isinstance(values, str) else repr(values)
    return text if len(text) <= 80 else text[:77] + "..."
