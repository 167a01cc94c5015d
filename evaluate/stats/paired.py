"""Differences between two runs over the same items: paired by item, tested by flipping the sign of whole clusters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats as scipy_stats

from evaluate.stats.estimate import Estimate, cluster_sums, clustered_mean
from evaluate.stats.power import reach

# Up to this many moved clusters all sign flips are counted (2**14 of them); beyond, this many are drawn.
EXACT_CLUSTERS = 14
FLIPS = 10_000
# Above this many moved clusters their flipped sum is normal for all that is asked of it: the two differ by less than
# the error of 10,000 draws (Berry and Esseen bound it by 0.56 / sqrt(clusters) where no cluster dominates).
MANY_CLUSTERS = 5_000
DOMINATING = 0.05  # a cluster's share of the variance: more, and the sum is not normal


@dataclass(frozen=True, slots=True)
class Difference:
    """A paired mean difference, after minus before.

    `p` is from the sign-flip permutation test; `mde80` is the smallest true difference that would have been
    found significant four times in five, None where nothing varies.
    """

    estimate: Estimate
    p: float
    mde80: float | None
    wins: int
    ties: int
    losses: int


def paired_difference(before: ArrayLike, after: ArrayLike, clusters: Sequence[str], seed: int = 0) -> Difference:
    """Mean of after - before over the same items, with clustered interval and permutation p-value.

    Raises:
        ValueError: if the three differ in length or are empty.
    """
    first, second = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if len(first) != len(second):
        raise ValueError(f"{len(first)} scores before and {len(second)} after; they must be of the same items")
    deltas = second - first
    estimate = clustered_mean(deltas, clusters)
    if estimate.se == 0 and not deltas.any():  # two runs that are one
        estimate = replace(estimate, interval=(0.0, 0.0))
    return Difference(
        estimate=estimate,
        p=sign_flip(deltas, clusters, seed),
        mde80=reach() * estimate.se if estimate.se else None,
        wins=int((deltas > 0).sum()),
        ties=int((deltas == 0).sum()),
        losses=int((deltas < 0).sum()),
    )


def sign_flip(deltas: ArrayLike, clusters: Sequence[str], seed: int = 0) -> float:
    """Two-sided p-value of "the sign of each cluster's difference is a coin's toss".

    Exact for few clusters that moved; otherwise 10,000 seeded flips, with the observed one counted among them; for very
    many, the normal distribution that their sum has.
    """
    sums = cluster_sums(np.asarray(deltas, dtype=np.float64), clusters)
    sums = sums[np.abs(sums) > 1e-12]
    if len(sums) == 0:
        return 1.0
    exact = len(sums) <= EXACT_CLUSTERS
    observed = abs(float(sums.sum())) * (1 - 1e-12)  # a flip that ties with it must not fall below by rounding
    squares = sums**2
    if len(sums) > MANY_CLUSTERS and float(squares.max()) < DOMINATING * float(squares.sum()):
        return math.erfc(observed / math.sqrt(2 * float(squares.sum())))
    count = 2 ** len(sums) if exact else FLIPS
    generator = np.random.default_rng(seed)
    reached, block = 0, max(1, 2_000_000 // len(sums))
    for start in range(0, count, block):
        size = min(block, count - start)
        if exact:
            signs = ((np.arange(start, start + size)[:, None] >> np.arange(len(sums))) & 1).astype(np.int8)
        else:
            signs = generator.integers(0, 2, (size, len(sums)), dtype=np.int8)
        totals = (signs * 2.0 - 1.0) @ sums
        reached += int((np.abs(totals) >= observed).sum())
    return reached / count if exact else (reached + 1) / (count + 1)


def mcnemar_exact(gained: int, lost: int) -> float:
    """Two-sided exact p-value for items that flipped: wrong to right against right to wrong.

    It takes items as independent: with several questions a video it finds differences that are not there more often
    than it says. `sign_flip` heeds the videos.
    """
    if gained + lost == 0:
        return 1.0
    return float(scipy_stats.binomtest(gained, gained + lost, 0.5).pvalue)
