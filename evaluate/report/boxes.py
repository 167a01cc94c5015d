"""Boxes over their picture, for the item browser: everything in per cent of the picture's sides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from urllib.parse import unquote

from demitasse.geometry import Box
from evaluate.metric import GROUNDING
from evaluate.parse.boxes import units_of
from evaluate.records import Json, Scored

SHOWN_BY_BROWSERS = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".avif"}


def picture(row: Scored, link: str | None) -> Json | None:
    """The frame to draw an item's boxes in; None for an item without boxes.

    Returns:
        `width` and `height` of the picture, `src` where it is there and a browser can show it, and the reference's
        boxes. Without `src` the boxes are drawn on an empty ground of the same shape.
    """
    if row.metric != GROUNDING.name:
        return None
    width, height = units_of(row.asked).image_size
    shown = link is not None and PurePosixPath(unquote(link)).suffix.lower() in SHOWN_BY_BROWSERS
    return {"width": width, "height": height, "src": link if shown else None, "gold": in_per_cent(row.gold)}


def answered(row: Scored) -> list[Json]:
    """The boxes of a reply that lie inside the picture."""
    return in_per_cent(box for box in row.value or () if box is not None) if row.metric == GROUNDING.name else []


def in_per_cent(boxes: Iterable[Box]) -> list[Json]:
    """Canonical boxes as the rectangles that SVG draws."""
    return [_rectangle(box) for box in boxes]


def _rectangle(box: Sequence[float]) -> Json:
    x1, y1, x2, y2 = (round(100 * side, 3) for side in box)
    return {"x": x1, "y": y1, "width": round(x2 - x1, 3), "height": round(y2 - y1, 3)}
