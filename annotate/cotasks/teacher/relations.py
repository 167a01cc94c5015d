"""Step 3: how do the entities stand to one another in the key frames?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from annotate.asking import Asked, Asker
from annotate.cotasks.teacher import told
from annotate.cotasks.teacher.footage import Footage
from annotate.cotasks.teacher.prompt_keys import RELATIONS as KEY
from annotate.cotasks.teacher.replies import RELATIONS as FORM
from annotate.cotasks.teacher.vocabulary import Vocabulary
from annotate.espresso.attempts import made_by
from annotate.referring.space import space_of
from demitasse.engine.step import Fields, Step
from demitasse.errors import DataError

VERSION = 1
FILE = "step_3_relations/relations.jsonl"


@dataclass(frozen=True)
class Relating:
    """Step 3: `relations` of a row are {place, subject, predicate, object}. Fewer than two entities stand in none."""

    vlm: Asker
    footage: Footage
    vocabulary: Vocabulary
    after: tuple[str, ...]

    def step(self) -> Step:
        """The step for the graph."""
        return Step("3", FILE, VERSION, self._inputs, self._run, after=self.after)

    def values(self, fields: Fields) -> dict[str, str]:
        """What the prompt is filled with."""
        predicates = self.vocabulary.told(self.vocabulary.spatial)
        return {"blocks": told.blocks(fields, boxes=self._boxes(fields)), "predicates": predicates}

    def _inputs(self, fields: Fields) -> Any:
        return {
            "asked": self.vlm.decides(KEY, FORM),
            "shown": self.footage.decides(fields, self.vlm.model.capability),
            "places": fields["key_frames"],
            "values": self.values(fields),
        }

    async def _run(self, fields: Fields) -> Fields:
        asked: list[Asked[list[Fields]]] = []
        if len(fields["entities"]) > 1:
            parts = await self.footage.shown(fields, fields["key_frames"], self.vlm.model.capability)
            asked.append(
                await self.vlm.ask_and_read(
                    KEY, self.values(fields), FORM, lambda text: self._read(text, fields), parts
                )
            )
        relations = [one for call in asked for one in call.value]
        return {"question": fields["question"], "relations": relations, "provenance": made_by(self.vlm, asked)}

    def _read(self, text: str, fields: Fields) -> list[Fields]:
        """Each relation once, in the order of the frames.

        Raises:
            ParseError: for a frame, name or predicate that is not of the lists, or an entity related to itself.
        """
        names, faults, found = told.names_of(fields), [], []
        for number, one in enumerate(FORM.read(text).relations, 1):
            try:
                if one.frame - 1 not in fields["key_frames"]:
                    raise ValueError(f"relation {number}: there is no frame {one.frame} among those shown")
                subject, thing = (told.named(name, names, f"relation {number}") for name in (one.subject, one.object))
                if subject == thing:
                    raise ValueError(f"relation {number}: {subject} cannot stand in a relation to itself")
                predicate = told.worded(one.predicate, self.vocabulary.spatial, f"relation {number}")
                row = {"place": one.frame - 1, "subject": subject, "predicate": predicate, "object": thing}
                found += [row] if row not in found else []
            except ValueError as fault:
                faults.append(str(fault))
        told.refuse(faults)
        return sorted(found, key=lambda row: int(row["place"]))

    def _boxes(self, fields: Fields) -> str:
        """The boxes of step 2, a line for each that there is, as the model writes them."""
        capability = self.vlm.model.capability
        space = space_of(capability.boxes, self.footage.size(fields, capability))
        lines = []
        for one in fields.get("sightings", ()):
            try:
                lines += [f"frame {one['place'] + 1}: {one['name']} {space.write(one['box'])}"] if one["box"] else []
            except DataError:  # thinner than a unit of the model's: nothing that could be told of it
                continue
        return "\n".join(lines)
