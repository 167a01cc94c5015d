"""KITTI label files, line by line: what TAO reads is read, and a line that is not used is named with its reason.

A line is `type truncated occluded alpha x1 y1 x2 y2` and, in KITTI's own files, seven fields on the object in the world
and perhaps a score (KITTI object development kit, readme.txt). TAO splits at white space, takes the fifth to eighth
field for the box, passes over lines of fewer than eight, and falls over a word among the four. Here numbers are
checked, and a type of several words ("Traffic light") is told by what follows it, which KITTI's format fixes.
"""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from demitasse.media.exif import Corners

LeftOut = dict[str, Any]  # {"line": number, "reason": text}; what stands before the reason's colon can be counted

FEWEST = 8  # fields that TAO needs
NUMBERS = 7  # that must follow the type: truncated, occluded, alpha and the box
SCORE = 14  # numbers before the score
# Numbers that may follow a type of several words: as few as TAO takes, KITTI's, KITTI's with a score.
AFTER_WORDS = (NUMBERS, SCORE, SCORE + 1)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)  # float() takes nan and 1_000 as well
_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
MOST = 1e6  # pixels; nothing that was meant lies further off


@dataclass(frozen=True, slots=True)
class Labelled:
    """One object of a label.

    Attributes:
        line: its number in the file, from 1.
        type: its class, words as they stand with one space between.
        corners: x1, y1, x2, y2 in pixels, as they stand: perhaps inverted, or outside the image.
        truncated: how much of it lies outside the image, 0 to 1; -1 where nobody said.
        occluded: 0 fully visible, 1 partly, 2 largely hidden, 3 unknown; -1 where nobody said.
        score: of a detection; None where there is none.
    """

    line: int
    type: str
    corners: Corners
    truncated: float = -1.0
    occluded: float = -1.0
    score: float | None = None

    def moved(self, corners: Corners) -> Labelled:
        """The same object with other corners."""
        return replace(self, corners=corners)


def read_label(raw: bytes) -> tuple[list[Labelled], list[LeftOut]]:
    """The objects of a label file, and the lines that hold none. Empty lines are neither."""
    objects: list[Labelled] = []
    left_out: list[LeftOut] = []
    for number, line in enumerate(raw.removeprefix(codecs.BOM_UTF8).splitlines(), start=1):
        if line.strip():
            found = _read_line(number, line)
            if isinstance(found, Labelled):
                objects.append(found)
            else:
                left_out.append({"line": number, "reason": found})
    return objects, left_out


def tao_box(labelled: Labelled) -> list[int | str]:
    """A box as TAO keeps it: whole pixels, cut off towards zero, and the type."""
    return [*(int(value) for value in labelled.corners), labelled.type]


def _read_line(number: int, line: bytes) -> Labelled | str:
    """The object of a line, or why there is none."""
    try:
        fields = line.decode().split()
    except UnicodeDecodeError:
        return "not UTF-8"
    if any(problems := list(_problems(fields))):
        return problems[0]
    words = _words(fields)
    told = fields[words:]
    truncated, occluded, _, x1, y1, x2, y2 = (float(field) for field in told[:NUMBERS])
    score = float(told[SCORE]) if len(told) > SCORE and _is_number(told[SCORE]) else None
    return Labelled(number, " ".join(fields[:words]), (x1, y1, x2, y2), truncated, occluded, score)


def _problems(fields: Sequence[str]) -> Iterator[str]:
    if len(fields) < FEWEST:
        yield f"fewer than {FEWEST} fields: {len(fields)}"
        return
    for place, field in enumerate(fields, start=1):
        if _COMMA.fullmatch(field):
            yield f"a comma for a decimal point: field {place} is '{field}'"
    words = _words(fields)
    for place, field in enumerate(fields[words : words + NUMBERS], start=words + 1):
        if not _NUMBER.fullmatch(field):
            yield f"not a number: field {place} is '{_short(field)}'"
        elif abs(float(field)) > MOST:
            yield f"too large a number: field {place} is '{_short(field)}'"


def _words(fields: Sequence[str]) -> int:
    """How many fields the type has: one, unless words follow it and then just as many numbers as KITTI has."""
    words = 1
    while words < len(fields) and not _NUMBER.fullmatch(fields[words]):
        words += 1
    rest = fields[words:]
    return words if len(rest) in AFTER_WORDS and all(map(_is_number, rest)) else 1


def _is_number(field: str) -> bool:
    """Not nan, and no size that a float cannot hold."""
    return bool(_NUMBER.fullmatch(field)) and math.isfinite(float(field))


def _short(field: str) -> str:
    return field if len(field) <= 20 else f"{field[:20]}…"
