"""Reading boxes as a model wrote them: JSON, or the pairs of points of the older Qwen families.

What order and unit the numbers have, only the declared convention can say (`demitasse.dataset.grounding`). It
is never guessed here: not from the numbers, and not from a key, since models write `box_2d` with x first as well.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, NamedTuple

from demitasse.answers.embedded import find_json
from demitasse.answers.marks import answer_regions
from demitasse.answers.parsed import Parsed, unreadable

Numbers = tuple[float, float, float, float]

KEYS = ("bbox_2d", "box_2d", "bbox", "box", "bounding_box")
_QUOTED_KEYS = tuple(f'"{key}"' for key in KEYS)
LARGEST = 1e9  # no frame has more pixels to a side; beyond it JSON's whole numbers need not even fit a float
_NUMBER = r"(-?\d{1,9}(?:\.\d{1,9})?)"
_POINT = rf"\(\s*+{_NUMBER}\s*+,\s*+{_NUMBER}\s*+\)"
# `(x1,y1),(x2,y2)`, as Qwen-VL and Qwen2-VL write it, with or without their `<box>` marks around it.
_POINTS = re.compile(rf"{_POINT}\s*+,?\s*+{_POINT}")
_ALONE = re.compile(r"\s*+" + _NUMBER + 3 * rf"(?:\s*+,\s*+|\s++){_NUMBER}" + r"\s*+")  # the whole answer
_ROUND = re.compile(rf"\(\s*+{_NUMBER}" + 3 * rf"\s*+,\s*+{_NUMBER}" + r"\s*+\)")  # "(100, 200, 300, 400)"


class WrittenBox(NamedTuple):
    """`values` are four finite numbers as written; None where an entry of the list holds no such four."""

    values: Numbers | None
    label: str | None = None


def read_boxes(text: str) -> Parsed[tuple[WrittenBox, ...]]:
    """Read a final answer as a list of boxes: `{"bbox_2d": [a, b, c, d], "label": …}`, or the four numbers bare.

    The JSON may be fenced, the label left out, and `[]` is an answer: there is nothing. Boxes one after the other
    are read as one list, as are points `(a,b),(c,d)` or `(a,b,c,d)` where there is no JSON. An entry without four
    finite numbers stays in the list as what it claims to be, a box; if no entry has them, the answer is unparsable. So
    are two lists that differ, and a list that is cut off or broken, of which only the first boxes could be read. Where
    an `<answer>` tag says where the answer is, boxes elsewhere are none of it.
    """
    regions = answer_regions(text)
    if len({text[slice(*region)].strip() for region in regions}) > 1:
        return unreadable(text, "several_lists")
    start = regions[0][0]
    parsed = _read(text[slice(*regions[0])])
    return replace(parsed, span=(parsed.span[0] + start, parsed.span[1] + start)) if parsed.span else parsed


def _read(text: str) -> Parsed[tuple[WrittenBox, ...]]:
    found = [(one, boxes) for one in find_json(text) if (boxes := _boxes(one.value)) is not None]
    if not found:
        return _from_points(text)
    if len(found) > 1 and any(_is_list_of_boxes(one.value) for one, _ in found):
        if any(one.value != found[0][0].value for one, _ in found):
            return unreadable(text, "several_lists")
        found = found[:1]
    first, last = found[0][0], found[-1][0]
    if not _is_list_of_boxes(first.value) and _is_inside(text[: first.span[0]].rstrip()):
        return unreadable(text, "list_not_closed")
    read = tuple(box for _, some in found for box in some)
    if read and all(box.values is None for box in read):
        return unreadable(text, "not_a_box")
    method = "list" if _is_list_of_boxes(first.value) else "boxes"
    return Parsed(read, method, span=(first.span[0], last.span[1]))


def _is_inside(before: str) -> bool:
    """Whether what stands before a box opens something that could not be read as JSON: a list, or a box's object."""
    return before.endswith("[") or (before.endswith(":") and before[:-1].rstrip().endswith(_QUOTED_KEYS))


def _from_points(text: str) -> Parsed[tuple[WrittenBox, ...]]:
    whole = _ALONE.fullmatch(text)
    matches = list(_POINTS.finditer(text)) or list(_ROUND.finditer(text)) or ([whole] if whole else [])
    if not matches:
        return unreadable(text, "no_boxes")
    boxes = tuple(WrittenBox(_numbers([float(number) for number in match.groups()])) for match in matches)
    return Parsed(boxes, "points", span=(matches[0].start(), matches[-1].end()))


def _is_list_of_boxes(value: Any) -> bool:
    """Whether it is a list by itself, and not one box of several."""
    return isinstance(value, list) and (not value or isinstance(value[0], (dict, list)))


def _boxes(value: Any) -> list[WrittenBox] | None:
    """The boxes of a JSON value; None if it speaks of none: prose is full of braces and footnotes like [1]."""
    if not _is_list_of_boxes(value):
        return _one_or_more(value)
    entries = [_one_or_more(entry) for entry in value]
    if value and all(entry is None for entry in entries):
        return None
    return [box for entry in entries for box in (entry if entry is not None else [WrittenBox(None)])]


def _one_or_more(entry: Any) -> list[WrittenBox] | None:
    """An object's box, or boxes where its key holds a list of them; or a bare list of numbers."""
    if isinstance(entry, dict):
        key = next((key for key in KEYS if key in entry), None)
        if key is None:
            return None
        written, label = entry[key], entry.get("label")
        several = written if _is_list_of_boxes(written) and written else [written]
        return [WrittenBox(_numbers(one), label if isinstance(label, str) else None) for one in several]
    if isinstance(entry, list) and len(entry) > 1 and any(_is_number(one) for one in entry):
        return [WrittenBox(_numbers(entry))]
    return None


def _numbers(written: Any) -> Numbers | None:
    if not isinstance(written, list) or len(written) != 4 or not all(map(_is_number, written)):
        return None
    a, b, c, d = map(float, written)
    return a, b, c, d


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= LARGEST
