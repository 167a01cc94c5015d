"""Sets of time spans: what several spans cover, and how far two such sets overlap."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from demitasse.answers import Parsed
from demitasse.answers.embedded import find_json
from demitasse.answers.parsed import unreadable
from demitasse.answers.times import Span, read_times

_NAMES = ("result", "intervals", "clue_intervals", "spans")


def merged(spans: Iterable[Sequence[float]]) -> list[list[float]]:
    """The spans in order, those that touch or overlap made one."""
    found: list[list[float]] = []
    for start, end in sorted(([one[0], one[1]] for one in spans), key=lambda one: one[0]):
        if found and start <= found[-1][1]:
            found[-1][1] = max(found[-1][1], end)
        else:
            found.append([start, end])
    return found


def union_iou(first: Iterable[Sequence[float]], second: Iterable[Sequence[float]]) -> float:
    """Intersection over union of what two sets of spans cover; 0 where both cover nothing.

    0 to 1 for spans whose end is not before their start. A span that is reversed has a negative length: two sets of
    such give up to whatever, which is why `read_intervals` refuses them.
    """
    ours, theirs = merged(first), merged(second)
    shared = sum(max(0.0, min(one[1], two[1]) - max(one[0], two[0])) for one in ours for two in theirs)
    union = sum(end - start for start, end in ours) + sum(end - start for start, end in theirs) - shared
    return shared / union if union > 0 else 0.0


def read_intervals(text: str) -> Parsed[tuple[Span, ...]]:
    """Read a final answer as spans in seconds: JSON `[[start, end], ...]`, alone or as `result`; or one span in words.

    Seconds are seconds: spans below 1 are not taken for shares of the video. A span that is reversed, negative or not
    finite spoils the answer, for none of it says what was meant.
    """
    for value, place in find_json(text):
        pairs = _pairs(value)
        if pairs is None:
            continue
        if not all(_is_span(pair) for pair in pairs):
            return unreadable(text, "no_spans")
        return Parsed(tuple((float(start), float(end)) for start, end in pairs), "json", span=place)
    one = read_times(text)
    if one.value is None:
        return unreadable(text, one.method)
    return Parsed((one.value,), one.method, span=one.span)


def _pairs(value: Any) -> list[Any] | None:
    if isinstance(value, dict):
        value = next((value[name] for name in _NAMES if name in value), None)
    if not isinstance(value, list):
        return None
    if len(value) == 2 and not any(isinstance(one, list) for one in value):
        return [value]
    return value if all(isinstance(one, list) for one in value) else None


def _is_span(pair: Sequence[Any]) -> bool:
    if len(pair) != 2 or any(isinstance(one, bool) or not isinstance(one, (int, float)) for one in pair):
        return False
    return math.isfinite(pair[0] + pair[1]) and 0 <= pair[0] <= pair[1]
