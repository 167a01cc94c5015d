"""CoTasks of one question, in canonical form: what annotation or a teacher knows of the frames that it is about.

The four tasks are those of CoTasks (arXiv 2507.13609): which frames and things matter, where each thing is in them,
how the things stand to one another, and what they do over time. Its authors published neither data nor text formats,
so the form is ours. Times are seconds from the first frame, boxes fractions 0-1 of the displayed frame.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeVar

from demitasse.dataset.schema import shown
from demitasse.errors import DataError
from demitasse.geometry import Box, check_box

STAGES = (1, 2, 3, 4)
TASK_NAMES = {1: "cotask_frames", 2: "cotask_entities", 3: "cotask_spatial", 4: "cotask_temporal"}
RELATION_SOURCES = ("annotation", "geometry", "reply")

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """One of the sampled frames that the question is about.

    Attributes:
        index: its place among the sampled frames, from 0.
        time: seconds from the first frame.
        fid: its number in the source, as the source counts; None where nothing is known of it.
    """

    index: int
    time: float
    fid: int | None = None


@dataclass(frozen=True, slots=True)
class Entity:
    """A person, animal or thing. `name` is its category and a number, "adult 1"; `tid` the source's own number."""

    name: str
    category: str
    tid: int | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where an entity is at a time; without a box it is known to be not visible."""

    time: float
    entity: str
    box: Box | None


@dataclass(frozen=True, slots=True)
class Relation:
    """How one entity stands to another at a time; `source` is one of `RELATION_SOURCES`."""

    time: float
    subject: str
    predicate: str
    object: str
    source: str = "annotation"


@dataclass(frozen=True, slots=True)
class Event:
    """What an entity does from `start` to `end`, to another one or to none."""

    subject: str
    predicate: str
    object: str | None
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class CoTasks:
    """The answers to the four tasks of one question.

    Attributes:
        question_key: the question's own key, `<video>_<qid>` in NExT-QA.
        duration: of the video, or of the clip that is asked about, in seconds.
        sampled: how many frames were sampled evenly over it.
        frames: key frames in order of time.
        entities: those that matter, in the order of the source.
        sightings, relations: in order of time.
        events: in order of start, then end.
        sources: where each task's answer comes from, by stage: {"1": "nextgqa_span", "2": "vidor", ...}.
        size: width and height of the displayed frame in pixels, where known.
    """

    question_key: str
    duration: float
    sampled: int
    frames: tuple[KeyFrame, ...] = ()
    entities: tuple[Entity, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    relations: tuple[Relation, ...] = ()
    events: tuple[Event, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    size: tuple[int, int] | None = None

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back as it was."""
        return {key: _plain(value) for key, value in asdict(self).items()}

    def to_text(self) -> str:
        """The JSON object as text, as items carry it: a training set's objects would fill the memory."""
        return json.dumps(self.to_json(), ensure_ascii=False, separators=(",", ":"))

    def before(self, stage: int) -> CoTasks:
        """What the stages before this one tell; the whole before 5, the question itself."""
        return replace(
            self,
            frames=self.frames if stage > 1 else (),
            entities=self.entities if stage > 1 else (),
            sightings=self.sightings if stage > 2 else (),
            relations=self.relations if stage > 3 else (),
            events=self.events if stage > 4 else (),
        )

    @classmethod
    def from_json(cls, value: Any) -> CoTasks:
        """CoTasks from their JSON object, or from its text.

        Raises:
            DataError: if a field is missing or is not what it should be; the message begins with the field.
        """
        if isinstance(value, str):
            value = _object_in(value)
        if not isinstance(value, Mapping):
            raise DataError(f"cotasks is {shown(value)}, not an object")
        size = value.get("size")
        return cls(
            question_key=_text(value, "question_key"),
            duration=_time(value, "duration"),
            sampled=_count(value, "sampled"),
            frames=_rows(value, "frames", _frame),
            entities=_rows(value, "entities", _entity),
            sightings=_rows(value, "sightings", _sighting),
            relations=_rows(value, "relations", _relation),
            events=_rows(value, "events", _event),
            sources=_sources(value.get("sources", {})),
            size=None if size is None else _size(size),
        )


def one_word(name: str) -> str:
    """A category or predicate as it is written everywhere: lower case, one word, `stop_sign`.

    Whole lines of text ("00:03 adult 1 lean_on car 1") can only be read back if these hold no space.
    """
    return "_".join(name.casefold().split())


def entity_names(categories: Iterable[str]) -> list[str]:
    """A name for each: its category and how many of that category there were so far, "adult 1", "dog 1", "adult 2"."""
    seen: Counter[str] = Counter()
    names = []
    for category in map(one_word, categories):
        seen[category] += 1
        names.append(f"{category} {seen[category]}")
    return names


def sampled_times(duration: float, sampled: int) -> list[float]:
    """Times of frames sampled evenly from the first to the last, to within a frame: a single one is the first.

    In whole frames it is `round(i * (N - 1) / (K - 1))`, as CoTasks' models sample.
    """
    if sampled < 2:
        return [0.0] * sampled
    return [place * duration / (sampled - 1) for place in range(sampled)]


def _object_in(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as fault:
        raise DataError(f"cotasks is {shown(text)}, no JSON ({fault})") from fault


def _plain(value: Any) -> Any:
    """Tuples as lists, as JSON reads them back."""
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return {key: _plain(one) for key, one in value.items()} if isinstance(value, Mapping) else value


def _rows(value: Mapping[str, Any], key: str, read: Callable[[Mapping[str, Any]], Row]) -> tuple[Row, ...]:
    rows = value.get(key)
    if not isinstance(rows, list):
        raise DataError(f"cotasks.{key} is {shown(rows)}, not a list")
    read_rows = []
    for place, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise DataError(f"cotasks.{key}[{place}] is {shown(row)}, not an object")
        try:
            read_rows.append(read(row))
        except DataError as fault:
            raise DataError(str(fault).replace("cotasks.", f"cotasks.{key}[{place}].", 1)) from fault
    return tuple(read_rows)


def _frame(row: Mapping[str, Any]) -> KeyFrame:
    return KeyFrame(_count(row, "index"), _time(row, "time"), _number(row, "fid"))


def _entity(row: Mapping[str, Any]) -> Entity:
    return Entity(_text(row, "name"), _text(row, "category"), _number(row, "tid"))


def _sighting(row: Mapping[str, Any]) -> Sighting:
    box = row.get("box")
    try:
        return Sighting(_time(row, "time"), _text(row, "entity"), None if box is None else check_box(box))
    except (DataError, TypeError):
        raise DataError(f"cotasks.box is {shown(box)}, not four fractions of the frame, x1 y1 x2 y2") from None


def _relation(row: Mapping[str, Any]) -> Relation:
    source = row.get("source")
    if source not in RELATION_SOURCES:
        raise DataError(f"cotasks.source is {shown(source)}, not one of {', '.join(RELATION_SOURCES)}")
    subject, predicate, thing = (_text(row, key) for key in ("subject", "predicate", "object"))
    return Relation(_time(row, "time"), subject, predicate, thing, source)


def _event(row: Mapping[str, Any]) -> Event:
    thing = None if row.get("object") is None else _text(row, "object")
    event = Event(_text(row, "subject"), _text(row, "predicate"), thing, _time(row, "start"), _time(row, "end"))
    if event.end < event.start:
        raise DataError(f"cotasks.end is {event.end:g}, before its start {event.start:g}")
    return event


def _sources(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(part, str) for pair in value.items() for part in pair):
        raise DataError(f"cotasks.sources is {shown(value)}, not an object of texts")
    return dict(value)


def _size(value: Any) -> tuple[int, int]:
    match value:
        case [int(width), int(height)] if width > 0 and height > 0:
            return width, height
    raise DataError(f"cotasks.size is {shown(value)}, not a width and a height in pixels")


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value:
        raise DataError(f"cotasks.{key} is {shown(value)}, not a text")
    return value


def _time(row: Mapping[str, Any], key: str) -> float:
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise DataError(f"cotasks.{key} is {shown(value)}, not a time in seconds")
    return value


def _count(row: Mapping[str, Any], key: str) -> int:
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise DataError(f"cotasks.{key} is {shown(value)}, not a whole number from 0")
    return value


def _number(row: Mapping[str, Any], key: str) -> int | None:
    return None if row.get(key) is None else _count(row, key)
