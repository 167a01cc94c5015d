"""What the scripted teacher and checker say of pictures: each prompt of referring expressions, answered from truth.

Boxes are told and read in the units that the stand-in was set to, of the picture as it was sent. A box that belongs to
no thing of a toy picture (all boxes, where the picture is no toy picture) is given back as it came, under its own name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from demitasse.chat.kinds import BOX_STYLES
from demitasse.chat.model import Capability, Request
from demitasse.geometry import from_canonical, iou, smart_resize, to_canonical
from demitasse.toyworld import mistakes
from demitasse.toyworld.phrases import caption, describe, phrases, picked
from demitasse.toyworld.scene import Box, ToyScene
from demitasse.toyworld.scene_prompts import (
    Asked,
    Listed,
    Numbers,
    asked_expressions,
    asked_phrases,
    listed_boxes,
)

STEPS = ("region_expr", "image_caption", "grounding_expr", "double_check", "blind_grounding")
EXCUSE = "A stand-in answered here. It knows only toy pictures, and this picture is not one of them."
DEFAULT_BOXES = "qwen_1000"
UNKNOWN = "unknown"
SAME = 0.5  # IoU from which a box of a list is taken for a thing's
_VERDICTS = {"kept": "keep", "moved": "move", "removed": "remove"}


@dataclass(frozen=True, slots=True)
class Units:
    """How boxes are written: a name of `BOX_STYLES`, and the width and height in pixels that pixels count in."""

    style: str
    size: tuple[int, int]

    def read(self, values: Numbers) -> Box:
        """A box of a prompt, canonical."""
        return to_canonical(values, BOX_STYLES[self.style], self.size)

    def write(self, box: Box) -> Numbers:
        """A box of a reply."""
        return list(from_canonical(box, BOX_STYLES[self.style], self.size))


@dataclass(frozen=True, slots=True)
class Sight:
    """The toy picture that a teacher is shown, the units of its boxes, and the shares of errors that it is to make."""

    scene: ToyScene
    units: Units
    box_mistakes: float = 0.0
    check_mistakes: float = 0.0


def units_of(capability: Capability, size: tuple[int, int]) -> Units:
    """The units for a picture that was sent at this width and height.

    Raises:
        DataError: if one side is more than 200 times the other, which Qwen2.5-VL refuses.
    """
    if capability.boxes != "qwen2_5_vl_px":
        return Units(capability.boxes or DEFAULT_BOXES, size)
    # As the model's own processor does, whoever sent the picture: who counted on another size is shown so.
    rows, columns = smart_resize(size[1], size[0], min_pixels=capability.min_pixels, max_pixels=capability.max_pixels)
    return Units(capability.boxes, (columns, rows))


def tell(request: Request, sight: Sight | None) -> str:
    """The reply to a prompt of `STEPS`, in the form that the request asks for; `sight` is None for other pictures.

    Raises:
        KeyError: for another step.
    """
    tellers: dict[str, Callable[[Request, Sight | None], str]] = {
        "region_expr": _regions,
        "image_caption": lambda _, sight: caption(sight.scene) if sight else EXCUSE,
        "grounding_expr": _grounding,
        "double_check": _double_check,
        "blind_grounding": _blind_grounding,
    }
    return tellers[request.step](request, sight)


def _regions(request: Request, sight: Sight | None) -> str:
    _, listed = listed_boxes(request.text)
    regions = [_region(one, sight) for one in listed]
    return _json({"regions": regions} if request.schema else regions)


def _region(one: Listed, sight: Sight | None) -> dict[str, Any]:
    index = _thing(one, sight)
    if sight is None or index is None:
        told = f"{one.name}, unknown to the stand-in"
        return {"bbox_2d": one.box, "type": one.name, "color": UNKNOWN, "description": told}
    thing = sight.scene.things[index]
    (drawn,) = mistakes.draw(sight.scene, "0", describe(thing), (index,), sight.box_mistakes)
    box = sight.units.write(drawn.box)
    return {"bbox_2d": box, "type": thing.shape, "color": thing.colour, "description": describe(thing)}


def _grounding(request: Request, sight: Sight | None) -> str:
    everything, asked = listed_boxes(request.text)
    found = {one.number: _thing(one, sight) for one in everything}
    strangers: dict[str, list[Numbers]] = {}
    for one in asked:
        if found[one.number] is None:
            strangers.setdefault(" ".join(one.name.split()).rstrip(" .").casefold(), []).append(one.box)
    here = {index for one in asked if (index := found[one.number]) is not None}
    known = {index for index in found.values() if index is not None}
    said = _said(sight, known, here) if sight else {}
    lines = [*said.items(), *strangers.items()]
    if not request.schema:
        return _text(lines)
    return _json({"expressions": [{"phrase": phrase, "boxes": boxes} for phrase, boxes in lines]})


def _said(sight: Sight, known: set[int], here: set[int]) -> dict[str, list[Numbers]]:
    """Phrases with the boxes of those of their things that are asked about; none that fits a thing without a box."""
    said: dict[str, list[Numbers]] = {}
    for phrase, things in phrases(sight.scene).items():
        asked = tuple(index for index in things if index in here)
        if asked and known.issuperset(things):
            others = sorted(here.difference(things))
            drawn = mistakes.draw(sight.scene, "2", phrase, asked, sight.box_mistakes, others)
            said[phrase] = [sight.units.write(one.box) for one in drawn]
    return said


def _double_check(request: Request, sight: Sight | None) -> str:
    asked = asked_expressions(request.text)
    judged = [_verdicts(one, sight) for one in asked]
    if not request.schema:
        return _text(
            (one.phrase, [box for verdict, box in verdicts if verdict != "remove"])
            for one, verdicts in zip(asked, judged, strict=True)
        )
    return _json(
        {
            "expressions": [
                {
                    "number": one.number,
                    "phrase": one.phrase,
                    "boxes": [
                        {"box": place, "verdict": verdict, "bbox_2d": box if verdict == "move" else []}
                        for place, (verdict, box) in enumerate(verdicts, 1)
                    ],
                }
                for one, verdicts in zip(asked, judged, strict=True)
            ]
        }
    )


def _verdicts(one: Asked, sight: Sight | None) -> list[tuple[str, Numbers]]:
    """What becomes of each box of a phrase, and where it ends; what is kept keeps its numbers."""
    if sight is None:
        return [("keep", box) for box in one.boxes]
    boxes = [sight.units.read(box) for box in one.boxes]
    return [
        (_VERDICTS[verdict.action], sight.units.write(verdict.box) if verdict.action == "moved" else box)
        for verdict, box in zip(
            mistakes.check(sight.scene, one.phrase, boxes, sight.check_mistakes), one.boxes, strict=True
        )
    ]


def _blind_grounding(request: Request, sight: Sight | None) -> str:
    asked = asked_phrases(request.text, numbered=request.schema is not None)
    found = [_found(one.phrase, sight) for one in asked]
    if not request.schema:
        return _text(zip((one.phrase for one in asked), found, strict=True))
    return _json(
        {
            "expressions": [
                {"number": one.number, "phrase": one.phrase, "boxes": boxes}
                for one, boxes in zip(asked, found, strict=True)
            ]
        }
    )


def _found(phrase: str, sight: Sight | None) -> list[Numbers]:
    things = picked(sight.scene, phrase) if sight else None
    if sight is None or not things:
        return []
    drawn = mistakes.draw(sight.scene, "4", phrase, things, sight.box_mistakes)
    return [sight.units.write(one.box) for one in drawn]


def _thing(one: Listed, sight: Sight | None) -> int | None:
    """The thing that a box of a list is drawn around."""
    if sight is None:
        return None
    box = sight.units.read(one.box)
    overlaps = {index: iou(box, thing.box) for index, thing in enumerate(sight.scene.things)}
    best = max(overlaps, key=lambda index: overlaps[index], default=None)
    return best if best is not None and overlaps[best] >= SAME else None


def _json(value: Mapping[str, Any] | Sequence[Any]) -> str:
    return orjson.dumps(value).decode()


def _text(lines: Iterable[tuple[str, Sequence[Numbers]]]) -> str:
    return "\n".join(f"{phrase}: {_json(boxes)}" for phrase, boxes in lines)
