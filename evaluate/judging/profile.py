"""What a judge is asked for and how its reply is read: one score from 1 to 5, or the marks that a benchmark wants.

VideoEspresso's judge gives five marks from 1 to 10, reported times ten. Its "overall" is a mark of the judge's own: in
the paper it lies below the mean of the other four for every model, so it is never computed. CoTasks are scored in the
way of Video-ChatGPT's ActivityNet-QA judge: right or not, and 0 to 5. Neither prompt is published; the wording is ours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demitasse.answers import read_binary, read_score, split_reasoning
from demitasse.answers.embedded import find_json
from demitasse.dataset.item_id import storable
from demitasse.engine.caller import ParseError
from evaluate.metric import JUDGE, Metric
from evaluate.records import Json

Marks = Mapping[str, float]  # whole from one judge, means of those from several


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing that a judge marks.

    Attributes:
        key: its name in the reply.
        low, high: the scale, in whole numbers; 0 and 1 are written "no" and "yes" if `yes_no`.
        factor: what a mark is multiplied by where it is reported.
        label: as a person reads it.
        yes_no: whether it is written in words.
    """

    key: str
    low: int
    high: int
    factor: int
    label: str
    yes_no: bool = False

    @property
    def metric(self) -> Metric:
        """The scale on which it is reported."""
        return Metric(self.key, self.key, self.label, self.label, self.low * self.factor, self.high * self.factor)

    def schema(self) -> Json:
        """What JSON schema says of it."""
        if self.yes_no:
            return {"type": "string", "enum": ["yes", "no"]}
        return {"type": "integer", "minimum": self.low, "maximum": self.high}

    def read(self, told: Any) -> int | None:
        """The mark as a whole number; None for anything that is none on the scale."""
        if self.yes_no:
            word = read_binary(told).value if isinstance(told, str) else None
            return {"yes": 1, "no": 0}.get(word or "")
        return read_score(json.dumps({"score": told}), self.low, self.high).value


@dataclass(frozen=True, slots=True)
class JudgeProfile:
    """What a judge is asked for; `rubric` is the pack in `prompts/`."""

    name: str
    rubric: str
    marks: tuple[Mark, ...]

    @property
    def schema(self) -> Json:
        """The reply's JSON schema: a reason, then every mark."""
        properties = {"reason": {"type": "string"}} | {mark.key: mark.schema() for mark in self.marks}
        return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}

    def holds(self, marks: Any) -> bool:
        """Whether these are marks of this profile: every one there, a number, and on its scale."""
        if not isinstance(marks, dict) or set(marks) != {mark.key for mark in self.marks}:
            return False
        return all(_is_number(marks[mark.key]) and mark.low <= marks[mark.key] <= mark.high for mark in self.marks)

    def named(self, file: str) -> str:
        """The profile's own name of a file or folder in a run folder: `judge.json`, `judge_cotasks.json`."""
        path = Path(file)
        return file if self is LIKERT else f"{path.stem}_{self.name}{path.suffix}"

    @property
    def figured(self) -> bool:
        """Whether its figures stand in a file of its own: `score` and `compare` know the scale of 1 to 5 alone."""
        return self is not LIKERT

    @property
    def lowest(self) -> Marks:
        """What a reply gets that leaves nothing to judge."""
        return {mark.key: mark.low for mark in self.marks}

    def read(self, text: str, judged: str = "") -> tuple[Marks, str]:
        """Marks and reason of a judge's reply to what it `judged`, of which it may have quoted marks.

        Raises:
            ParseError: if a mark is missing or is none on its scale, or the last ones are not the only ones and stand
                in what was judged as well. Nothing is rounded, clamped or made up.
        """
        split = split_reasoning(text)
        if not split.closed:
            raise ParseError(self._complaint("the reasoning was not closed"))
        told = self._objects(split.final)
        if len(self.marks) == 1:
            marks, why = self._alone(split.final, judged)
        elif any(one != told[-1] for one in told) and told[-1] in self._objects(judged):
            marks, why = None, "the last object is quoted"
        else:
            marks, why = self._several(told[-1] if told else {})
        if marks is None:
            raise ParseError(self._complaint(why))
        reason = told[-1].get("reason") if told else split.final
        return marks, storable(reason.strip()) if isinstance(reason, str) else ""

    def _objects(self, text: str) -> list[Json]:
        """The JSON objects that tell a mark."""
        keys = {mark.key for mark in self.marks}
        return [one.value for one in find_json(text) if isinstance(one.value, dict) and keys & set(one.value)]

    def _alone(self, final: str, judged: str) -> tuple[Marks | None, str]:
        """A single score may also stand in a tag, on a line of its own, or alone."""
        mark = self.marks[0]
        score = read_score(final, mark.low, mark.high, judged)
        return (None if score.value is None else {mark.key: score.value}), score.method.replace("_", " ")

    def _several(self, told: Mapping[str, Any]) -> tuple[Marks | None, str]:
        marks = {mark.key: mark.read(told.get(mark.key)) for mark in self.marks}
        bad = [key for key, value in marks.items() if value is None]
        return (None if bad else {key: value for key, value in marks.items() if value is not None}), ", ".join(bad)

    def _complaint(self, why: str) -> str:
        """What a judge is told of a reply that cannot be used; its reason is not asked for again."""
        wanted = ", ".join(
            f'"{mark.key}" that is {"yes or no" if mark.yes_no else f"a whole number from {mark.low} to {mark.high}"}'
            for mark in self.marks
        )
        cannot = f"That reply cannot be used ({why})."
        return f'{cannot} Write one JSON object and nothing else, with an empty "reason" and a {wanted}.'


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


LIKERT = JudgeProfile("likert", "judge/likert", (Mark("score", int(JUDGE.low), int(JUDGE.high), 1, "score"),))
VIDEOESPRESSO = JudgeProfile(
    "videoespresso",
    "judge/videoespresso",
    tuple(Mark(key, 1, 10, 10, key) for key in ("logic", "factuality", "accuracy", "conciseness", "overall")),
)
COTASKS = JudgeProfile(
    "cotasks",
    "judge/cotasks",
    (Mark("correct", 0, 1, 100, "judged correct, %", yes_no=True), Mark("score", 0, 5, 20, "score 0–5, as 0–100")),
)
PROFILES = {profile.name: profile for profile in (LIKERT, VIDEOESPRESSO, COTASKS)}
