"""TAO's text grammar: lines `phrase: [[x1, y1, x2, y2], ...]`, and for regions a JSON array.

A phrase may hold colons, quotes and brackets: the boxes begin after the last colon, for they hold none. TAO splits at
the first one and loses such phrases.
"""

from __future__ import annotations

import ast
import json
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from demitasse.answers.embedded import find_json

# Signs of a list or of emphasis that models put around a phrase.
_MARK = re.compile(r"^(?:[-*•]\s+|\d{1,4}[.)]\s+)")
_EMPHASIS = re.compile(r"^(\*\*|__)(.+)\1$")
_QUOTES = "\"'`“”‘’«»"
_STRUCTURE = re.compile(r"[\[\]{}]")
_FENCE = "```"
_LONGEST_LITERAL = 200_000  # characters that Python's own parser is given

Line = tuple[str, list[list[float]]]


def read_lines(text: str, prose: bool = False) -> list[Line] | None:
    """The phrases of a text with their boxes; None if anything in it is out of form, or nothing is in form.

    Args:
        text: a reply. Empty lines and code fences count for nothing; `phrase: []` is a phrase without a box.
        prose: lines that hold no bracket or brace at all are passed over too.
    """
    found: list[Line] = []
    for line in text.splitlines():
        line = line.strip()
        if not line or line.startswith(_FENCE) or (prose and not _STRUCTURE.search(line)):
            continue
        read = _read_line(line)
        if read is None:
            return None
        found.append(read)
    return found or None


def write_line(phrase: str, boxes: Sequence[Sequence[int]]) -> str:
    """A line of the grammar, as TAO writes it."""
    return f"{phrase}: {json.dumps([list(box) for box in boxes])}"


def read_array(text: str) -> list[dict[str, Any]] | None:
    """The objects of a JSON array, of several JSON objects, or of a Python list; None if there are none."""
    values = [found.value for found in find_json(text)]
    arrays = [value for value in values if _is_array(value)]
    objects = [value for value in values if isinstance(value, dict)]
    if not arrays and not objects:
        literal = _literal(text)
        return literal if _is_array(literal) else None
    if arrays and (objects or len(arrays) > 1):
        return None  # which of them is the answer nobody knows
    return arrays[0] if arrays else objects


def unmarked(phrase: str) -> str:
    """A phrase without the signs of a list or of emphasis."""
    phrase = _MARK.sub("", phrase.strip())
    emphasised = _EMPHASIS.match(phrase)
    return emphasised[2].strip() if emphasised else phrase


def fold(phrase: str) -> str:
    """What two ways of writing the same phrase have in common."""
    text = unicodedata.normalize("NFKC", unmarked(phrase)).casefold()
    return " ".join("".join(sign for sign in text if sign not in _QUOTES).split()).rstrip(" .")


def _read_line(line: str) -> Line | None:
    phrase, colon, boxes = line.rstrip(" .,;").rpartition(":")
    phrase = unmarked(phrase)
    if not colon or not phrase:
        return None
    try:
        value = json.loads(boxes)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, list) and len(value) == 4 and all(_is_number(one) for one in value):
        value = [value]  # one box without the outer brackets
    return (phrase, value) if isinstance(value, list) and all(_is_box(one) for one in value) else None


def _is_array(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _is_box(value: Any) -> bool:
    return isinstance(value, list) and all(_is_number(one) for one in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _literal(text: str) -> Any:
    """A Python literal, which some models write and TAO reads; None if it is none."""
    lines = [line for line in text.splitlines() if not line.strip().startswith(_FENCE)]
    source = "\n".join(lines).strip()
    if not source.startswith("[") or len(source) > _LONGEST_LITERAL:
        return None
    try:
        return ast.literal_eval(source)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None
