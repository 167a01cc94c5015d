"""Two raters' ratings as counts, from which kappa and rank correlation follow for thousands of draws at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluate.stats.bootstrap import Table, summed

# From the distance of two ratings to how wrong it is.
WEIGHTS: dict[str, Callable[[Table], Table]] = {
    "quadratic": lambda apart: apart**2,
    "linear": lambda apart: apart,
    "none": lambda apart: (apart > 0).astype(np.float64),
}


def kappa_of(first: Sequence[float] | Table, second: Sequence[float] | Table, weights: str) -> float:
    """Two raters' kappa alone; NaN if they have no items, or gave nothing but one rating."""
    if not len(first):
        return math.nan
    pairs = RatingPairs.of(first, second, ["all"] * len(first))
    return float(pairs.kappa(pairs.counts, weights)[0])


@dataclass(frozen=True)
class RatingPairs:
    """Two raters' ratings as counts [C, P] of each pair of ratings that occurs, by cluster.

    `places` [P, 2] are the pairs' places among `levels`, the distinct ratings in order.
    """

    counts: Table
    places: NDArray[np.int64]
    levels: Table

    @classmethod
    def of(
        cls, first: Sequence[float] | Table, second: Sequence[float] | Table, clusters: Sequence[str]
    ) -> RatingPairs:
        """Count the pairs of ratings of the same items."""
        levels, flat = np.unique(np.array([first, second], dtype=np.float64), return_inverse=True)
        pairs, places = np.unique(flat.reshape(2, -1).T, axis=0, return_inverse=True)
        seen = (places.reshape(-1, 1) == np.arange(len(pairs))).astype(np.float64)
        return cls(summed(seen, clusters), pairs.astype(np.int64), levels)

    @property
    def n(self) -> int:
        """How many items both have rated."""
        return int(self.counts.sum())

    def kappa(self, counts: Table, weights: str) -> Table:
        """1 - observed over expected distance of counts [draws, P]; NaN where nothing could disagree by chance.

        Raises:
            ValueError: for weights that are not among `WEIGHTS`.
        """
        if weights not in WEIGHTS:
            raise ValueError(f"weights must be {', '.join(WEIGHTS)}, not {weights}")
        distances = WEIGHTS[weights](np.abs(self.levels[:, None] - self.levels))
        one, two = (self._marginal(counts, side) for side in (0, 1))
        observed = counts @ distances[self.places[:, 0], self.places[:, 1]]
        expected = np.einsum("di,ij,dj->d", one, distances, two) / counts.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(expected > 0, 1 - observed / expected, np.nan)

    def rank_correlation(self, counts: Table) -> Table:
        """The weighted correlation of mid-ranks; NaN where a side is constant."""
        one, two = (self._ranks(counts, side) for side in (0, 1))
        one, two = (
            side - (side * counts).sum(axis=1, keepdims=True) / counts.sum(axis=1, keepdims=True) for side in (one, two)
        )
        spread = np.sqrt((counts * one**2).sum(axis=1) * (counts * two**2).sum(axis=1))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(spread > 0, (counts * one * two).sum(axis=1) / spread, np.nan)

    def _ranks(self, counts: Table, side: int) -> Table:
        at_level = self._marginal(counts, side)
        ranks: Table = (np.cumsum(at_level, axis=1) - at_level / 2)[:, self.places[:, side]]
        return ranks

    def _marginal(self, counts: Table, side: int) -> Table:
        marginal: Table = counts @ (self.places[:, side, None] == np.arange(len(self.levels))).astype(np.float64)
        return marginal
