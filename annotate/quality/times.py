"""Does every time that an item speaks of lie in its video, and does every span begin before it ends?

Only what is plainly a time of the video counts: `01:05`, `00:01:05.5`, "at 12.5 s". The time of day on a clock, a
score or a ratio is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from annotate.quality.config import Times
from annotate.quality.entry import Entry
from annotate.quality.verdict import Verdict, drop, keep, unknown
from demitasse import timecode
from demitasse.answers.marks import flatten

_CLOCK = r"(?<![\d:.,/])(?:\d{1,2}:)?\d{1,3}:[0-5]\d(?:\.\d+)?(?![\d:]|\.\d)"
_AT_SECONDS = (
    r"\b(?:at|from|to|until|between|and)\s+(?:about\s+|around\s+)?"
    r"(?P<seconds>\d+(?:\.\d+)?)\s*(?:s|secs?|seconds?)\b"
)
_TIME = re.compile(rf"(?P<clock>{_CLOCK})|{_AT_SECONDS}", re.IGNORECASE)
# What stands before or after a time of day, a score or a ratio.
_NOT_BEFORE = re.compile(
    r"\b(?:clock|watch|overlay|on-?screen|screen|sign|scoreboard|score[ds]?|ratio|aspect|display|time of day|"
    r"local time|timetable|verse|chapter)\b[^.\n]{0,30}$",
    re.IGNORECASE,
)
_NOT_AFTER = re.compile(r"\s*(?:[ap]\.?\s?m\b|o'clock|hours\b|hrs?\b|utc\b|gmt\b|on the clock)", re.IGNORECASE)
_CONTEXT = 60  # characters before a time that may say what it is
_TO = re.compile(r"[\])>]?\s*(?:-|to|until|and|through)\s*[\[(<]?", re.IGNORECASE)
_SPAN_OPENING = re.compile(r"(?:\bfrom|\bbetween)\s+[\[(<]?$", re.IGNORECASE)


class Named(NamedTuple):
    """A time in a text: seconds, how it is written, where it stands."""

    seconds: float
    text: str
    start: int
    end: int


def named_times(text: str) -> list[Named]:
    """The times of the video that a text names, in order."""
    flat = flatten(text)
    return [time for time in _candidates(flat) if not _is_other(flat, time)]


def judge_times(entry: Entry, duration: float | None, why: str, config: Times) -> Verdict:
    """Drop an item that speaks of a time outside its video, or of a span that ends before it begins.

    Args:
        entry: the item.
        duration: seconds; None if it is not known.
        why: the reason for that.
        config: the tolerance.
    """
    if not entry.is_video:
        return keep("no video")
    named = {field: named_times(text) for field, text in _texts(entry)}
    if entry.span and entry.span[0] >= entry.span[1]:
        reason = f"the answer's span begins at {entry.span[0]:g} s and ends at {entry.span[1]:g} s"
        return drop("span without length", reason)
    for field, text in _texts(entry):
        for first, second in _reversed(flatten(text), named[field]):
            return drop("span ends before it begins", f"{field}: from {first.text} to {second.text}")
    if not any(named.values()) and entry.span is None:
        return keep("names no time")
    if duration is None:
        return unknown("unknown length", f"the video's length is not known: {why}")
    last = [("answer", end, f"{end:g} s") for end in entry.span or ()]
    last += [(field, time.seconds, time.text) for field, times in named.items() for time in times]
    for field, seconds, text in last:
        if seconds > duration + config.tolerance:
            return drop("after the end", f"{field}: {text} is after the video's end ({duration:.1f} s)")
    return keep()


def _texts(entry: Entry) -> list[tuple[str, str]]:
    item = entry.item
    question = item.question.removesuffix(entry.question.instruction)  # it shows a format, not a time
    return [("question", question), ("answer", item.answer), ("reasoning", item.reasoning or "")]


def _candidates(flat: str) -> Iterator[Named]:
    for match in _TIME.finditer(flat):
        group = "clock" if match["clock"] else "seconds"
        seconds = timecode.parse(match[group])
        if seconds is not None:
            yield Named(seconds, match[group] + " s" * (group == "seconds"), match.start(group), match.end())


def _is_other(flat: str, time: Named) -> bool:
    before = flat[max(0, time.start - _CONTEXT) : time.start]
    return bool(_NOT_BEFORE.search(before) or _NOT_AFTER.match(flat, time.end))


def _reversed(flat: str, times: list[Named]) -> Iterator[tuple[Named, Named]]:
    """Pairs joined as a span (a dash, "from … to …", "between … and …") whose second time comes first."""
    for first, second in zip(times, times[1:], strict=False):
        joint = flat[first.end : second.start]
        opened = _SPAN_OPENING.search(flat[: first.start]) is not None
        if second.seconds < first.seconds and _TO.fullmatch(joint) and (opened or "-" in joint):
            yield first, second
