"""Reading boxes as the model wrote them. Converting them is `geometry`'s work, and needs the declared space."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from demitasse.answers.embedded import find_json
from demitasse.answers.parsed import Parsed, unreadable

_KEYS = ("bbox_2d", "bbox")


@dataclass(frozen=True, slots=True)
class Box:
    """`corners` are x1, y1, x2, y2 in `space`, which is what the prompt declared; it is never guessed."""

    corners: tuple[float, float, float, float]
    space: str
    label: str | None = None


def read_boxes(text: str, space: str) -> Parsed[tuple[Box, ...]]:
    """Read a final answer as a list of boxes: `{"bbox_2d": [x1, y1, x2, y2], "label": …}` or bare corners.

    The JSON may be fenced; `[]` is an answer and says that there is nothing. Corners that are not four finite
    numbers, or whose second corner is not right of and below the first, leave the whole answer unparsable.
    """
    found = [item for item in find_json(text) if _holds_boxes(item.value)]
    if len(found) != 1:
        return unreadable(text, "several_lists" if found else "no_boxes")
    boxes = [_box(one, space) for one in _entries(found[0].value)]
    kept = tuple(box for box in boxes if box is not None)
    if len(kept) < len(boxes):
        return unreadable(text, "not_a_box")
    return Parsed(kept, "json", span=found[0].span)


def _holds_boxes(value: Any) -> bool:
    return value == [] or any(isinstance(one, (dict, list)) for one in _entries(value))


def _entries(value: Any) -> Iterator[Any]:
    """The boxes of a list; a single object or one list of numbers is a list of one."""
    single = isinstance(value, dict) or (value and not isinstance(value[0], (dict, list)))
    yield from [value] if single else value


def _box(entry: Any, space: str) -> Box | None:
    label = entry.get("label") if isinstance(entry, dict) else None
    corners = next((entry[key] for key in _KEYS if key in entry), None) if isinstance(entry, dict) else entry
    if not isinstance(corners, list) or len(corners) != 4:
        return None
    if not all(isinstance(side, (int, float)) and not isinstance(side, bool) for side in corners):
        return None
    x1, y1, x2, y2 = corners
    if not all(map(math.isfinite, corners)) or x2 <= x1 or y2 <= y1:
        return None
    return Box((float(x1), float(y1), float(x2), float(y2)), space, label if isinstance(label, str) else None)
