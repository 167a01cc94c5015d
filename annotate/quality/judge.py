"""A model grades each item against its video, or against the captions that the video was given.

Correctness, grounding, the question itself and the reasoning are graded from 1 to 5 with reasons; an item is dropped
where a grade lies below the lowest that is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from annotate.asking import origin
from annotate.forms import Form
from annotate.quality.config import Judge
from annotate.quality.entry import Entry
from annotate.quality.grade import GRADES, REASONED_GRADES, Grades
from annotate.quality.media import Evidence
from annotate.quality.prompts import Desk
from annotate.quality.verdict import Verdict, drop, keep, unknown
from demitasse.engine.step import Fields, Step

VERSION = 1
FILE = "judge.jsonl"
KEY = "judge_item"


@dataclass(frozen=True)
class JudgeFilter:
    """The filter as a step. With captions the evidence is theirs by the media's path, otherwise it is the media."""

    desk: Desk
    config: Judge
    evidence: Evidence
    captions: Callable[[Entry], str | None]

    def step(self) -> Step:
        """The step for the graph."""
        return Step("judge", FILE, VERSION, self._inputs, self._run, merge=False)

    def settled(self, entry: Entry) -> Verdict | None:
        """The verdict on an item that the model is not asked about; None if it is."""
        if self.config.evidence == "captions" and not self.captions(entry):
            return unknown("no captions", f"no captions of {entry.item.media_id} were found")
        return None

    def _inputs(self, fields: Fields) -> Any:
        entry: Entry = fields["entry"]
        asked = self.desk.decides(KEY, self._blocks(entry), _form(entry))
        shown = self.evidence.decides(fields, self.desk.asker.model.capability) if self._shows else None
        return {"asked": asked, "shown": shown, "config": asdict(self.config)}

    async def _run(self, fields: Fields) -> Fields:
        entry: Entry = fields["entry"]
        capability = self.desk.asker.model.capability
        parts = await self.evidence.parts(fields, capability) if self._shows else ()
        asked = await self.desk.ask(KEY, self._blocks(entry), _form(entry), parts)
        return self._verdict(asked.value).to_json() | {"provenance": origin(asked)}

    def _verdict(self, grades: Grades) -> Verdict:
        given = grades.model_dump(exclude={"reasons"})
        low = [name for name, grade in given.items() if grade < getattr(self.config, name)]
        scores: dict[str, Any] = {"grades": given, "judge_model": self.desk.model_name}
        if low:
            told = ", ".join(f"{name} {given[name]}" for name in low)
            return drop(f"low {low[0]}", f"{told}: {grades.reasons}", **scores)
        return keep(reason=grades.reasons, **scores)

    @property
    def _shows(self) -> bool:
        return self.config.evidence == "video"

    def _blocks(self, entry: Entry) -> Mapping[str, str]:
        item = entry.item
        blocks = {} if self._shows else {"captions": self.captions(entry) or ""}
        blocks |= {"question": item.question, "answer": item.answer}
        return blocks | ({"reasoning": item.reasoning} if item.reasoning else {})


def _form(entry: Entry) -> Form[Any]:
    return REASONED_GRADES if entry.item.reasoning else GRADES
