"""JSON values inside model text: bare, fenced, or with prose around them, in time that grows as the text does."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

_OPENING = re.compile(r"[{\[]")
_LAST_COMMA = re.compile(r"(?<=[\w\"}\]])(\s*),(?=\s*[}\]])")  # models end lists as Python lets them be ended
_DECODER = json.JSONDecoder()
# Characters read in vain, after which a text is no answer in JSON: brackets that never close would be read to the end
# of the text for each of them. Prose, LaTeX and a list that was cut off stay far below.
VAIN, VAIN_PER_CHARACTER = 100_000, 20
_TOO_DEEP = 10_000  # in characters, what it takes to find out that brackets are nested deeper than the decoder goes
_LINES = 64  # an error counts the lines before it, which goes this much faster than reading


class Found(NamedTuple):
    """A JSON object or array and where it stands in the text."""

    value: Any
    span: tuple[int, int]


def find_json(text: str) -> list[Found]:
    """Every outermost JSON object and array, in order. Text that only looks like JSON is passed over.

    A comma behind the last entry of a list or object is forgiven.

    None at all for a text of brackets that lead nowhere: half of what there is would be taken for the whole.
    """
    found: list[Found] = []
    forgiven = _LAST_COMMA.sub(r"\1 ", text)
    position, left = 0, VAIN + VAIN_PER_CHARACTER * len(text)
    while opening := _OPENING.search(text, position):
        start, position = opening.start(), opening.start() + 1
        for source in (text, forgiven):
            try:
                value, position = _DECODER.raw_decode(source, start)
            except json.JSONDecodeError as error:
                left -= error.pos - start + error.pos // _LINES
                if not _stops_at_a_last_comma(text, forgiven, start, error.pos):
                    break
            except (ValueError, RecursionError):  # a number of too many digits; nested too deep
                left -= _TOO_DEEP
                break
            else:
                found.append(Found(value, (start, position)))
                break
        if left < 0:
            return []
    return found


def _stops_at_a_last_comma(text: str, forgiven: str, start: int, place: int) -> bool:
    """Whether what stopped the decoder is a comma to be forgiven, before the closing bracket or right at it."""
    comma = text.rfind(",", start, place + 1)
    return comma >= 0 and forgiven[comma] != ","
