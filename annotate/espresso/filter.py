"""Step 4: is each question good? A question that is dropped has the rule that it breaks, and a reason.

All verdicts stay in the file, with their questions' ids. A question whose check came to nothing is `unknown`; it is
taken no further, and counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from annotate.asking import Asked, Asker
from annotate.espresso import prompt_keys
from annotate.espresso.attempts import attempt_all, made_by
from annotate.espresso.listing import caption_lines, fenced, question_lines
from annotate.espresso.replies import NONE, VERDICTS, Judged
from demitasse.engine.caller import ParseError
from demitasse.engine.step import Fields, Step, Unusable

VERSION = 1
FILE = "step_4_filter/verdicts.jsonl"
KEEP, DROP, UNKNOWN = "keep", "drop", "unknown"


@dataclass(frozen=True)
class Filtering:
    """Step 4: a call for each group that has questions."""

    checker: Asker
    after: tuple[str, ...]

    def step(self) -> Step:
        """The step for the graph."""
        return Step("4", FILE, VERSION, self._inputs, self._run, after=self.after)

    def _inputs(self, fields: Fields) -> Any:
        return {
            "asked": self.checker.decides(prompt_keys.FILTER, VERDICTS),
            "shown": [_blocks(fields, questions) for questions in by_group(fields["questions"])],
        }

    async def _run(self, fields: Fields) -> Fields:
        groups = by_group(fields["questions"])
        outcomes = await attempt_all([self._ask(fields, questions) for questions in groups])
        verdicts: list[Fields] = []
        for questions, outcome in zip(groups, outcomes, strict=True):
            if isinstance(outcome, Unusable):
                verdicts += [_row(one["id"], UNKNOWN, "", str(outcome)) for one in questions]
            else:
                told = zip(questions, outcome.value, strict=True)
                verdicts += [_row(one["id"], said.verdict, said.criterion, said.reason) for one, said in told]
        return {"video": fields["video"], "verdicts": verdicts, "provenance": made_by(self.checker, outcomes)}

    async def _ask(self, fields: Fields, questions: Sequence[Fields]) -> Asked[list[Judged]]:
        values = {"blocks": fenced(_blocks(fields, questions))}
        return await self.checker.ask_and_read(
            prompt_keys.FILTER, values, VERDICTS, lambda text: read_verdicts(text, len(questions))
        )


def read_verdicts(text: str, questions: int) -> list[Judged]:
    """A verdict on each of so many questions, in their order.

    Raises:
        ParseError: if the reply is not in form, leaves a question out or has one twice, or a verdict and its criterion
            contradict each other.
    """
    verdicts = sorted(VERDICTS.read(text).verdicts, key=lambda one: one.number)
    if [one.number for one in verdicts] != list(range(1, questions + 1)):
        raise ParseError(f"The reply cannot be used. Give one verdict for each of the questions 1 to {questions}.")
    for one in verdicts:
        if (one.verdict == DROP) == (one.criterion == NONE):
            raise ParseError(
                f"The reply cannot be used. Question {one.number}: a question that is dropped has the rule that it "
                f"breaks as its criterion, and one that is kept has {NONE}."
            )
    return verdicts


def kept(fields: Fields) -> list[Fields]:
    """The questions of a video that are good; all of them where nobody was asked."""
    verdicts = fields.get("verdicts")
    if verdicts is None:
        return list(fields["questions"])
    good = {one["id"] for one in verdicts if one["verdict"] == KEEP}
    return [one for one in fields["questions"] if one["id"] in good]


def by_group(questions: Sequence[Fields]) -> list[list[Fields]]:
    """Questions that were asked about the same group, together."""
    groups: dict[int, list[Fields]] = {}
    for one in questions:
        groups.setdefault(one["group"], []).append(one)
    return list(groups.values())


def _blocks(fields: Fields, questions: Sequence[Fields]) -> dict[str, str]:
    group = fields["groups"][questions[0]["group"]]
    return {"captions": caption_lines(fields["frames"], group), "questions": question_lines(questions)}


def _row(identity: str, verdict: str, criterion: str, reason: str) -> Fields:
    return {"id": identity, "verdict": verdict, "criterion": "" if criterion == NONE else criterion, "reason": reason}
