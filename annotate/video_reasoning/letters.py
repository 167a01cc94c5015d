"""Where the right option of a multiple-choice question goes: fixed by the question, balanced over the data set.

Seeding each shuffle by its question alone (TAO) gives the same question the same letter in every video, and
leaves the letters' balance to luck. Here questions are put in an order that only their hashes decide and take
A, B, C, D in turn: no letter is more than one ahead, and nothing about a question tells its letter.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence


def right_letters(questions: Sequence[tuple[str, str]], letters: str = "ABCD") -> list[str]:
    """The letter of the right option for each (video id, question)."""
    ranked = sorted(range(len(questions)), key=lambda number: (_hash(*questions[number]), number))
    chosen = [""] * len(questions)
    for rank, number in enumerate(ranked):
        chosen[number] = letters[rank % len(letters)]
    return chosen


def shuffled(options: Mapping[str, str], answer: str, letter: str, video: str, question: str) -> dict[str, str]:
    """The options under new letters: the right one (`answer`'s) under `letter`, the others shuffled.

    The shuffle is seeded by the video id and the question.
    """
    others = [text for old, text in options.items() if old != answer]
    random.Random(_hash(video, question)).shuffle(others)
    texts = iter(others)
    return {new: options[answer] if new == letter else next(texts) for new in options}


def _hash(video: str, question: str) -> str:
    return hashlib.sha256(f"{video}\0{question}".encode("utf-8", "surrogatepass")).hexdigest()
