"""Reading a judge's verdict: an integer on a declared scale."""

from __future__ import annotations

import re
from typing import Any

from demitasse.answers.embedded import find_json
from demitasse.answers.marks import flatten
from demitasse.answers.parsed import Parsed, unreadable

_TAG = re.compile(r"<(answer|score)\s*+>((?:(?!<(?:answer|score)\b).)*?)</\1\s*+>", re.IGNORECASE | re.DOTALL)
_LINE = re.compile(r"^[^\w\n]*+(?:final +)?(?:score|rating) *+(?:is|:|=) *+(\S.*)$", re.IGNORECASE | re.MULTILINE)
_Verdict = tuple[Any, tuple[int, int], str]  # what was written, where, and in which form
_INTEGER = re.compile(r"(\d+)\s*+(?:(?:/|out\s++of)\s*+(\d+))?\s*+\.?", re.IGNORECASE)


def read_score(text: str, low: int = 1, high: int = 5) -> Parsed[int]:
    """Read a verdict as an integer from `low` to `high`.

    A verdict is a JSON object with a `score`, an `<answer>` or `<score>` tag, or a line `Score: …`; where there is
    none, the whole text. The last one in the text is taken, whatever its form, and then checked: neither a bad verdict
    nor a good one is replaced by an earlier mention, such as a judge's quotation of what it judges. What stands inside
    a JSON object with a `score` is part of it. `4/5` and `4 out of 5` are 4 when `high` is 5. Halves, words and
    numbers off the scale are no score: nothing is rounded or clamped.
    """
    flat = flatten(text)
    verdicts: list[_Verdict] = [
        (one.value["score"], one.span, "json") for one in find_json(text) if _has_score(one.value)
    ]
    verdicts += [
        (match[2], (match.start(2), match.start(2) + len(match[2].rstrip())), "tag") for match in _TAG.finditer(flat)
    ]
    verdicts += [(match[1], match.span(1), "line") for match in _LINE.finditer(flat)]
    last = max(verdicts, key=lambda verdict: verdict[1][1], default=(flat, (0, len(text)), "whole"))
    raw, span, method = last
    score = _integer(raw, high)
    if score is None:
        return unreadable(text, "not_an_integer")
    if not low <= score <= high:
        return unreadable(text, "off_the_scale")
    return Parsed(score, method, span=span)


def _has_score(value: Any) -> bool:
    return isinstance(value, dict) and "score" in value


def _integer(raw: Any, high: int) -> int | None:
    if isinstance(raw, str):
        match = _INTEGER.fullmatch(flatten(raw).strip())
        if match and len(match[1]) < 10 and match[2] in (None, str(high)):
            return int(match[1])
        return None
    if isinstance(raw, bool) or not isinstance(raw, (int, float)):
        return None
    return int(raw) if raw == raw // 1 else None
