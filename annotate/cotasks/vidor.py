"""VidOR annotations: what is in a video, where in each frame, and how the things relate (CC BY-SA 4.0).

`begin_fid` is the first frame of a relation and `end_fid` the first after it; frames count from 0. Boxes are whole
pixels, both sides inclusive. Track numbers may skip, tracks may pause, and `video_hash` is missing in older files.
ImageNet-VidVRD's files have the same shape and are read too.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from demitasse.cotasks.record import Entity, entity_names, one_word
from demitasse.dataset.schema import load_object, shown
from demitasse.errors import DataError
from demitasse.geometry import Box

SPATIAL = frozenset(("above", "away", "behind", "beneath", "in_front_of", "inside", "next_to", "towards"))
PLACES = 5  # of a box's fractions: a hundredth of a pixel in any of these videos

_OBJECTS = ("subject/objects", "subject_objects", "objects")


@dataclass(frozen=True, slots=True)
class Track:
    """A box of one frame; `by_hand` if a person drew it, not a tracker."""

    box: Box
    by_hand: bool


@dataclass(frozen=True, slots=True)
class Instance:
    """A relation from frame `begin` up to but not including frame `end`."""

    subject: int
    predicate: str
    object: int
    begin: int
    end: int

    @property
    def is_spatial(self) -> bool:
        """Whether it says how things stand, and not what is done."""
        return self.predicate in SPATIAL


@dataclass(frozen=True)
class Annotation:
    """A video's annotation.

    Attributes:
        video: its id.
        path: of the video, as the file gives it; "" if it does not.
        frame_count, fps, width, height: of the video.
        entities: in the file's order, named.
        tracks: by frame number, then by track number.
        relations: in the file's order.
        notes: what was not as it should be, and how often.
        version, video_hash: as the file gives them, for provenance.
    """

    video: str
    path: str
    frame_count: int
    fps: float
    width: int
    height: int
    entities: tuple[Entity, ...]
    tracks: tuple[Mapping[int, Track], ...]
    relations: tuple[Instance, ...]
    notes: Mapping[str, int]
    version: str = ""
    video_hash: str = ""

    @cached_property
    def names(self) -> dict[int, str]:
        """Name of each entity, by track number."""
        return {entity.tid: entity.name for entity in self.entities if entity.tid is not None}

    @property
    def boxes(self) -> int:
        """How many boxes there are in all frames."""
        return sum(map(len, self.tracks))

    def track(self, fid: int, tid: int) -> Track | None:
        """Where an entity is in a frame; None if it is not annotated there."""
        return self.tracks[fid].get(tid) if fid < len(self.tracks) else None


class Vidor:
    """A folder of annotations: the release's `annotation/training/0001/<id>.json`, or any other arrangement."""

    def __init__(self, place: Path | str, video_map: Mapping[str, str] | None = None) -> None:
        """`place` is a folder or one file; `video_map` gives a video's place in the release, `0001/2793806282`."""
        self._place = Path(place)
        self._map = video_map or {}
        if not self._place.exists():
            raise DataError(f"{self._place} is not there; give the folder of VidOR's annotation files")

    def path(self, video: str) -> Path | None:
        """Where a video's annotation lies; None if it is not there."""
        named = self._map.get(video)
        if named and self._place.is_dir():
            for parts in (
                ("",),
                ("training",),
                ("validation",),
                ("annotation", "training"),
                ("annotation", "validation"),
            ):
                path = self._place.joinpath(*parts, f"{named}.json")
                if path.is_file():
                    return path
        return self._index.get(video)

    @cached_property
    def _index(self) -> dict[str, Path]:
        if self._place.is_file():
            return {self._place.stem: self._place}
        return {path.stem: path for path in sorted(self._place.rglob("*.json"), reverse=True)}


def read_video_map(path: Path | str) -> dict[str, str]:
    """NExT-QA's `map_vid_vidorID.json`: the place of each video in VidOR, `{"2793806282": "0001/2793806282"}`.

    Raises:
        DataError: if it cannot be read or is no such map.
    """
    value = load_object(Path(path))
    if not isinstance(value, dict) or not all(isinstance(place, str) for place in value.values()):
        raise DataError(f"{path} holds no map from video to VidOR's place; give NExT-QA's map_vid_vidorID.json")
    return {str(video): place.strip("/").removesuffix(".mp4") for video, place in value.items()}


def read_annotation(path: Path | str) -> Annotation:
    """Read one file.

    A box that reaches over the frame's edge is cut at it, and one that has no area there is left out, as are tracks
    and relations of things that the file does not list; `notes` counts each.

    Raises:
        DataError: if the file cannot be read, or a field that everything needs is missing or no number.
    """
    path = Path(path)
    value = load_object(path)
    objects = next((value[key] for key in _OBJECTS if key in value), None) if isinstance(value, Mapping) else None
    if not isinstance(objects, list) or not isinstance(value.get("trajectories"), list):
        raise DataError(f"{path} has no 'subject/objects' and 'trajectories'; is it a VidOR annotation?")
    count, width, height = (_whole(path, value, key) for key in ("frame_count", "width", "height"))
    notes: Counter[str] = Counter()
    entities = _entities(path, objects)
    known = {entity.tid for entity in entities if entity.tid is not None}
    tracks = tuple(_tracks(path, frame, known, (width, height), notes) for frame in value["trajectories"])
    if len(tracks) != count:
        notes["frames_listed_other_than_frame_count"] += 1
    return Annotation(
        video=str(value.get("video_id") or path.stem),
        path=str(value.get("video_path") or ""),
        frame_count=count,
        fps=_rate(path, value),
        width=width,
        height=height,
        entities=entities,
        tracks=tracks,
        relations=tuple(_relations(path, value.get("relation_instances", []), known, count, notes)),
        notes=dict(notes),
        version=str(value.get("version") or ""),
        video_hash=str(value.get("video_hash") or ""),
    )


def _entities(path: Path, objects: list[Any]) -> tuple[Entity, ...]:
    pairs: dict[int, str] = {}
    for entry in objects:
        match entry:
            case {"tid": int(tid), "category": str(category)}:
                pairs.setdefault(tid, category)
            case _:
                raise DataError(f"{path}: 'subject/objects' has {shown(entry)}, not a tid and a category")
    names = entity_names(pairs.values())
    return tuple(
        Entity(name, one_word(category), tid) for name, (tid, category) in zip(names, pairs.items(), strict=True)
    )


def _tracks(path: Path, frame: Any, known: set[int], size: tuple[int, int], notes: Counter[str]) -> dict[int, Track]:
    if not isinstance(frame, list):
        raise DataError(f"{path}: a frame of 'trajectories' is {shown(frame)}, not a list of boxes")
    found: dict[int, Track] = {}
    for entry in frame:
        try:
            tid, sides = entry["tid"], [entry["bbox"][side] for side in ("xmin", "ymin", "xmax", "ymax")]
        except (TypeError, KeyError):
            raise DataError(f"{path}: 'trajectories' has {shown(entry)}, not a tid and a bbox") from None
        box = _box(sides, size, notes)
        if tid not in known or tid in found:
            notes["box_of_a_thing_not_listed" if tid not in known else "two_boxes_of_one_thing"] += 1
        elif box is not None:
            found[tid] = Track(box, not entry.get("generated", 0))
    return found


def _box(sides: list[Any], size: tuple[int, int], notes: Counter[str]) -> Box | None:
    """Fractions from whole pixels: the right and lower pixel belong to the box, so it ends where they do."""
    if not all(isinstance(side, (int, float)) and math.isfinite(side) for side in sides):
        notes["box_without_numbers"] += 1
        return None
    width, height = size
    x1, y1, x2, y2 = sides[0], sides[1], sides[2] + 1, sides[3] + 1
    inside = max(0, x1), max(0, y1), min(width, x2), min(height, y2)
    if inside[2] <= inside[0] or inside[3] <= inside[1]:
        notes["box_without_area"] += 1
        return None
    if inside != (x1, y1, x2, y2):
        notes["box_cut_at_the_edge"] += 1
    fractions = [round(side / whole, PLACES) for side, whole in zip(inside, (width, height) * 2, strict=True)]
    return fractions[0], fractions[1], fractions[2], fractions[3]


def _relations(path: Path, given: Any, known: set[int], count: int, notes: Counter[str]) -> Iterator[Instance]:
    for entry in given if isinstance(given, list) else [given]:
        match entry:
            case {
                "subject_tid": int(subject),
                "object_tid": int(thing),
                "predicate": str(predicate),
                "begin_fid": int(begin),
                "end_fid": int(end),
            }:
                if subject not in known or thing not in known:
                    notes["relation_of_a_thing_not_listed"] += 1
                elif not 0 <= begin < end:
                    notes["relation_without_length"] += 1
                else:
                    yield Instance(subject, one_word(predicate), thing, begin, min(end, max(count, begin + 1)))
            case _:
                raise DataError(f"{path}: 'relation_instances' has {shown(entry)}, not a whole relation")


def _whole(path: Path, value: Mapping[str, Any], key: str) -> int:
    number = value.get(key)
    if isinstance(number, bool) or not isinstance(number, (int, float)) or number != int(number) or number < 1:
        raise DataError(f"{path}: '{key}' is {shown(number)}, not a whole number above 0")
    return int(number)


def _rate(path: Path, value: Mapping[str, Any]) -> float:
    fps = value.get("fps")
    if isinstance(fps, bool) or not isinstance(fps, (int, float)) or not (math.isfinite(fps) and fps > 0):
        raise DataError(f"{path}: 'fps' is {shown(fps)}, not frames per second above 0")
    return float(fps)
