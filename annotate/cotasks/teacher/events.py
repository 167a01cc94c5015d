"""Step 4: who does what to whom, from when to when?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from annotate.asking import Asked, Asker
from annotate.cotasks.teacher import told
from annotate.cotasks.teacher.footage import Footage
from annotate.cotasks.teacher.prompt_keys import EVENTS as KEY
from annotate.cotasks.teacher.replies import EVENTS as FORM
from annotate.cotasks.teacher.replies import Done
from annotate.cotasks.teacher.vocabulary import Vocabulary
from annotate.espresso.attempts import made_by
from demitasse.engine.step import Fields, Step

VERSION = 1
FILE = "step_4_events/events.jsonl"
SLACK = 1.0  # seconds after its end that a teacher may round a video's length to


@dataclass(frozen=True)
class Recounting:
    """Step 4: `events` of a row are {subject, predicate, object, start, end}, in order. No entity does nothing."""

    vlm: Asker
    footage: Footage
    vocabulary: Vocabulary
    after: tuple[str, ...]

    def step(self) -> Step:
        """The step for the graph."""
        return Step("4", FILE, VERSION, self._inputs, self._run, after=self.after)

    def values(self, fields: Fields) -> dict[str, str]:
        """What the prompt is filled with."""
        return {
            "blocks": told.blocks(fields),
            "predicates": self.vocabulary.told(self.vocabulary.actions),
            "video_length": f"{fields['video_length']:.1f}",
        }

    def _inputs(self, fields: Fields) -> Any:
        shown = self.footage.decides(fields, self.vlm.model.capability)
        return {"asked": self.vlm.decides(KEY, FORM), "shown": shown, "values": self.values(fields)}

    async def _run(self, fields: Fields) -> Fields:
        asked: list[Asked[list[Fields]]] = []
        if fields["entities"]:
            parts = await self.footage.shown(fields, range(len(fields["sampled"])), self.vlm.model.capability)
            asked.append(
                await self.vlm.ask_and_read(
                    KEY, self.values(fields), FORM, lambda text: self._read(text, fields), parts
                )
            )
        events = [one for call in asked for one in call.value]
        return {"question": fields["question"], "events": events, "provenance": made_by(self.vlm, asked)}

    def _read(self, text: str, fields: Fields) -> list[Fields]:
        """The events in order of start, then end; one that ends a little after the video ends with it.

        Raises:
            ParseError: for times outside the video or turned round, and names or predicates that are not of the lists.
        """
        found, faults = [], []
        for number, one in enumerate(FORM.read(text).events, 1):
            try:
                found.append(self._event(one, fields, f"event {number}"))
            except ValueError as fault:
                faults.append(str(fault))
        told.refuse(faults)
        return sorted(found, key=lambda row: (row["start"], row["end"]))

    def _event(self, one: Done, fields: Fields, where: str) -> Fields:
        names, length = told.names_of(fields), fields["video_length"]
        if not 0 <= one.start <= one.end <= length + SLACK:
            raise ValueError(
                f"{where}: from {one.start:g} to {one.end:g} is no span of time of a video of {length:.1f} seconds"
            )
        return {
            "subject": told.named(one.subject, names, where),
            "predicate": told.worded(one.predicate, self.vocabulary.actions, where),
            "object": told.named(one.object, names, where) if one.object.strip() else None,
            "start": round(min(one.start, length), 3),
            "end": round(min(one.end, length), 3),
        }
