"""Reading a judge's verdict: an integer on a declared scale."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from demitasse.answers.embedded import find_json
from demitasse.answers.marks import flatten
from demitasse.answers.parsed import Parsed, unreadable

_TAG = re.compile(r"<(answer|score)\s*+>((?:(?!<(?:answer|score)\b).)*?)</\1\s*+>", re.IGNORECASE | re.DOTALL)
_LINE = re.compile(r"^[^\w\n]*+(?:final +)?(?:score|rating) *+(?:is|:|=) *+(\S.*)$", re.IGNORECASE | re.MULTILINE)
_BROKEN = re.compile(r"\"score\"\s*+:")  # of an object that is no JSON, as a quotation that was not escaped leaves one
_Verdict = tuple[Any, tuple[int, int], str]  # what was written, where, and in which form
_INTEGER = re.compile(r"(\d+)\s*+(?:(?:/|out\s++of)\s*+(\d+))?\s*+\.?", re.IGNORECASE)


def read_score(text: str, low: int = 1, high: int = 5, judged: str = "") -> Parsed[int]:
    """Read a verdict as an integer from `low` to `high`.

    A verdict is a JSON object with a `score`, an `<answer>` or `<score>` tag, or a line `Score: …`; where there is
    none, the whole text. The last one in the text is taken, whatever its form, and then checked: neither a bad verdict
    nor a good one is replaced by an earlier mention, such as a judge's quotation of what it judges; and what is left of
    a broken object is a bad verdict. What stands inside a JSON object with a `score` is part of it. `4/5` and
    `4 out of 5` are 4 when `high` is 5. Halves, words and
    numbers off the scale are no score: nothing is rounded or clamped.

    Args:
        text: the judge's final words.
        low: the scale's lowest number.
        high: its highest.
        judged: what the judge was given to rate. Where it holds the last verdict too, and the judge wrote another one
            before, the last may be a quotation: neither is a score.
    """
    verdicts = _verdicts(text)
    raw, span, method = verdicts[-1] if verdicts else (flatten(text), (0, len(text)), "whole")
    if _BROKEN.search(text, span[1]):
        return unreadable(text, "a_broken_object_last")
    score = _integer(raw, high)
    if score is None:
        return unreadable(text, "not_an_integer")
    if not low <= score <= high:
        return unreadable(text, "off_the_scale")
    if judged and _disputed(text, verdicts, score, high) and score in _scores(_verdicts(judged), high):
        return unreadable(text, "a_verdict_quoted_last")
    return Parsed(score, method, span=span)


def _verdicts(text: str) -> list[_Verdict]:
    """All that look like one, in the order of their ends; of what stands inside a JSON object only the object."""
    flat = flatten(text)
    found: list[_Verdict] = [(one.value["score"], one.span, "json") for one in find_json(text) if _has_score(one.value)]
    others: list[_Verdict] = [
        (match[2], (match.start(2), match.start(2) + len(match[2].rstrip())), "tag") for match in _TAG.finditer(flat)
    ]
    others += [(match[1], match.span(1), "line") for match in _LINE.finditer(flat)]
    inside = [span for _, span, _ in found]
    found += [one for one in others if not any(start <= one[1][0] and one[1][1] <= end for start, end in inside)]
    return sorted(found, key=lambda verdict: (verdict[1][1], verdict[2] == "json"))  # an object in a tag is the verdict


def _scores(verdicts: Iterable[_Verdict], high: int) -> set[int | None]:
    return {_integer(raw, high) for raw, _, _ in verdicts}


def _disputed(text: str, verdicts: Sequence[_Verdict], score: int, high: int) -> bool:
    """Whether something before the last verdict says otherwise: another verdict, or what is left of a broken object."""
    return bool(_scores(verdicts, high) - {score}) or any(
        not any(start <= mark.start() < end for _, (start, end), form in verdicts if form == "json")
        for mark in _BROKEN.finditer(text)
    )


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
