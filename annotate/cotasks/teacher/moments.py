"""Step 1: which of the frames does the question need, and which people, animals and things?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from annotate.asking import Asker, origin
from annotate.cotasks.teacher import told
from annotate.cotasks.teacher.footage import Footage
from annotate.cotasks.teacher.prompt_keys import MOMENTS as KEY
from annotate.cotasks.teacher.replies import MOMENTS as FORM
from annotate.cotasks.teacher.vocabulary import Vocabulary
from demitasse.cotasks.record import entity_names
from demitasse.engine.step import Fields, Step

VERSION = 1
FILE = "step_1_moments/moments.jsonl"


@dataclass(frozen=True)
class Locating:
    """Step 1. `most` is how many frames a question may need."""

    vlm: Asker
    footage: Footage
    vocabulary: Vocabulary
    most: int
    after: tuple[str, ...]

    def step(self) -> Step:
        """The step for the graph."""
        return Step("1", FILE, VERSION, self._inputs, self._run, after=self.after)

    def values(self, fields: Fields) -> dict[str, str]:
        """What the prompt is filled with."""
        return {
            "blocks": told.blocks({"asked": fields["asked"]}),
            "categories": self.vocabulary.told(self.vocabulary.categories),
            "most": str(self.most),
            "count": str(len(fields["sampled"])),
            "video_length": f"{fields['video_length']:.1f}",
        }

    def _inputs(self, fields: Fields) -> Any:
        shown = self.footage.decides(fields, self.vlm.model.capability)
        return {"asked": self.vlm.decides(KEY, FORM), "shown": shown, "values": self.values(fields)}

    async def _run(self, fields: Fields) -> Fields:
        count = len(fields["sampled"])
        parts = await self.footage.shown(fields, range(count), self.vlm.model.capability)
        asked = await self.vlm.ask_and_read(KEY, self.values(fields), FORM, lambda text: self._read(text, count), parts)
        return {"question": fields["question"], **asked.value, "provenance": origin(asked)}

    def _read(self, text: str, count: int) -> Fields:
        """The places of the frames, from 0, and the entities with their names.

        Raises:
            ParseError: if a frame or a category is none, or there are too many frames.
        """
        reply = FORM.read(text)
        places = sorted({number - 1 for number in reply.frames})
        faults = [
            f"there is no frame {place + 1}; there are 1 to {count}" for place in places if not 0 <= place < count
        ]
        if not 1 <= len(places) <= self.most:
            faults.append(f"it names {len(places)} frames; name at least 1 and at most {self.most}")
        categories = []
        for number, entity in enumerate(reply.entities, 1):
            try:
                categories.append(told.worded(entity.category, self.vocabulary.categories, f"entity {number}"))
            except ValueError as fault:
                faults.append(str(fault))
        told.refuse(faults)
        entities = zip(entity_names(categories), categories, reply.entities, strict=True)
        return {
            "key_frames": places,
            "entities": [
                {"name": name, "category": category, "description": entity.description}
                for name, category, entity in entities
            ],
        }
