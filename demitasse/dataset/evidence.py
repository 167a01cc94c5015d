"""Evidence: which frames an answer rests on, and one sentence that names what is to be seen on them, and where.

An item that has evidence carries it in extra fields, as the canonical forms say it (seconds, fractions of the frame):

    "core_frames": [{"time": 3.2, "frame": 80, "path": null, "caption": "A bowl is filled."}]   in order of time
    "evidence": {"text": "A hand fills the white bowl.", "mentions": [{"name": "white bowl", "start": 17, "end": 27,
                 "boxes": [{"core_frame": 0, "bbox": [0.1, 0.2, 0.5, 0.6]}]}]}
    "sub_task": "Cooking Steps"

What a core frame does not tell is null; `core_frame` counts in `core_frames` and is null where nobody said on which
frame a box lies. `write_tags` and `read_tags` of `demitasse.dataset.evidence_tags` turn it into what a student writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from demitasse.dataset.envelope import Item
from demitasse.dataset.schema import shown
from demitasse.errors import DataError
from demitasse.geometry import Box, check_box

EVIDENCE = "evidence"
CORE_FRAMES = "core_frames"
SUB_TASK = "sub_task"

# VideoEspresso's fourteen tasks with their families, in the order of its Table 7.
ESPRESSO_TASKS: tuple[tuple[str, str], ...] = (
    ("Causal Inference", "Logical"),
    ("Contextual Interpretation", "Logical"),
    ("Event Process", "Logical"),
    ("Interaction Dynamics", "Social"),
    ("Behavior Profiling", "Social"),
    ("Emotional Recognition", "Social"),
    ("Influence Tracing", "Social"),
    ("Role Identification", "Discourse"),
    ("Narrative Structuring", "Discourse"),
    ("Thematic Insight", "Discourse"),
    ("Situational Awareness", "Discourse"),
    ("Cooking Steps", "Reality"),
    ("Ingredient Details", "Reality"),
    ("Traffic Analysis", "Reality"),
)


@dataclass(frozen=True, slots=True)
class CoreFrame:
    """A frame that the answer rests on. What is not known is None.

    Attributes:
        time: seconds from the first frame's presentation.
        frame: its number in the source video, from 0. Without that video's true frame times it tells no time.
        path: a picture of it, under the media folder.
        caption: what is on it.
    """

    time: float | None = None
    frame: int | None = None
    path: str | None = None
    caption: str | None = None


@dataclass(frozen=True, slots=True)
class PlacedBox:
    """Where a thing is: `bbox` as fractions of the frame, `core_frame` the place of that frame in `core_frames`."""

    bbox: Box
    core_frame: int | None = None


@dataclass(frozen=True, slots=True)
class Mention:
    """A key item where the sentence names it: `text[start:end]` are the sentence's own words for `name`."""

    name: str
    start: int
    end: int
    boxes: tuple[PlacedBox, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence without tags, and the key items in it: in order, none inside another."""

    text: str
    mentions: tuple[Mention, ...] = ()

    @property
    def key_items(self) -> tuple[str, ...]:
        """The names of what is mentioned, each once, in the sentence's order."""
        return tuple(dict.fromkeys(mention.name for mention in self.mentions))

    def to_json(self) -> dict[str, Any]:
        """The field `evidence` of an item."""
        mentions = [
            {"name": one.name, "start": one.start, "end": one.end, "boxes": [_box_json(box) for box in one.boxes]}
            for one in self.mentions
        ]
        return {"text": self.text, "mentions": mentions}


def evidence_of(item: Item) -> Evidence | None:
    """The evidence that an item carries; None if it carries none.

    Raises:
        DataError: if its form is another, a mention lies outside the text or inside another one, a box is not
            canonical or on a core frame that is not there. The message begins with the field.
    """
    value = item.extra.get(EVIDENCE)
    if value is None:
        return None
    match value:
        case {"text": str(text), "mentions": list(mentions)}:
            read = Evidence(text, tuple(_mention(one, place) for place, one in enumerate(mentions)))
        case _:
            raise DataError(f"{EVIDENCE} is {shown(value)}, not an object with a text and a list of mentions")
    _check(read, len(core_frames_of(item)))
    return read


def core_frames_of(item: Item) -> list[CoreFrame]:
    """The core frames that an item carries; empty if it carries none.

    Raises:
        DataError: if their form is another, or their times go back. The message begins with the field.
    """
    value = item.extra.get(CORE_FRAMES)
    if value is None:
        return []
    if not isinstance(value, list):
        raise DataError(f"{CORE_FRAMES} is {shown(value)}, not a list of frames")
    frames = [_core_frame(one, place) for place, one in enumerate(value)]
    _check_times(frames)
    return frames


def with_evidence_fields(item: Item, evidence: Evidence | None, core_frames: Sequence[CoreFrame]) -> Item:
    """The item with this evidence and these core frames in place of its own; None and none take them away.

    Raises:
        DataError: for what `evidence_of` and `core_frames_of` would refuse.
    """
    _check_times(core_frames)
    extra = {key: value for key, value in item.extra.items() if key not in (EVIDENCE, CORE_FRAMES)}
    if core_frames:
        extra[CORE_FRAMES] = [asdict(frame) for frame in core_frames]
    if evidence is not None:
        _check(evidence, len(core_frames))
        extra[EVIDENCE] = evidence.to_json()
    return replace(item, extra=extra)


def _mention(value: Any, place: int) -> Mention:
    match value:
        case {"name": str(name), "start": int(start), "end": int(end), "boxes": list(boxes)}:
            return Mention(name, start, end, tuple(_placed_box(box, place) for box in boxes))
    raise DataError(f"{EVIDENCE}.mentions[{place}] is {shown(value)}, not a name, a start, an end and a list of boxes")


def _placed_box(value: Any, place: int) -> PlacedBox:
    match value:
        case {"bbox": list(bbox), "core_frame": int() | None as core_frame}:
            try:
                return PlacedBox(check_box(bbox), core_frame)
            except DataError as fault:
                raise DataError(f"{EVIDENCE}.mentions[{place}].boxes: {fault}") from fault
    raise DataError(
        f"{EVIDENCE}.mentions[{place}].boxes has {shown(value)}, not a bbox and the place of its core frame"
    )


def _check(evidence: Evidence, frames: int) -> None:
    """Refuse mentions that do not fit the text, and boxes that do not fit a frame of so many."""
    reached = 0
    for place, one in enumerate(evidence.mentions):
        where = f"{EVIDENCE}.mentions[{place}]"
        if not reached <= one.start < one.end <= len(evidence.text):
            raise DataError(
                f"{where} runs from {one.start} to {one.end}; mentions follow one another within the text's "
                f"{len(evidence.text)} characters"
            )
        reached = one.end
        for box in one.boxes:
            check_box(box.bbox)
            if box.core_frame is not None and not 0 <= box.core_frame < frames:
                raise DataError(f"{where} has a box on core frame {box.core_frame}, but there are {frames}, from 0")


def _core_frame(value: Any, place: int) -> CoreFrame:
    match value if isinstance(value, Mapping) else None:
        case {
            "time": int() | float() | None as time,
            "frame": int() | None as frame,
            "path": str() | None as path,
            "caption": str() | None as caption,
        }:
            return CoreFrame(None if time is None else float(time), frame, path, caption)
    raise DataError(
        f"{CORE_FRAMES}[{place}] is {shown(value)}, not a time, a frame, a path and a caption, or null each"
    )


def _check_times(frames: Sequence[CoreFrame]) -> None:
    times = [frame.time for frame in frames if frame.time is not None]
    if times != sorted(times):
        raise DataError(f"{CORE_FRAMES} has the times {shown(times)}; put the frames in order of time")


def _box_json(box: PlacedBox) -> dict[str, Any]:
    return {"core_frame": box.core_frame, "bbox": list(box.bbox)}
