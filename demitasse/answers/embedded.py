"""JSON values inside model text: bare, fenced, or with prose around them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_OPENING = re.compile(r"[{\[]")
MISSES = 200  # openings that lead nowhere, after which the rest is no answer: a reply of "[[[[…" must not take minutes
_DECODER = json.JSONDecoder()


class Found(NamedTuple):
    """A JSON object or array and where it stands in the text."""

    value: Any
    span: tuple[int, int]


def find_json(text: str) -> Iterator[Found]:
    """Every outermost JSON object and array, in order. Text that only looks like JSON is passed over."""
    position, misses = 0, 0
    while misses < MISSES and (opening := _OPENING.search(text, position)):
        try:
            value, position = _DECODER.raw_decode(text, opening.start())
        except (ValueError, RecursionError):
            position, misses = opening.end(), misses + 1
        else:
            yield Found(value, (opening.start(), position))
