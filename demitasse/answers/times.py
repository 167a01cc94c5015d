"""Reading one span of time, in seconds."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from demitasse import timecode
from demitasse.answers.embedded import find_json
from demitasse.answers.marks import answer_regions, flatten
from demitasse.answers.parsed import Parsed, unreadable

Span = tuple[float, float]

_UNIT = r"\s*(?:(?:s|secs?|seconds?)\b|秒)"
# Subtitles have milliseconds after a comma.
_NUMBER = r"\d{1,9}(?::\d{1,9}){0,2}(?:\.\d{1,9}|(?<=:\d\d),\d{3}(?![\d:]))?"
# Both times of a pair; `unit` after the second speaks for both. Brackets and quotes around each are allowed.
_FIRST = rf"[\[<(\"']{{0,3}}(?P<start>{_NUMBER})(?:{_UNIT})?[\])>\"']*"
_NO_SIGN = r"(?<![\w.:,+-])"  # nothing that makes another number of it: -3, .5, 2,5
_TO = r"\s*(?:-{0,2}>|-|~|(?:to|until|till|through)\b|\.\.+|\u2192|[到至])\s*"
# Nor may it go on as another number, or with a third time: 3-5-7 s.
_SECOND = rf"[\[<(\"']{{0,3}}(?P<end>{_NUMBER})(?P<unit>{_UNIT})?[\])>\"']*+(?![\w:]|[.,]\d|{_TO}[\[<(\"']{{0,3}}\d)"
_MARK = r"(?:the\s+)?(?:second\s+)?"  # "from the 3 second mark", "from second 3"
_LABEL = r"(?:[_ ]?time)?[\"']?\s*+(?::|=|is|at)?\s*+"
_SPANS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:start|begin)s?{_LABEL}{_FIRST}[\s,;]*+(?:and\s++)?(?:the\s++)?[\"']?ends?{_LABEL}{_SECOND}",
        rf"(?:\b(?:from|between)\s+{_MARK}|从第?){_FIRST}(?:\s+mark)?\s*"
        rf"(?:(?:-|(?:to|until|till|through|and)\b)\s*{_MARK}|[到至]第?){_SECOND}",
        rf"[\[(]\s*+{_FIRST}\s*+,\s*+{_SECOND}",
        rf"{_NO_SIGN}{_FIRST}{_TO}{_SECOND}",
    )
)
_LABELLED = _SPANS[:2]
_AND = re.compile(r"\s*(?:,|;|(?:,\s*)?(?:and|or)\b)\s*", re.IGNORECASE)  # "5 - 9, 10 - 12 s": one unit for both
_CALLED = (
    r"(?:(?:the\s+)?(?:final\s+)?(?:answer|答案|timestamps?|time|span|interval)\s*(?:is\b\s*:?|[:=])|\\boxed\s*\{)"
)
# A comma parts two times if it can be no decimal comma: space follows it, or a time with a colon.
_WHOLE = re.compile(
    rf"[^\w\[<(\"'\\]*+(?:{_CALLED}[^\w\[<(\"'.,+-]*+)?{_NO_SIGN}{_FIRST}"
    rf"(?:{_TO}|\s*,\s+|(?<=:\d\d),(?=\d+:)|\s*){_SECOND}[\s.!}}$]*",
    re.IGNORECASE,
)
BEFORE = 40  # characters before a pair in which "frames" or "scale" is looked for, and a third time joined to it
_THIRD = re.compile(rf"(?::\d\d(?:\.\d{{1,9}})?|\d{_UNIT})[\])>\"']*+{_TO}$", re.IGNORECASE)
_FRAMES = re.compile(r"\b(?:frames?|scale)\s+(?:number\s+|from\s+|between\s+)?$", re.IGNORECASE)
_PAUSE = re.compile(r"\s*(?:$|[.,;:!?)}\]\n])")
_PLACEHOLDER = re.compile(r"[\[<(]?\s*(?:HH:)?MM:SS(?:\.f+)?\s*[\])>]?", re.IGNORECASE)
# As keys are compared: without case and lines ("startTime", "start_time").
_KEYS = tuple(
    (first + tail, "end" + tail)
    for first in ("start", "begin")
    for tail in ("", "time", "timestamp", "seconds", "sec", "s")
)
_HOLDERS = ("answer", "span", "interval", "time", "times", "timestamp", "timestamps")


class _Reading(NamedTuple):
    """A pair as written; a time that cannot be read is None."""

    start: float | None
    end: float | None
    method: str
    place: tuple[int, int]


def span_iou(first: Span, second: Span) -> float:
    """Intersection over union of two spans in seconds, 0 to 1; 0 where both are a moment (Charades-STA's)."""
    shared = max(0.0, min(first[1], second[1]) - max(first[0], second[0]))
    union = (first[1] - first[0]) + (second[1] - second[0]) - shared
    return shared / union if union > 0 else 0.0


def read_times(text: str) -> Parsed[Span]:
    """Read a final answer as one span (start, end) in seconds.

    JSON with `start` and `end` comes first, fenced or bare, times as text or as seconds; an echo of the
    question's own `MM:SS` example does not count. Without JSON: `Start_Time: …, End_Time: …`, `from … to …`,
    `between … and …`, or two times joined by a dash or "to". Numbers without a colon need a unit, unless they
    are the whole answer or follow "from". No unit is guessed, frame numbers are no times, and a span that ends
    before it starts is not turned round: that would reward a wrong answer. Several different spans are none.
    """
    flat = flatten(text)
    regions = answer_regions(flat)
    readings = [one for region in regions for one in _from_json(text, region)]
    readings = readings or [one for region in regions for one in _from_prose(flat, region)]
    spans = {(reading.start, reading.end) for reading in readings}
    if len(spans) != 1:
        return unreadable(text, "several_spans" if spans else "no_span")
    start, end = spans.pop()
    if start is None or end is None or not math.isfinite(start + end):
        return unreadable(text, "not_a_time")
    if end < start:
        return unreadable(text, "reversed")
    return Parsed((start, end), readings[0].method, span=readings[0].place)


def _from_json(text: str, region: tuple[int, int]) -> Iterator[_Reading]:
    for value, (start, end) in find_json(text[slice(*region)]):
        for pair in _pairs(value):
            if not all(isinstance(part, str) and _PLACEHOLDER.fullmatch(part.strip()) for part in pair):
                place = (start + region[0], end + region[0])
                yield _Reading(_seconds(pair[0]), _seconds(pair[1]), "json", place)


def _pairs(value: Any) -> Iterator[tuple[Any, Any]]:
    """The start and end of an object, of each object of a list, or of a plain list of two."""
    while isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        value = value[0]
    if isinstance(value, list) and len(value) == 2 and not any(isinstance(part, (dict, list)) for part in value):
        yield value[0], value[1]
    for one in value if isinstance(value, list) else [value]:
        keyed = {_plain(key): part for key, part in one.items()} if isinstance(one, dict) else {}
        yield from ((keyed[start], keyed[end]) for start, end in _KEYS if start in keyed and end in keyed)
        for held in (keyed[name] for name in _HOLDERS if name in keyed):
            span = timecode.parse_span(flatten(held)) if isinstance(held, str) else None
            yield from [span] if span else _pairs(held) if isinstance(held, list) else []


def _plain(key: Any) -> str:
    return str(key).casefold().replace("_", "")


def _seconds(part: Any) -> float | None:
    if isinstance(part, str):
        return timecode.parse(flatten(part))
    if isinstance(part, bool) or not isinstance(part, (int, float)):
        return None
    try:
        return float(part) if math.isfinite(part) and part >= 0 else None
    except OverflowError:  # a whole number of hundreds of digits
        return None


def _from_prose(text: str, region: tuple[int, int]) -> Iterator[_Reading]:
    flat = text[: region[1]]
    inner = flat[region[0] :].strip()
    whole = _WHOLE.fullmatch(inner)
    if whole:
        yield _reading(whole, "whole", flat.find(inner, region[0]))
        return
    for pattern in _SPANS:
        matches = list(pattern.finditer(flat, region[0]))
        times = [_is_time(flat, match, labelled=pattern in _LABELLED) for match in matches]
        found = [
            match for place, match in enumerate(matches) if times[place] or _speaks_for(flat, matches, times, place)
        ]
        if found:
            yield from (_reading(match, "prose") for match in found)
            return


def _reading(match: re.Match[str], method: str, offset: int = 0) -> _Reading:
    start, end = match.span()
    place = (start + offset, end + offset)
    first, last = (timecode.parse(match[name].replace(",", ".")) for name in ("start", "end"))
    return _Reading(first, last, method, place)


def _speaks_for(flat: str, matches: Sequence[re.Match[str]], times: Sequence[bool], place: int) -> bool:
    """Whether the pair after this one is a time, and joined to it."""
    if not any(times[place + 1 : place + 2]):
        return False
    return _AND.fullmatch(flat, matches[place].end(), matches[place + 1].start()) is not None


def _is_time(flat: str, match: re.Match[str], labelled: bool) -> bool:
    """Whether the pair counts time: a colon or a unit says so; "from 2 to 7" does if nothing is counted in it."""
    if any(one.search(flat, max(0, match.start() - BEFORE), match.start()) for one in (_FRAMES, _THIRD)):
        return False
    if ":" in match["end"] or match["unit"]:
        return True
    return labelled and _PAUSE.match(flat, match.end()) is not None
