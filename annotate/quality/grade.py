"""What models are asked to grade: an open answer against a reference, an item as a whole, a step from reasoning on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from annotate.asking import Asked
from annotate.forms import Fields, Filled, Form
from annotate.quality.entry import Entry
from annotate.quality.prompts import Desk
from demitasse.answers import read_binary, read_score
from demitasse.prompts import Pack, rubric
from demitasse.prompts.rubric import settled

RUBRIC_KEY = "judge"

Score = Annotated[int, Field(ge=1, le=5)]


class Graded(Fields):
    """An open answer's grade."""

    reason: Filled
    score: Score


class Grades(Fields):
    """An item's grades; reasons first, so that they are thought of before the numbers."""

    reasons: Filled
    correctness: Score
    grounding: Score
    question: Score


class ReasonedGrades(Grades):
    """Those of an item with reasoning."""

    reasoning: Score


class Follows(Fields):
    """Whether an answer follows from a reasoning."""

    reason: Filled
    follows: bool


def _labelled(text: str) -> Mapping[str, Any] | None:
    """Lines `name: value` of a model that was not given a schema."""
    lines = re.findall(r"^[\s*_#-]*(\w+)[*_]*\s*:\s*[*_]*(.+?)[\s*_]*$", text, re.MULTILINE)
    return {name.casefold(): value for name, value in lines} or None


def _graded(text: str) -> Mapping[str, Any] | None:
    score = read_score(text).value
    return None if score is None else {"reason": text, "score": score}


def _follows(text: str) -> Mapping[str, Any] | None:
    told = _labelled(text) or {}
    verdict = read_binary(str(told.get("follows", ""))).value
    return {"reason": told.get("reason"), "follows": verdict == "yes"} if verdict else None


_LINES = "Reply in exactly these lines, with your own words and whole numbers in the place of the dots:\n"
GRADED = Form(
    Graded,
    "Reply with one JSON object: reason (text), score (a whole number from 1 to 5).",
    _LINES + "Reason: ...\nScore: ...",
    _graded,
)
_GRADES_JSON = "Reply with one JSON object: reasons (text), and as whole numbers correctness, grounding, question"
_GRADES_TEXT = _LINES + "Reasons: ...\nCorrectness: ...\nGrounding: ...\nQuestion: ..."
GRADES = Form(Grades, f"{_GRADES_JSON}.", _GRADES_TEXT, _labelled)
REASONED_GRADES = Form(ReasonedGrades, f"{_GRADES_JSON}, reasoning.", f"{_GRADES_TEXT}\nReasoning: ...", _labelled)
FOLLOWS = Form(
    Follows,
    "Reply with one JSON object: reason (text), follows (true or false).",
    _LINES + "Reason: ...\nFollows: yes or no",
    _follows,
)


def load_rubric() -> Pack:
    """The rubric for open answers: that of `demitasse judge`."""
    return settled(rubric.load_rubric())


@dataclass(frozen=True)
class AnswerGrader:
    """Grades open answers. The desk's pack is the rubric."""

    desk: Desk

    def decides(self) -> dict[str, Any]:
        """What a grade depends on, besides the texts."""
        return self.desk.decides(RUBRIC_KEY, {}, GRADED)

    async def grade(self, entry: Entry, answer: str) -> Asked[Graded]:
        """Grade an answer against the item's own."""
        blocks = {"question": entry.question.stem, "reference": entry.item.answer, "response": answer}
        return await self.desk.ask(RUBRIC_KEY, blocks, GRADED)
