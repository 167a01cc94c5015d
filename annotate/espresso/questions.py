"""Step 3: questions about each group of frames, from its captions; every question needs several of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from annotate.asking import Asked, Asker
from annotate.espresso import prompt_keys
from annotate.espresso.attempts import attempt_all, made_by
from annotate.espresso.listing import caption_lines, fenced, fold
from annotate.espresso.replies import QUESTIONS, AskedQuestion
from annotate.espresso.settings import QuestionSettings
from demitasse.engine.caller import ParseError
from demitasse.engine.step import Fields, Skip, Step, Unusable

VERSION = 1
FILE = "step_3_questions/questions.jsonl"
_FAULTS_TOLD = 4


@dataclass(frozen=True)
class Questioning:
    """Step 3: a call for each group of enough frames."""

    writer: Asker
    settings: QuestionSettings
    after: tuple[str, ...]

    def step(self) -> Step:
        """The step for the graph."""
        return Step("3", FILE, VERSION, self._inputs, self._run, after=self.after)

    def _inputs(self, fields: Fields) -> Any:
        tasks = [prompt_keys.task_key(task) for task in self.settings.tasks]
        return {
            "asked": self.writer.decides(prompt_keys.QUESTIONS, QUESTIONS),
            "tasks": [self.writer.pack.hash(key) for key in tasks],
            "settings": [self.settings.tasks, self.settings.per_group, self.settings.min_frames],
            "captions": [caption_lines(fields["frames"], group) for group in fields["groups"]],
        }

    async def _run(self, fields: Fields) -> Fields:
        if not fields["groups"]:  # not in step 2, whose row says how near to each other the captions are
            raise Skip("fewer than two frames say something different")
        numbered = list(enumerate(fields["groups"]))
        large = [(number, group) for number, group in numbered if len(group) >= self.settings.min_frames]
        outcomes = await attempt_all([self._ask(fields, group) for _, group in large])
        questions: list[Fields] = []
        without = [
            _without(number, f"{len(group)} frames, and a question needs {self.settings.min_frames}")
            for number, group in numbered
            if len(group) < self.settings.min_frames
        ]
        for (number, group), outcome in zip(large, outcomes, strict=True):
            if isinstance(outcome, Unusable):
                without.append(_without(number, str(outcome), unusable=True))
            elif not outcome.value:
                without.append(_without(number, "the writer found no good question"))
            else:
                questions += [_row(one, number, group) for one in outcome.value]
        return {
            "video": fields["video"],
            "questions": _named(questions, fields["video"]),
            "without_questions": sorted(without, key=lambda one: one["group"]),
            "provenance": made_by(self.writer, outcomes),
        }

    async def _ask(self, fields: Fields, group: Sequence[int]) -> Asked[list[AskedQuestion]]:
        pack = self.writer.pack
        told = [f"- {task}: {pack.render(prompt_keys.task_key(task), {}).strip()}" for task in self.settings.tasks]
        values = {
            "blocks": fenced({"captions": caption_lines(fields["frames"], group)}),
            "tasks": "\n".join(told),
            "count": str(self.settings.per_group),
            "min_frames": str(self.settings.min_frames),
        }
        return await self.writer.ask_and_read(
            prompt_keys.QUESTIONS, values, QUESTIONS, lambda text: self._read(text, len(group))
        )

    def _read(self, text: str, captions: int) -> list[AskedQuestion]:
        return read_questions(text, captions, self.settings)


def read_questions(text: str, captions: int, settings: QuestionSettings) -> list[AskedQuestion]:
    """The questions of a reply about so many captions, their types spelt as the settings spell them; maybe none.

    Raises:
        ParseError: if the reply is not in form, a type is none that was asked for, a caption is not there, a question
            needs too few captions, or two are the same.
    """
    asked = QUESTIONS.read(text).questions
    names = {fold(task): task for task in settings.tasks}
    faults: list[str] = []
    for place, one in enumerate(asked, 1):
        faults += [f"Question {place}: {fault}" for fault in _faults(one, captions, settings.min_frames, names)]
    if len({fold(one.question) for one in asked}) < len(asked):
        faults.append("Two questions are the same: write each once.")
    if faults:
        raise ParseError("The reply cannot be used. " + " ".join(faults[:_FAULTS_TOLD]))
    return [
        one.model_copy(update={"task": names[fold(one.task)], "captions": sorted(set(one.captions))}) for one in asked
    ]


def _faults(one: AskedQuestion, captions: int, least: int, names: dict[str, str]) -> list[str]:
    faults = []
    if fold(one.task) not in names:
        faults.append(f"'{one.task}' is none of the types: {', '.join(names.values())}.")
    strange = sorted({number for number in one.captions if not 1 <= number <= captions})
    if strange:
        faults.append(f"there is no caption {strange[0]}; they are numbered 1 to {captions}.")
    elif len(set(one.captions)) < least:
        faults.append(f"it names {len(set(one.captions))} captions, and must need at least {least}; or leave it out.")
    return faults


def _row(one: AskedQuestion, number: int, group: Sequence[int]) -> Fields:
    return {
        "task": one.task,
        "question": one.question,
        "answer": one.answer,
        "group": number,
        "frames": [group[caption - 1] for caption in one.captions],
    }


def _named(questions: list[Fields], video: str) -> list[Fields]:
    """With an id each, which says whose it is and where it stands."""
    return [{"id": f"{video}/qa_{place:03d}", **one} for place, one in enumerate(questions)]


def _without(group: int, reason: str, unusable: bool = False) -> Fields:
    return {"group": group, "reason": reason, "unusable": unusable}
