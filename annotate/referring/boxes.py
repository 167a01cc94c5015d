"""Which labelled boxes are asked about: those that lie in the image, each once. What is not used has its reason.

A box that reaches past the edge by a pixel at most is cut off there, and keeps what it was in `clipped_from`: tools
disagree on whether the last column is width - 1 or width, and whether the first is 0 or 1. One that reaches further is
left out: the label may be that of another image, another size or another orientation, and a box that is clipped to fit
would hide it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from annotate.referring.kitti import Labelled, LeftOut
from demitasse.errors import DataError
from demitasse.geometry import TAO, from_canonical
from demitasse.media.exif import Corners, displayed_size, turn_corners

TOLERANCE = 1.0  # pixels past the edge
DECIMALS = 3  # of a pixel: what is beyond is noise of turning and clipping

AnyBox = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Selection:
    """What a person leaves out on purpose.

    Attributes:
        skip_types: types that are not asked about (KITTI's DontCare marks regions, not objects).
        min_box_px: the shortest side that is still looked at, in pixels.
    """

    skip_types: tuple[str, ...] = ()
    min_box_px: float = 0.0


@dataclass(frozen=True, slots=True)
class Frame:
    """The image that boxes lie in: its displayed size, and how it was stored."""

    width: int
    height: int
    orientation: int = 1

    def turned(self, corners: Corners) -> Corners:
        """Corners in pixels of the stored image, in pixels of the displayed one."""
        return turn_corners(corners, *displayed_size(self.width, self.height, self.orientation), self.orientation)


def select(objects: Iterable[Labelled], frame: Frame, selection: Selection) -> tuple[list[AnyBox], list[LeftOut]]:
    """The boxes that are used, and the lines that are not; corners count in pixels of the displayed image."""
    boxes: list[AnyBox] = []
    left_out: list[LeftOut] = []
    lines: dict[tuple[str, Corners], int] = {}
    for labelled in objects:
        same = lines.setdefault((labelled.type, labelled.corners), labelled.line)
        reason = _unusable(labelled, frame, selection) or (
            f"same as another line: {same}" if same != labelled.line else ""
        )
        if reason:
            left_out.append({"line": labelled.line, "reason": reason})
        else:
            boxes.append(_box(labelled, frame))
    return boxes, left_out


def to_thousandths(corners: Sequence[float], width: int, height: int) -> list[int] | list[float] | None:
    """Corners in pixels as TAO's 0-1000 of width and height; None where a box has no area in them."""
    x1, y1, x2, y2 = corners
    try:
        return from_canonical((x1 / width, y1 / height, x2 / width, y2 / height), TAO)
    except DataError:
        return None


def _unusable(labelled: Labelled, frame: Frame, selection: Selection) -> str:
    """Why a box is not used; "" if it is."""
    x1, y1, x2, y2 = labelled.corners
    shown = [round(value, DECIMALS) for value in labelled.corners]
    if labelled.type in selection.skip_types:
        return f"its type is in skip_types: {labelled.type}"
    if x2 < x1 or y2 < y1:
        return f"inverted: {shown}"
    if x2 == x1 or y2 == y1:
        return f"without area: {shown}"
    beyond = max(-x1, -y1, x2 - frame.width, y2 - frame.height)
    if beyond > TOLERANCE or x1 >= frame.width or y1 >= frame.height or x2 <= 0 or y2 <= 0:
        return f"{_where(labelled, frame)}: {shown} in {frame.width}×{frame.height}"
    left, top, right, bottom = _within(labelled.corners, frame)
    if min(right - left, bottom - top) < selection.min_box_px:
        return f"smaller than min_box_px: {shown}"
    if round(left, DECIMALS) == round(right, DECIMALS) or round(top, DECIMALS) == round(bottom, DECIMALS):
        return f"without area: {shown}"  # as it is kept
    return ""


def _where(labelled: Labelled, frame: Frame) -> str:
    x1, y1, x2, y2 = labelled.corners
    outside = x1 >= frame.width or y1 >= frame.height or x2 <= 0 or y2 <= 0
    where = "outside the image" if outside else "partly outside the image"
    stored = displayed_size(frame.width, frame.height, frame.orientation)
    if frame.orientation >= 5 and min(x1, y1) >= 0 and x2 <= stored[0] and y2 <= stored[1]:
        where += ", though inside it as it is stored (label_orientation=stored?)"
    return where


def _box(labelled: Labelled, frame: Frame) -> AnyBox:
    corners = _within(labelled.corners, frame)
    box: AnyBox = {
        "bbox_px": [round(value, DECIMALS) for value in corners],
        "bbox_2d": to_thousandths(corners, frame.width, frame.height),
        "type": labelled.type,
        "truncated": labelled.truncated,
        "occluded": labelled.occluded,
        "line": labelled.line,
    }
    if labelled.score is not None:
        box["score"] = labelled.score
    if corners != labelled.corners:
        box["clipped_from"] = [round(value, DECIMALS) for value in labelled.corners]
    return box


def _within(corners: Corners, frame: Frame) -> Corners:
    x1, y1, x2, y2 = corners
    return max(x1, 0.0), max(y1, 0.0), min(x2, float(frame.width)), min(y2, float(frame.height))
