"""Finding texts that are nearly the same among very many, exactly measured and always in the same way.

MinHash signatures over runs of four characters find the candidates, in bands whose equality makes a pair worth a
look; what is a candidate is measured by its true Jaccard similarity. All hashing is arithmetic on the characters in
numpy, so a hundred thousand texts take seconds, and every run and machine agrees.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

RUN = 4  # characters: shorter runs are in every text, longer ones are broken by every changed letter
ROWS = 4
BANDS = 16  # at a similarity of 0.8 a pair is overlooked once in five thousand times, at 0.7 once in eighty
LOOKED_AT = 24  # earlier texts of one bucket that a text is compared with; what is quite equal is always found
# How far the share of equal rows, an estimate from 64 draws, may lie below the similarity: three standard errors.
SLACK = 0.15
_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, from the golden ratio
_SEED = 20241121


class Texts:
    """The texts of one comparison, each within a group; only texts of one group are compared.

    Args:
        texts: as they are to be compared (case, punctuation and so on already evened out).
        groups: for each text the name of its group.
    """

    def __init__(self, texts: Sequence[str], groups: Sequence[str]) -> None:
        self._texts = texts
        self._groups = groups
        self._shingles = list(_shingles(texts))

    def firsts(self, threshold: float, accepts: Callable[[int, int], bool]) -> dict[int, int]:
        """Every text that is nearly the same as an earlier one that is no such text itself, with that one.

        Args:
            threshold: Jaccard similarity from which two texts are nearly the same.
            accepts: asked of (earlier, later) besides.
        """
        found: dict[int, int] = {}
        equal: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        buckets: defaultdict[int, list[int]] = defaultdict(list)
        signatures = self._signatures()
        places = _bands(signatures, self._groups)
        for later, same in enumerate(zip(self._groups, self._texts, strict=True)):
            mine = places[later].tolist()
            near = sorted({one for place in mine if place in buckets for one in buckets[place]})
            if near:
                agreeing = (signatures[near] == signatures[later]).mean(axis=1)
                near = [near[place] for place in np.flatnonzero(agreeing >= threshold - SLACK)]
            first = next((one for one in [*equal[same], *near] if self._is(one, later, threshold, accepts)), None)
            if first is not None:
                found[later] = first
                continue
            for bucket in (equal[same], *(buckets[place] for place in mine)):
                if len(bucket) < LOOKED_AT:
                    bucket.append(later)
        return found

    def similarity(self, one: int, other: int) -> float:
        """Jaccard similarity of two texts: shared runs of characters over all of them."""
        first, second = self._shingles[one], self._shingles[other]
        shared = len(np.intersect1d(first, second, assume_unique=True))
        return shared / (len(first) + len(second) - shared)

    def _is(self, one: int, other: int, threshold: float, accepts: Callable[[int, int], bool]) -> bool:
        sizes = sorted((len(self._shingles[one]), len(self._shingles[other])))
        alike = sizes[0] >= threshold * sizes[1] and self.similarity(one, other) >= threshold
        return alike and self._groups[one] == self._groups[other] and accepts(one, other)

    def _signatures(self) -> NDArray[np.uint32]:
        """uint32[N, BANDS * ROWS]: the smallest hash of each text's runs, under so many hash functions."""
        signatures = np.zeros((len(self._texts), BANDS * ROWS), np.uint32)
        if not self._texts:
            return signatures
        lengths = np.array([len(shingles) for shingles in self._shingles])
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        values = np.concatenate(self._shingles)
        factors = np.random.default_rng(_SEED).integers(1, 2**63, (2, BANDS * ROWS), dtype=np.uint64)
        for row in range(BANDS * ROWS):
            hashed = _mixed(values * (factors[0, row] | np.uint64(1)) + factors[1, row])
            signatures[:, row] = np.minimum.reduceat(hashed >> np.uint64(32), starts)
        return signatures


def _bands(signatures: NDArray[np.uint32], groups: Sequence[str]) -> NDArray[np.uint64]:
    """uint64[N, BANDS]: the number of each band's bucket, made of its rows, its place and the text's group."""
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    rows = signatures.astype(np.uint64).reshape(-1, BANDS, ROWS)
    own = np.array([numbers[group] for group in groups], np.uint64)
    places = np.arange(BANDS, dtype=np.uint64)
    bands = _mixed(np.add.outer(own * np.uint64(BANDS), places))
    for row in range(ROWS):
        bands = _mixed(bands * _BASE + rows[:, :, row])
    return bands


def _shingles(texts: Sequence[str]) -> Iterator[NDArray[np.uint64]]:
    """For each text the distinct hashes of its runs of characters, sorted; a short text is one run."""
    for text in texts:
        codes = np.frombuffer(text.ljust(RUN).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
        hashed = np.zeros(len(codes) - RUN + 1, np.uint64)
        for place in range(RUN):
            hashed = hashed * _BASE + codes[place : len(codes) - RUN + 1 + place]
        yield np.unique(_mixed(hashed))


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Values whose every bit depends on all bits of what was given (the finaliser of MurmurHash3)."""
    values = (values ^ (values >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    return values ^ (values >> np.uint64(33))
