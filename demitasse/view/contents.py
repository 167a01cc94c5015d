"""What the page shows, whatever folder it came from: media, the items about them, and what is told on demand."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from demitasse.dataset import Item
from demitasse.labels.check import is_object
from demitasse.view.boxes import declared_units, page_units, written_boxes
from demitasse.view.edits import item_name, text_hash

Json = dict[str, Any]
Tone = Literal["good", "bad", "unsure", "plain"]

_VIDEO_TYPES = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/mp4", ".webm": "video/webm"}
_OTHER_VIDEO = {".mkv": "video/x-matroska", ".avi": "video/x-msvideo"}
_IMAGE_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}
# By ending, because only these are ever handed out. Browsers play QuickTime files that are called MP4.
MEDIA_TYPES = {**_VIDEO_TYPES, **_OTHER_VIDEO, **_IMAGE_TYPES, ".gif": "image/gif", ".bmp": "image/bmp"}


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a video, in seconds, and what is said about it."""

    start: float
    end: float
    text: str


@dataclass(slots=True)
class Medium:
    """A video or image.

    Attributes:
        name: its id, as the data has it.
        path: its file; None if it must not or cannot be shown, and `fault` says why.
        note: how it fared if it yielded nothing: "quarantined in step 1a: …".
        length: seconds, if they are known.
        tracks: for the timeline: name of a track to its stretches.
        texts: what is said about the whole: name to text.
        provenance: by step.
        size: width and height in pixels that boxes in pixels count in, if they are known.
        picture: what is drawn over a picture besides the boxes of its items.
    """

    name: str
    path: Path | None = None
    fault: str = ""
    note: str = ""
    length: float | None = None
    tracks: dict[str, list[Span]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    provenance: Json = field(default_factory=dict)
    size: tuple[int, int] | None = None
    picture: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mark:
    """What a filter or a scorer said about an item."""

    name: str
    verdict: str
    tone: Tone
    reason: str = ""


@dataclass(slots=True)
class Entry:
    """An item on the page. `medium` is an index; `reply` is a student's, with how it ended."""

    item: Item
    task: str
    medium: int
    marks: list[Mark] = field(default_factory=list)
    reply: str | None = None
    boxes: list[list[Any]] = field(default_factory=list)


@dataclass
class Review:
    """Everything there is to look at.

    Attributes:
        title: the folder's name.
        decidable: whether decisions can be taken; predictions are only looked at.
        notes: sentences that the person must know.
    """

    title: str
    decidable: bool = True
    media: list[Medium] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def overview(self) -> Json:
        """What the page loads first: all that can be listed, searched and filtered."""
        return {
            "title": self.title,
            "decidable": self.decidable,
            "notes": self.notes,
            "media": [_medium_row(medium) for medium in self.media],
            "items": [_entry_row(entry) for entry in self.entries],
        }

    def detail(self, index: int) -> Json:
        """What the page loads when a medium is looked at: its captions, and where everything comes from."""
        medium = self.media[index]
        tracks = {name: [[s.start, s.end, s.text] for s in spans] for name, spans in medium.tracks.items()}
        extra = {
            str(number): dict(entry.item.extra) for number, entry in enumerate(self.entries) if entry.medium == index
        }
        told = {"tracks": tracks, "texts": medium.texts, "provenance": medium.provenance, "extra": extra}
        return told | {"picture": medium.picture}


class MediaTable:
    """Gives every medium its index, and finds its file without ever leaving the media folder.

    Args:
        review: gets the media.
        folder: looked in instead of the folders that the data name; None for those.
    """

    def __init__(self, review: Review, folder: Path | None) -> None:
        self._review = review
        self._folder = folder
        self._indices: dict[tuple[str, str], int] = {}

    def index(self, name: str, folder: Path | None) -> int:
        """The index of the medium `name` in `folder`, new or known."""
        place = self._folder or folder
        key = (os.path.abspath(place) if place else "", name)  # files of two folders may name one folder of media
        if key not in self._indices:
            path, fault = locate(name, place)
            self._indices[key] = len(self._review.media)
            self._review.media.append(Medium(name, path, fault))
        return self._indices[key]


def locate(name: str, folder: Path | None) -> tuple[Path | None, str]:
    """The file of a medium, or None and why it is not shown.

    A name cannot lead out of the folder. A link in the folder may: its owner put it there, and annotating follows it.
    """
    if folder is None:
        return None, "nobody knows its folder; name it with --media"
    root = os.path.abspath(folder)
    path = os.path.normpath(os.path.join(root, name))
    if "\0" in name or not path.startswith(root.rstrip(os.sep) + os.sep):
        return None, "it lies outside the media folder; name its folder with --media"
    if Path(path).suffix.lower() not in MEDIA_TYPES:
        return None, "it has no ending of a video or an image that browsers show"
    try:
        found = os.stat(path)
    except OSError as error:
        return None, f"its file cannot be read: {error.strerror}"
    return (Path(path), "") if stat.S_ISREG(found.st_mode) else (None, "it is no regular file")


def boxes_of(extra: Mapping[str, Any]) -> list[list[Any]]:
    """The boxes of an item's extra fields as [x1, y1, x2, y2, label], for the page to draw; [] if there are none.

    `bbox` is one box or a list of boxes, as fractions of the frame or as pixels of the file.
    """
    value = extra.get("bbox")
    boxes = [value] if isinstance(value, list) and value and not isinstance(value[0], list) else value
    return [[*box, ""] for box in boxes if _is_box(box)] if isinstance(boxes, list) else []


def _is_box(box: Any) -> bool:
    return isinstance(box, list) and len(box) == 4 and all(type(number) in (int, float) for number in box)


def _medium_row(medium: Medium) -> Json:
    shown = "" if medium.path is None else MEDIA_TYPES[medium.path.suffix.lower()].split("/")[0]
    row = {"name": medium.name, "kind": shown, "fault": medium.fault, "note": medium.note, "length": medium.length}
    return {key: value for key, value in (row | {"size": medium.size}).items() if value not in ("", None)}


def _entry_row(entry: Entry) -> Json:
    item = entry.item
    row: Json = {
        "item": item_name(entry.task, item),
        "of": text_hash(item),
        "medium": entry.medium,
        "task": entry.task,
        "question": item.question,
        "answer": item.answer,
    }
    if is_object(item.extra):
        row["keyed"] = True
    if item.reasoning is not None:
        row["reasoning"] = item.reasoning
    if entry.marks:
        row["marks"] = [[mark.name, mark.verdict, mark.tone, mark.reason] for mark in entry.marks]
    if entry.reply is not None:
        row["reply"] = entry.reply
    if entry.boxes:
        row["boxes"] = entry.boxes
    units = declared_units(item)
    if units is not None:
        row["units"] = page_units(units)
        row |= {"found": written_boxes(entry.reply)} if entry.reply is not None else {}
    return row
