"""Step 2: where is each entity in each key frame? One call a frame: models find boxes best in one picture at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from annotate.asking import Asked, Asker
from annotate.cotasks.teacher import told
from annotate.cotasks.teacher.footage import Footage
from annotate.cotasks.teacher.prompt_keys import PLACES as KEY
from annotate.cotasks.teacher.replies import places_form
from annotate.espresso.attempts import attempt_all, made_by
from annotate.referring.space import Space, space_of
from demitasse.engine.step import Fields, Step, Unusable
from demitasse.errors import DataError

VERSION = 1
FILE = "step_2_places/places.jsonl"
DECIMALS = 5  # of a box's fractions: a hundredth of a pixel in usual videos


@dataclass(frozen=True)
class Tracking:
    """Step 2: `sightings` of a row are {place, name, box}; a box is canonical, or None for what cannot be seen."""

    vlm: Asker
    footage: Footage
    after: tuple[str, ...]

    def step(self) -> Step:
        """The step for the graph."""
        return Step("2", FILE, VERSION, self._inputs, self._run, after=self.after)

    def _inputs(self, fields: Fields) -> Any:
        capability = self.vlm.model.capability
        form = places_form(space_of(capability.boxes, self.footage.size(fields, capability)))
        return {
            "asked": self.vlm.decides(KEY, form),
            "shown": self.footage.decides(fields, capability),
            "places": fields["key_frames"],
            "blocks": told.blocks(fields),
        }

    async def _run(self, fields: Fields) -> Fields:
        places = fields["key_frames"] if fields["entities"] else []
        outcomes = await attempt_all([self._look(fields, place) for place in places])
        found = list(zip(places, outcomes, strict=True))
        return {
            "question": fields["question"],
            "sightings": [one for _, said in found if isinstance(said, Asked) for one in said.value],
            "without_boxes": [
                {"place": place, "reason": str(said)} for place, said in found if isinstance(said, Unusable)
            ],
            "provenance": made_by(self.vlm, outcomes),
        }

    async def _look(self, fields: Fields, place: int) -> Asked[list[Fields]]:
        capability = self.vlm.model.capability
        parts = await self.footage.shown(fields, [place], capability, is_labelled=False)
        space = space_of(capability.boxes, self.footage.size(fields, capability))
        values = {"blocks": told.blocks(fields), "time": f"{fields['sampled'][place]['time']:.2f}"}
        return await self.vlm.ask_and_read(
            KEY, values, places_form(space), lambda text: _read(text, space, told.names_of(fields), place), parts
        )


def _read(text: str, space: Space, names: list[str], place: int) -> list[Fields]:
    """The sightings of one frame, in the order of the names.

    Raises:
        ParseError: for a name that is not of the list, is there twice or is missing, or a box that is none.
    """
    boxes: dict[str, list[float] | None] = {}
    faults = []
    for entry in places_form(space).read(text).entities:
        try:
            name = told.named(entry.name, names, "entities")
            if name in boxes:
                raise ValueError(f"{name} is there twice; give one box for each name")
            boxes[name] = [round(side, DECIMALS) for side in space.read(entry.bbox_2d)] if entry.bbox_2d else None
        except (ValueError, DataError) as fault:
            faults.append(str(fault))
    faults += [f"{name} is missing; give its box, or [] if it cannot be seen" for name in names if name not in boxes]
    told.refuse(faults)
    return [{"place": place, "name": name, "box": boxes[name]} for name in names]
