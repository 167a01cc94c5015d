"""Step 8, for test sets: three wrong answers to each question, balanced in length with the right one.

Wrong answers out of balance are asked for again, with their lengths. A question that never gets balanced ones has no
options: it stays an open question, and is counted.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any

from annotate.asking import Asked, Asker
from annotate.espresso import length_balance, prompt_keys
from annotate.espresso.attempts import attempt_all, made_by
from annotate.espresso.filter import kept
from annotate.espresso.listing import caption_lines, fenced, fold
from annotate.espresso.replies import DISTRACTORS
from annotate.espresso.settings import DistractorSettings
from annotate.letters import ABOUT_OPTIONS
from demitasse.engine.caller import ParseError
from demitasse.engine.step import Fields, Step, Unusable

VERSION = 1
FILE = "step_8_distractors/distractors.jsonl"
COUNT = 3  # four options, as in the paper's test set
_LONGER = (
    "none is longer than the right answer",
    "one is a little longer than the right answer, the others no longer",
    "two are a little longer than the right answer, the third no longer",
    "all are a little longer than the right answer",
)


@dataclass(frozen=True)
class DistractorWriting:
    """Step 8: a call for each question that was kept and has evidence: others come to no item."""

    writer: Asker
    settings: DistractorSettings
    after: tuple[str, ...]

    def step(self) -> Step:
        """The step for the graph."""
        return Step("8", FILE, VERSION, self._inputs, self._run, after=self.after)

    def _inputs(self, fields: Fields) -> Any:
        return {
            "asked": self.writer.decides(prompt_keys.DISTRACTORS, DISTRACTORS),
            "settings": astuple(self.settings),
            "shown": [[one["id"], _blocks(fields, one)] for one in _wanted(fields)],
        }

    async def _run(self, fields: Fields) -> Fields:
        questions = _wanted(fields)
        outcomes = await attempt_all([self._ask(fields, one) for one in questions])
        told = list(zip(questions, outcomes, strict=True))
        return {
            "video": fields["video"],
            "distractors": [_row(one, said.value) for one, said in told if not isinstance(said, Unusable)],
            "without_distractors": [
                {"id": one["id"], "reason": str(said)} for one, said in told if isinstance(said, Unusable)
            ],
            "provenance": made_by(self.writer, outcomes),
        }

    async def _ask(self, fields: Fields, question: Fields) -> Asked[list[str]]:
        answer = question["answer"]
        fewest, most = length_balance.bounds(answer, self.settings)
        values = {
            "blocks": fenced(_blocks(fields, question)),
            "fewest": str(fewest),
            "most": str(most),
            "words": str(length_balance.words(answer)),
            "longer": _LONGER[length_balance.longer_ones(question["id"])],
        }
        return await self.writer.ask_and_read(
            prompt_keys.DISTRACTORS, values, DISTRACTORS, lambda text: read_distractors(text, answer, self.settings)
        )


def read_distractors(text: str, answer: str, settings: DistractorSettings) -> list[str]:
    """The wrong answers of a reply.

    Raises:
        ParseError: if the reply is not in form, there are not three, two say the same, one says what the right answer
            says or speaks of other options, or one is out of balance.
    """
    found = DISTRACTORS.read(text).distractors
    told = []
    if len(found) != COUNT:
        told.append(f"There are {len(found)} wrong answers: write {COUNT}.")
    if len({_sense(one) for one in (answer, *found)}) <= len(found):
        told.append("Two answers are the same: each has to differ from the others and from the right one.")
    if not _about(answer):  # which may well say "none of them"
        told += [f"'{one[:40]}' speaks of other answers: it must stand by itself." for one in found if _about(one)]
    told += length_balance.faults(answer, found, settings)
    if told:
        raise ParseError("The reply cannot be used. " + " ".join(told))
    return found


def _wanted(fields: Fields) -> list[Fields]:
    proven = {one["id"] for one in fields["evidence"]}
    return [one for one in kept(fields) if one["id"] in proven]


def _sense(text: str) -> str:
    return fold(text).rstrip(" .!")


def _about(text: str) -> bool:
    return ABOUT_OPTIONS.search(text) is not None


def _blocks(fields: Fields, question: Fields) -> dict[str, str]:
    captions = caption_lines(fields["frames"], fields["groups"][question["group"]])
    return {"captions": captions, "question": question["question"], "answer": question["answer"]}


def _row(question: Fields, distractors: list[str]) -> Fields:
    reference = length_balance.words(question["answer"])
    counts = [length_balance.words(one) for one in distractors]
    return {
        "id": question["id"],
        "distractors": distractors,
        "words": {"reference": reference, "distractors": counts, "reference_minus_longest": reference - max(counts)},
    }
