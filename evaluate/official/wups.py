"""WUPS: how alike two short texts are, word by word in WordNet's hierarchy (arXiv 1410.0210), as NExT-OE computes it.

Two details of NExT-OE are its own, and kept: only the first sense of a word is looked at, and a word that is like no
word of the other text is passed over instead of making the product 0, so that one shared word among strangers gives 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

DAMPING = 0.1  # what likeness below the threshold is multiplied by


class Words(Protocol):
    """What knows words; `wordnet.WordNet` does."""

    @property
    def tags(self) -> bool:
        """Whether base forms are chosen by part of speech."""
        ...

    def lemmas(self, sentence: str) -> list[str]:
        """The words of a sentence in their base forms, small letters."""
        ...

    def tokens(self, text: str) -> list[str]:
        """The words of a text as they stand."""
        ...

    def likeness(self, first: str, second: str) -> float:
        """Wu-Palmer similarity of the words' first senses, 0 to 1; 0 where there is none."""
        ...


def wups(words: Words, first: Sequence[str], second: Sequence[str], threshold: float) -> float:
    """The lesser of both directions' products, 0 to 1; `threshold` is 0 or 0.9 (WUPS@0, WUPS@0.9)."""
    return min(_one_way(words, first, second, threshold), _one_way(words, second, first, threshold))


def _one_way(words: Words, first: Sequence[str], second: Sequence[str], threshold: float) -> float:
    product, met = 1.0, False
    for word in first:
        best = max([0.0, *(_alike(words, word, other, threshold) for other in second)])
        if best:
            product *= best
            met = True
    return product if met else 0.0


def _alike(words: Words, first: str, second: str, threshold: float) -> float:
    if first == second:
        return 1.0
    likeness = words.likeness(first, second)
    return DAMPING * likeness if likeness < threshold else likeness
