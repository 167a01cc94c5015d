"""Reading a stage's answer back: what `text.write_task` wrote, or a student wrote after its manner.

Nothing is repaired. An entry that cannot be read is counted in `faults`, so that a metric can count it as wrong; an
answer of which nothing can be read is unparsable. Either form is read, whichever was asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from demitasse import timecode
from demitasse.answers.embedded import find_json
from demitasse.answers.parsed import Parsed, unreadable
from demitasse.chat.kinds import BOX_STYLES
from demitasse.cotasks.record import STAGES, Event, Relation, Sighting, one_word
from demitasse.errors import DataError
from demitasse.geometry import Convention, to_canonical

NONE = "none"  # the whole answer where there is nothing to say
NOT_VISIBLE = "not visible"
PLACES = 6  # of a second: 01:29.46 is 89.46, and not what adding up its parts leaves
LONGEST = 1e6  # seconds; JSON's whole numbers need not fit a float


@dataclass(frozen=True, slots=True)
class TaskAnswer:
    """What a stage's answer says; the fields of other stages are empty.

    Attributes:
        times: of the key frames, in seconds, as they were written (stage 1).
        entities: their names (stage 1).
        sightings, relations, events: of stages 2, 3 and 4; boxes canonical, relations' source "reply".
        faults: entries that could not be read, or whose box is none: each is one wrong answer.
    """

    times: tuple[float, ...] = ()
    entities: tuple[str, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    relations: tuple[Relation, ...] = ()
    events: tuple[Event, ...] = ()
    faults: int = 0


Fact = float | str | Sighting | Relation | Event


@dataclass(frozen=True, slots=True)
class _Units:
    """What the numbers of a box mean."""

    style: Convention
    size: tuple[float, float] | None

    def place(self, time: float, name: str, box: Any) -> Sighting | None:
        if box is None:
            return Sighting(time, name, None)
        try:
            return Sighting(time, name, to_canonical(box, self.style, self.size)) if isinstance(box, list) else None
        except DataError:
            return None


def read_task(
    text: str, stage: int, box_style: str = "qwen_1000", size: tuple[float, float] | None = None
) -> Parsed[TaskAnswer]:
    """Read the answer to a stage.

    Args:
        text: the final answer, thoughts taken off. JSON may be fenced or stand in prose; lines may carry bullets.
        stage: 1 to 4.
        box_style: a name of `chat.kinds.BOX_STYLES`.
        size: width and height that a pixel style counts in.

    Raises:
        DataError: for another stage, or a pixel style without a size.
    """
    if stage not in STAGES:
        raise DataError(f"there is no CoTask {stage}; there are {', '.join(map(str, STAGES))}")
    units = _Units(BOX_STYLES[box_style], size)
    if units.style.scale is None and size is None and stage == 2:
        raise DataError(f"boxes of the style {box_style} cannot be read without the frame's width and height")
    if text.strip().casefold().strip(".`* \n") == NONE:
        return Parsed(TaskAnswer(), "none")
    values = [one.value for one in find_json(text) if _fits(one.value, stage)]
    if values:
        if any(value != values[0] for value in values):
            return unreadable(text, "several_answers")
        return _collected(text, list(_from_json(values[0], stage, units)), "json")
    if text.lstrip().startswith(("{", "[{", "```json")):
        return unreadable(text, "broken_json")
    return _collected(text, list(_from_lines(text, stage, units)), "lines")


def _collected(text: str, facts: list[Fact | None], method: str) -> Parsed[TaskAnswer]:
    """None stands for an entry that could not be read."""
    read = [fact for fact in facts if fact is not None]
    if facts and not read:
        return unreadable(text, "no_fact")
    if not facts and method == "lines":
        return unreadable(text, "no_fact")
    return Parsed(
        TaskAnswer(
            times=tuple(fact for fact in read if isinstance(fact, float)),
            entities=tuple(fact for fact in read if isinstance(fact, str)),
            sightings=tuple(fact for fact in read if isinstance(fact, Sighting)),
            relations=tuple(fact for fact in read if isinstance(fact, Relation)),
            events=tuple(fact for fact in read if isinstance(fact, Event)),
            faults=len(facts) - len(read),
        ),
        method,
    )


def _fits(value: Any, stage: int) -> bool:
    """Whether a JSON value is meant as the stage's answer, and no footnote or box."""
    if stage == 1:
        return isinstance(value, dict) and ("frames" in value or "entities" in value)
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in value)


def _from_json(value: Any, stage: int, units: _Units) -> Iterator[Fact | None]:
    if stage == 1:
        frames, entities = (value.get(key, []) for key in ("frames", "entities"))
        yield from map(_seconds, frames if isinstance(frames, list) else [None])
        yield from map(_named, entities if isinstance(entities, list) else [None])
        return
    read = {2: _json_sighting, 3: _json_relation, 4: _json_event}[stage]
    for entry in value:
        yield read(entry, units)


def _json_sighting(entry: Mapping[str, Any], units: _Units) -> Sighting | None:
    time, name = _seconds(entry.get("time")), _named(entry.get("label"))
    if time is None or name is None or "bbox_2d" not in entry:
        return None
    return units.place(time, name, entry["bbox_2d"])


def _json_relation(entry: Mapping[str, Any], _: _Units) -> Relation | None:
    time, subject, thing = _seconds(entry.get("time")), _named(entry.get("subject")), _named(entry.get("object"))
    predicate = _word(entry.get("predicate"))
    if time is None or subject is None or thing is None or predicate is None:
        return None
    return Relation(time, subject, predicate, thing, "reply")


def _json_event(entry: Mapping[str, Any], _: _Units) -> Event | None:
    start, end = _seconds(entry.get("start")), _seconds(entry.get("end"))
    subject, predicate = _named(entry.get("subject")), _word(entry.get("predicate"))
    thing = None if entry.get("object") is None else _named(entry["object"])
    if start is None or end is None or subject is None or predicate is None or end < start:
        return None
    return None if thing is None and entry.get("object") is not None else Event(subject, predicate, thing, start, end)


_BULLET = re.compile(r"\s*(?:[-*\u2022]|[0-9]+[.)](?=\s))?\s*")
_CLOCK = r"[0-9](?:[0-9:.]*[0-9])?"
_WHEN = re.compile(rf"{_CLOCK}(?:\s*[-\u2013]\s*{_CLOCK})?(?=:?\s|$)")


def _from_lines(text: str, stage: int, units: _Units) -> Iterator[Fact | None]:
    for line in text.splitlines():
        bare = line[_matched(_BULLET, line) :].strip()
        if not bare or bare.startswith("```"):
            continue
        when = bare[: _matched(_WHEN, bare)]
        rest = bare[len(when) :].removeprefix(":").rstrip(".").split()
        yield _line_fact(when, rest, stage, units)


def _matched(pattern: re.Pattern[str], line: str) -> int:
    match = pattern.match(line)
    return match.end() if match else 0


def _line_fact(when: str, words: list[str], stage: int, units: _Units) -> Fact | None:
    if stage == 1:
        if when:
            return None if words else timecode.parse(when)
        is_name = len(words) == 1 or "".join(words[-1:]).isdecimal()  # prose names nobody: "I cannot see the video."
        return _named(" ".join(words)) if is_name else None
    ends = [place for place, word in enumerate(words) if place and word.isdecimal()]
    if not ends:
        return None
    subject, rest = _canonical(" ".join(words[: ends[0] + 1])), words[ends[0] + 1 :]
    if stage == 4:
        return _line_event(timecode.parse_span(when), subject, rest)
    time = _seconds(when)
    if time is None:
        return None
    return _line_sighting(time, subject, " ".join(rest), units) if stage == 2 else _line_relation(time, subject, rest)


def _line_sighting(time: float, name: str, place: str, units: _Units) -> Sighting | None:
    if place.casefold() == NOT_VISIBLE:
        return Sighting(time, name, None)
    try:
        return units.place(time, name, json.loads(place) or 0)
    except (ValueError, RecursionError):
        return None


def _line_relation(time: float, subject: str, words: list[str]) -> Relation | None:
    predicate, thing = _parted(words)
    return Relation(time, subject, predicate, thing, "reply") if predicate and thing else None


def _line_event(span: tuple[float, float] | None, subject: str, words: list[str]) -> Event | None:
    predicate, thing = _parted(words)
    return Event(subject, predicate, thing, *(round(end, PLACES) for end in span)) if span and predicate else None


def _parted(words: list[str]) -> tuple[str, str | None]:
    """Predicate and object of "lean_on car 1": a category is one word, the last before the final number."""
    if len(words) > 1 and words[-1].isdecimal():
        return one_word(" ".join(words[:-2])), _canonical(" ".join(words[-2:]))
    return one_word(" ".join(words)), None


def _named(value: Any) -> str | None:
    return _canonical(value) if isinstance(value, str) and value.strip() else None


def _canonical(name: str) -> str:
    """ "Stop sign 1" as `stop_sign 1`; a name without a number stays without."""
    *category, number = name.split()
    if not category or not number.isdecimal():
        return one_word(name)
    return f"{one_word(' '.join(category))} {number}"


def _word(value: Any) -> str | None:
    return one_word(value) if isinstance(value, str) and value.strip() else None


def _seconds(value: Any) -> float | None:
    if isinstance(value, str):
        value = timecode.parse(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return round(float(value), PLACES) if 0 <= value <= LONGEST else None
