"""Multiple choice in one forward pass: which option's letter the student would begin its answer with.

The letter is looked at where the prompt ends, so this is for the ways in which the answer comes at once. A student that
reasons first has decided nothing there: its letter without the reasoning is another student's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from demitasse.answers import read_options
from demitasse.dataset import Item
from demitasse.errors import DataError
from demitasse.student.decode import Generated
from demitasse.student.encode import Encoded
from demitasse.student.load import Student
from demitasse.student.seen import Seen, inputs_of


@dataclass(frozen=True, slots=True)
class Chosen(Generated):
    """The likeliest option's letter; `letters` has the log-probability of each, among all that could be written."""

    letters: tuple[tuple[str, float], ...] = ()

    @property
    def detail(self) -> dict[str, dict[str, float]]:
        """What goes into the item's row."""
        return {"letters": dict(self.letters)}


@torch.no_grad()
def choose(
    student: Student, prompts: Sequence[Encoded], items: Sequence[Item], seen: Seen | None = None
) -> list[Chosen]:
    """The letters of the items, in their order, from one forward pass over their prompts.

    A letter is the token that an answer of this letter alone begins with, as it was trained. Where the likeliest of all
    tokens is one of the letters, it is the one that the student would write.

    Raises:
        DataError: if the tokenizer has no token of its own for each letter.
    """
    inputs = inputs_of(student, prompts, seen)
    logits = student.model(**inputs, use_cache=False, logits_to_keep=1).logits[:, -1]
    likely = logits.float().log_softmax(dim=-1).cpu()
    return [_likeliest(student, item, row) for item, row in zip(items, likely, strict=True)]


def _likeliest(student: Student, item: Item, likely: torch.Tensor) -> Chosen:
    """The item's letter; `likely` [vocabulary] are log-probabilities of what could be written first."""
    letters = tuple((letter, float(likely[_token(student, letter)])) for letter in read_options(item.question))
    best = max(letters, key=lambda one: one[1])
    return Chosen(best[0], "stop", 1, letters=letters)


def _token(student: Student, letter: str) -> int:
    ids = student.tokenizer(letter, add_special_tokens=False)["input_ids"]
    if len(ids) != 1:
        raise DataError(f"the student's tokenizer writes the letter {letter} in {len(ids)} tokens; use --mcq generate")
    return int(ids[0])
