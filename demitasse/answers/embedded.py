"""JSON values inside model text: bare, fenced, or with prose around them, in time that grows as the text does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import Any, NamedTuple

_OPENING = re.compile(r"[{\[]")
_BRACKET = re.compile(r"[{}\[\]\"]")
_TOKEN = re.compile(r"\"(?:[^\"\\]++|\\.)*+\"|[{}\[\]\"]", re.DOTALL)  # a quote alone is a string that never ends
_PARTNER = {"}": "{", "]": "["}
_DECODER = json.JSONDecoder()
DEEPEST = 100  # levels of nesting; no answer has more, and the decoder's own limit depends on who calls it


class Found(NamedTuple):
    """A JSON object or array and where it stands in the text."""

    value: Any
    span: tuple[int, int]


def find_json(text: str) -> Iterator[Found]:
    """Every outermost JSON object and array, in order. Text that only looks like JSON is passed over."""
    brackets = _Brackets(text)
    position = 0
    while opening := _OPENING.search(text, position):
        start = opening.start()
        end, scan = brackets.close_of(start)
        position = start + 1
        if end == 0 or brackets.broken(scan, start, end):
            continue
        try:
            value, _ = _DECODER.raw_decode(text[start:end])
        except json.JSONDecodeError as error:
            brackets.faults[scan] = start + error.pos
        except (ValueError, RecursionError):  # a number of too many digits
            continue
        else:
            yield Found(value, (start, end))
            position = end


class _Brackets:
    """Which bracket closes which, found for all brackets at once, so that no stretch is read for each that opens.

    Where a quote is a string's depends on where reading starts: a bracket that one scan took for text is scanned by
    itself. There are two such ways to read a stretch, so it is scanned twice at most.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._ends: dict[int, tuple[int, int]] = {}  # of an opening: where its partner ends (0: nowhere), and the scan
        self._open_quote = len(text)  # from here on no string ends
        self._scans = 0
        self.faults: dict[int, int] = {}  # of a scan: where what it matched was last found to be no JSON

    def close_of(self, start: int) -> tuple[int, int]:
        """The end of what opens at `start`, 0 if it never closes or is nested too deep; and the scan that knows."""
        if start not in self._ends:
            self._scans += 1
            self._scan(start)
        return self._ends[start]

    def broken(self, scan: int, start: int, end: int) -> bool:
        """Whether it holds the place at which something around it was found to be no JSON."""
        return start < self.faults.get(scan, 0) < end

    def _scan(self, start: int) -> None:
        """Match brackets from `start` to its partner, or as far as there is any hope of one."""
        stack: list[int] = []
        heights = [0]  # of nesting below what is open, for each of the stack and for the whole
        for token in self._tokens(start):
            mark, place = token[0], token.start()
            if mark in "{[":
                stack.append(place)
                heights.append(0)
            elif mark in _PARTNER:
                if self._text[stack[-1]] != _PARTNER[mark]:
                    break
                height = heights.pop() + 1
                heights[-1] = max(heights[-1], height)
                self._ends[stack.pop()] = (place + 1 if height <= DEEPEST else 0, self._scans)
                if not stack:
                    return
            elif mark == '"':
                self._open_quote = min(self._open_quote, place)
                break
        self._ends |= dict.fromkeys(stack, (0, self._scans))

    def _tokens(self, start: int) -> Iterator[re.Match[str]]:
        """Strings and brackets; once a string is known never to end, none that opens after it does either."""
        known = self._open_quote + 1
        return chain(_TOKEN.finditer(self._text, start, known), _BRACKET.finditer(self._text, max(start, known)))
