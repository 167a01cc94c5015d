"""Step 6: where is each key item on each core frame? Every box that was found is in the file, dropped ones with why.

A frame is looked at once for all questions that rest on it. What one detector finds a second look has to find again;
the paper holds each crop to its label by CLIP instead. With one and the same model for both, agreement says no more
than that the model keeps to its word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from annotate.asking import Asked, Asker, all_of, origin
from annotate.espresso import prompt_keys
from annotate.espresso.box_agreement import hold, judged, rounded
from annotate.espresso.box_service import ServiceDetector
from annotate.espresso.detectors import Detector, Found, TeacherDetector
from annotate.espresso.listing import fold
from annotate.espresso.settings import BoxSettings
from demitasse.engine.caller import provenance
from demitasse.engine.step import Fields, Step, Unusable
from demitasse.errors import DataError
from demitasse.geometry import Box, check_box

if TYPE_CHECKING:
    from annotate.espresso.frames import Frames
    from annotate.referring.pictures import Shown

VERSION = 1
FILE = "step_6_boxes/boxes.jsonl"


@dataclass(frozen=True, slots=True)
class Look:
    """What is looked for on one frame at once; `place` is the frame's in `frames`."""

    place: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """A look's rows, why there are none, and the calls behind them."""

    rows: list[Fields]
    fault: str = ""
    asked: tuple[Asked[Any], ...] = ()


@dataclass(frozen=True)
class KeyItemBoxing:
    """Step 6. `second` is None where nobody looks again."""

    detector: Detector
    second: Detector | None
    frames: Frames
    settings: BoxSettings
    after: tuple[str, ...]

    def step(self) -> Step:
        """The step for the graph."""
        return Step("6", FILE, VERSION, self._inputs, self._run, after=self.after)

    def _inputs(self, fields: Fields) -> Any:
        finders = [one for one in (self.detector, self.second) if one is not None]
        return {
            "finders": [one.decides() for one in finders],
            "frames": [self.frames.decides(fields, one.capability) for one in finders],
            "settings": [self.settings.min_score, self.settings.min_agreement],
            "looks": [[one.place, *one.names] for one in self._looks(fields)],
        }

    async def _run(self, fields: Fields) -> Fields:
        looks = self._looks(fields)
        shown = await self._shown(fields, looks, self.detector)
        again = await self._shown(fields, looks, self.second) if self.second is not None else shown
        seen = await all_of(*(self._look(one, shown[one.place], again[one.place]) for one in looks))
        asked = [call for one in seen for call in one.asked]
        return {
            "video": fields["video"],
            "boxes": [row for one in seen for row in one.rows],
            "without_boxes": [
                {"place": look.place, "names": list(look.names), "reason": one.fault}
                for look, one in zip(looks, seen, strict=True)
                if one.fault
            ],
            "found_by": self.detector.name,
            "checked_by": self.second.name if self.second is not None else None,
            "provenance": origin(*asked) if asked else provenance(),
        }

    def _looks(self, fields: Fields) -> list[Look]:
        return looks_of(fields["evidence"], self.settings.names_per_request)

    async def _shown(self, fields: Fields, looks: Sequence[Look], detector: Detector) -> dict[int, Shown]:
        places = sorted({one.place for one in looks})
        times = [fields["frames"][place]["time"] for place in places]
        shown = await self.frames.shown_at(fields, times, detector.capability) if times else []
        return dict(zip(places, shown, strict=True))

    async def _look(self, look: Look, shown: Shown, again: Shown) -> Seen:
        try:
            found = await self.detector.find(shown, look.names)
        except Unusable as fault:
            return Seen([], str(fault))
        held = [hold(boxes, self.settings.min_score) for boxes in found.boxes]
        standing = [place for place, boxes in enumerate(held) if any(not one.fault for one in boxes)]
        if self.second is None or not standing:
            rows = [_row(look, place, judged(boxes, None, 0.0), None) for place, boxes in enumerate(held)]
            return Seen(rows, asked=_calls(found))
        try:
            checked = await self.second.find(again, [look.names[place] for place in standing])
        except Unusable as fault:
            return Seen([], f"the second look came to nothing: {fault}", _calls(found))
        others = {place: _boxes(checked, index) for index, place in enumerate(standing)}
        rows = [
            _row(look, place, judged(boxes, others.get(place), self.settings.min_agreement), others.get(place))
            for place, boxes in enumerate(held)
        ]
        return Seen(rows, asked=(*_calls(found), *_calls(checked)))


def boxing(
    askers: Mapping[str, Asker], frames: Frames, settings: BoxSettings, after: tuple[str, ...] = ()
) -> KeyItemBoxing:
    """Step 6 with those who look, as the settings name them.

    Args:
        askers: by "detector", if there is one, and "captioner", who finds boxes where there is none and looks again.
        frames: where the pictures come from.
        settings: of the boxes.
        after: steps whose fields it reads.

    Raises:
        ConfigError: if the service cannot be used.
    """
    detector: Detector
    if settings.service:
        detector = ServiceDetector(settings)
    else:
        detector = TeacherDetector(askers.get("detector") or askers["captioner"], prompt_keys.BOXES)
    second = TeacherDetector(askers["captioner"], prompt_keys.BOXES_AGAIN) if settings.min_agreement > 0 else None
    return KeyItemBoxing(detector, second, frames, settings, after)


def looks_of(evidence: Sequence[Fields], most: int) -> list[Look]:
    """What has to be looked for: by frame, each name once, at most so many names at once."""
    names: dict[int, dict[str, str]] = {}
    for one in evidence:
        for core in one["core"]:
            for name in one["key_items"]:
                names.setdefault(core["place"], {}).setdefault(fold(name), name)
    return [
        Look(place, tuple(found[start : start + most]))
        for place, found in sorted((place, list(told.values())) for place, told in names.items())
        for start in range(0, len(found), most)
    ]


def _row(look: Look, place: int, found: list[Fields], again: Sequence[Box] | None) -> Fields:
    second = None if again is None else [rounded(box) for box in again]
    return {"place": look.place, "name": look.names[place], "found": found, "again": second}


def _boxes(found: Found, index: int) -> list[Box]:
    """What a second look found of a name, as far as it is boxes."""
    boxes: list[Box] = []
    for one in found.boxes[index]:
        try:
            boxes.append(check_box(one.box))
        except DataError:  # no box agrees with what is none
            continue
    return boxes


def _calls(found: Found) -> tuple[Asked[Any], ...]:
    return (found.asked,) if found.asked is not None else ()
