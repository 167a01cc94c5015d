"""Step 9, for test sets: what a model guesses from question and options alone, shown no video and told no caption.

Each question is asked several times, its options in another order each time, all fixed by its id. A reply that cannot
be read is not right, and is counted. A rate well above a quarter says that the options tell the answer.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from annotate.asking import Asked, Asker
from annotate.espresso import prompt_keys
from annotate.espresso.attempts import Outcome, attempt_all, made_by
from annotate.espresso.listing import fenced
from annotate.espresso.settings import ProbeSettings
from demitasse.answers import read_mcq, split_reasoning
from demitasse.engine.step import Fields, Step, Unusable

VERSION = 1
FILE = "step_9_probe/guesses.jsonl"
LETTERS = "ABCD"
Z = 1.96  # of a 95 % interval


@dataclass(frozen=True)
class Probing:
    """Step 9."""

    checker: Asker
    settings: ProbeSettings
    after: tuple[str, ...]

    def step(self) -> Step:
        """The step for the graph."""
        return Step("9", FILE, VERSION, self._inputs, self._run, after=self.after)

    def _inputs(self, fields: Fields) -> Any:
        return {
            "asked": self.checker.decides(prompt_keys.PROBE),
            "settings": [self.settings.tries, self.settings.temperature],
            "options": [[question, options] for question, options in _asked_about(fields)],
        }

    async def _run(self, fields: Fields) -> Fields:
        tries = [
            (question, options, number)
            for question, options in _asked_about(fields)
            for number in range(self.settings.tries)
        ]
        outcomes = await attempt_all([self._guess(*one) for one in tries])
        told: dict[str, list[Fields]] = {}
        for (question, options, number), outcome in zip(tries, outcomes, strict=True):
            told.setdefault(question["id"], []).append(_guessed(shuffled(question["id"], options, number), outcome))
        return {
            "video": fields["video"],
            "probe": [_row(identity, guesses, options_of(fields, identity)[0]) for identity, guesses in told.items()],
            "provenance": made_by(self.checker, outcomes),
        }

    async def _guess(self, question: Fields, options: list[str], number: int) -> Asked[str]:
        sampling = replace(self.checker.sampling, temperature=self.settings.temperature, seed=number)
        lettered = shuffled(question["id"], options, number)
        lines = "\n".join(f"{letter}. {text}" for letter, text in lettered.items())
        values = {"blocks": fenced({"question": question["question"], "options": lines})}
        asker = replace(self.checker, sampling=sampling)
        return await asker.ask_text(prompt_keys.PROBE, values, read=lambda text: split_reasoning(text).final.strip())


def shuffled(identity: str, options: list[str], number: int) -> dict[str, str]:
    """The options of a question's try under their letters."""
    texts = sorted(options)
    random.Random(f"try {number} of {identity}").shuffle(texts)
    return dict(zip(LETTERS, texts, strict=True))


def options_of(fields: Fields, identity: str) -> list[str]:
    """The right answer of a question, and its wrong ones after it; only the right one if it has no others."""
    (answer,) = (one["answer"] for one in fields["questions"] if one["id"] == identity)
    wrong = [text for one in fields.get("distractors", ()) if one["id"] == identity for text in one["distractors"]]
    return [answer, *wrong]


def guess_rate(rows: Iterable[Fields]) -> dict[str, Any] | None:
    """How often the guesses of these rows of `probe` are right; None if there are none.

    The interval is clustered by question, for its tries hang together.
    """
    shares = [row["right"] / row["tried"] for row in rows]
    if not shares:
        return None
    rate = sum(shares) / len(shares)
    spread = math.sqrt(sum((share - rate) ** 2 for share in shares) / max(1, len(shares) - 1))
    return {
        "questions": len(shares),
        "right": round(rate, 4),
        "error": round(Z * spread / math.sqrt(len(shares)), 4),
        "chance": 1 / len(LETTERS),
        "guessed_every_time": sum(share == 1 for share in shares),
    }


def _asked_about(fields: Fields) -> list[tuple[Fields, list[str]]]:
    """Questions that have options, with these."""
    having = {one["id"] for one in fields["distractors"]}
    return [(one, options_of(fields, one["id"])) for one in fields["questions"] if one["id"] in having]


def _guessed(options: dict[str, str], outcome: Outcome[str]) -> Fields:
    if isinstance(outcome, Unusable):
        return {"letter": None, "said": None, "fault": str(outcome)}
    letter = read_mcq(outcome.value, options).value
    return {"letter": letter, "said": options.get(letter or ""), "fault": "" if letter else outcome.value[:200]}


def _row(identity: str, guesses: list[Fields], answer: str) -> Fields:
    right = sum(one["said"] == answer for one in guesses)
    return {
        "id": identity,
        "tried": len(guesses),
        "right": right,
        "unread": sum(one["said"] is None for one in guesses),
        "guessed": right == len(guesses),
        "guesses": guesses,
    }
