"""Vectors from a text's own words and letters: no model, no download, the same on every machine.

The documented fallback. It knows no synonyms: "a dog runs" and "a puppy sprints" share nothing but "a". What it does
well is what redundancy among captions of one captioner mostly is: the same words said again, slightly changed.

A text is a bag of features: its words, its pairs of neighbouring words, and the runs of three and four letters in
each word, so that "jumps" and "jumping" are near. Each feature is hashed to one of D places with a sign, so that
features that meet cancel out on average (Weinberger et al. 2009, feature hashing); counts are damped by a logarithm;
words that carry grammar count little. There are no corpus statistics: a text's vector depends on the text alone.
"""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

VERSION = 1  # part of the name: a change of what follows changes every vector
DIMENSIONS = 1024
# Weights. Squared, which is what lengths add up, six runs of letters, as many as a short word has, weigh as the word.
WORD, PAIR, LETTERS = 1.0, 0.5, 0.4
GRAMMAR_SHARE = 0.2  # of the weight, for words that stand in every sentence
RUNS = (3, 4)
_GRAMMAR = frozenset(
    {
        "a", "an", "and", "are", "as", "at", "be", "been", "being", "by", "for", "from", "had", "has", "have", "he",
        "her", "his", "in", "into", "is", "it", "its", "of", "on", "or", "she", "so", "that", "the", "their", "them",
        "then", "there", "these", "they", "this", "those", "to", "was", "were", "which", "while", "who", "with"
    }
)  # fmt: skip
_WORD = re.compile(r"\w+(?:['’]\w+)*")


class LexicalEmbedder:
    """Hashed words and letters.

    Args:
        dimensions: places that features are hashed to; fewer make more of them meet.
    """

    def __init__(self, dimensions: int = DIMENSIONS) -> None:
        self._dimensions = dimensions

    @property
    def name(self) -> str:
        """Its version and its dimensions: "lexical-1:1024"."""
        return f"lexical-{VERSION}:{self._dimensions}"

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32 [N, dimensions], rows of length 1. Texts without a word are alike, and like nothing else."""
        rows = np.zeros((len(texts), self._dimensions), np.float64)
        for row, text in zip(rows, texts, strict=True):
            for feature, weight in _features(text).items():
                place, sign = _hashed(feature)
                row[place % self._dimensions] += sign * weight
            if not row.any():  # features can cancel each other out, in very few dimensions
                row[0] = 1.0
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def _features(text: str) -> dict[str, float]:
    """Features with their weights; one that says "nothing" for a text without words."""
    words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    if not words:
        return {"nothing": 1.0}
    counts = Counter(feature for feature, _ in _weighted(words))
    weights = dict(_weighted(words))
    return {feature: weights[feature] * (1 + math.log(count)) for feature, count in counts.items()}


def _weighted(words: Sequence[str]) -> Iterator[tuple[str, float]]:
    """Every feature as often as it occurs; what kind it is stands before it, so that kinds never meet."""
    for word in words:
        share = GRAMMAR_SHARE if word in _GRAMMAR else 1.0
        yield f"word {word}", WORD * share
        for run in _runs(word):
            yield f"letters {run}", LETTERS * share
    for first, second in zip(words, words[1:], strict=False):
        share = GRAMMAR_SHARE if {first, second} <= _GRAMMAR else 1.0
        yield f"pair {first} {second}", PAIR * share


def _runs(word: str) -> Iterator[str]:
    """Runs of letters, with the word's ends marked."""
    marked = f"^{word}$"
    for length in RUNS:
        yield from (marked[start : start + length] for start in range(len(marked) - length + 1))


@lru_cache(maxsize=2**16)
def _hashed(feature: str) -> tuple[int, int]:
    """A place to be taken modulo the dimensions, and a sign."""
    number = int.from_bytes(hashlib.blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
    return number >> 1, 1 if number & 1 else -1
