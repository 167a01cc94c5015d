"""Intervals and tests for scores that come in clusters: several questions about one video are not independent.

Means carry the cluster-robust standard error with the C/(C-1) correction and t(C-1) quantiles (as inspect_ai's
`stderr(cluster=)`; Miller, arXiv 2411.00640, has no correction). With one cluster there is no
interval, and none is invented.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats as scipy_stats

LEVEL = 0.95

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its clustered standard error; `se` and `interval` are None with fewer than two clusters."""

    mean: float
    se: float | None
    interval: Interval | None
    n: int
    clusters: int


def clustered_mean(values: ArrayLike, clusters: Sequence[str]) -> Estimate:
    """Mean of `values` [n] with the standard error √(C/(C-1)·Σ_c(Σ_i(s-s̄))²)/n over the C clusters.

    Raises:
        ValueError: for no values, or as many cluster names as there are not values.
    """
    scores = np.asarray(values, dtype=np.float64)
    if len(scores) == 0 or len(scores) != len(clusters):
        raise ValueError(f"{len(scores)} values for {len(clusters)} cluster names; both must be as many, and some")
    mean = float(scores.mean())
    sums = cluster_sums(scores - mean, clusters)
    count = len(sums)
    if count < 2:
        return Estimate(mean, None, None, len(scores), count)
    se = math.sqrt(count / (count - 1) * float(np.sum(sums**2))) / len(scores)
    half = float(scipy_stats.t.ppf(0.5 + LEVEL / 2, count - 1)) * se
    return Estimate(mean, se, (mean - half, mean + half), len(scores), count)


def proportion(hits: ArrayLike, clusters: Sequence[str]) -> Estimate:
    """Mean of 0/1 values, with an interval that stays inside 0 and 1.

    Wilson's interval where every cluster has one item. Otherwise the clustered interval, cut to the range; and
    where nothing varies, so that its width would be 0, Wilson's for the number of clusters.
    """
    scores = np.asarray(hits, dtype=np.float64)
    estimate = clustered_mean(scores, clusters)
    if estimate.interval is None or estimate.se is None:
        return estimate
    if estimate.clusters == estimate.n or estimate.se == 0:
        interval = wilson(round(estimate.mean * estimate.clusters), estimate.clusters)
    else:
        interval = (max(0.0, estimate.interval[0]), min(1.0, estimate.interval[1]))
    return Estimate(estimate.mean, estimate.se, interval, estimate.n, estimate.clusters)


def ratio_values(numerators: ArrayLike, denominators: ArrayLike) -> NDArray[np.float64]:
    """Values [n] whose mean is Σ numerators / Σ denominators, and whose clustered error is that ratio's.

    R + (y - R·x)·n / Σx, the first-order (Taylor) linearisation of survey statistics: with it precision, whose
    divisor is the student's own doing, gets the intervals and paired tests of a mean. Where every denominator is 1
    the values are the numerators.

    Raises:
        ValueError: if the denominators add up to 0.
    """
    above, below = np.asarray(numerators, dtype=np.float64), np.asarray(denominators, dtype=np.float64)
    total = float(below.sum())
    if total == 0:
        raise ValueError("the denominators add up to 0, so there is no ratio")
    ratio = float(above.sum()) / total
    values: NDArray[np.float64] = ratio + (above - ratio * below) * (len(below) / total)
    return values


def group_mean_values(scores: ArrayLike, groups: Sequence[str]) -> NDArray[np.float64]:
    """Values [n] whose mean is the mean of the groups' means, and whose clustered error is that macro mean's.

    M + (s - m_g)·n / (G·n_g), the first-order linearisation that `ratio_values` uses, for the G groups of n_g scores
    and mean m_g. The groups are taken as given, so that how much they differ is no error.

    Raises:
        ValueError: for no scores, or as many group names as there are not scores.
    """
    given = np.asarray(scores, dtype=np.float64)
    if len(given) == 0 or len(given) != len(groups):
        raise ValueError(f"{len(given)} scores for {len(groups)} group names; both must be as many, and some")
    index: dict[str, int] = {}
    places = np.fromiter((index.setdefault(name, len(index)) for name in groups), dtype=np.int64, count=len(given))
    sizes = np.bincount(places).astype(np.float64)
    means = np.bincount(places, weights=given) / sizes
    values: NDArray[np.float64] = means.mean() + (given - means[places]) * (len(given) / (len(sizes) * sizes[places]))
    return values


def ratio(numerators: Sequence[float], denominators: Sequence[float], clusters: Sequence[str]) -> Estimate:
    """Σ numerators / Σ denominators of a share, with a clustered interval that stays inside 0 and 1.

    Items whose denominator is 0 have no part in it. Where nothing varies the interval is Wilson's for the number of
    clusters, as in `proportion`.

    Raises:
        ValueError: if the denominators add up to 0.
    """
    counted = [place for place, below in enumerate(denominators) if below]
    above, below = ([side[place] for place in counted] for side in (numerators, denominators))
    estimate = clustered_mean(ratio_values(above, below), [clusters[place] for place in counted])
    if estimate.interval is None or estimate.se is None:
        return estimate
    if estimate.se < 1e-12:  # rounding of the linearisation
        interval = wilson(round(estimate.mean * estimate.clusters), estimate.clusters)
    else:
        interval = (max(0.0, estimate.interval[0]), min(1.0, estimate.interval[1]))
    return Estimate(estimate.mean, estimate.se, interval, estimate.n, estimate.clusters)


def wilson(successes: int, n: int) -> Interval:
    """Wilson's score interval for a proportion of independent trials."""
    interval = scipy_stats.binomtest(successes, n).proportion_ci(LEVEL, method="wilson")
    return float(interval.low), float(interval.high)


def cluster_sums(values: NDArray[np.float64], clusters: Sequence[str]) -> NDArray[np.float64]:
    """The sum of the values of each cluster."""
    index: dict[str, int] = {}
    places = np.fromiter((index.setdefault(name, len(index)) for name in clusters), dtype=np.int64, count=len(values))
    return np.bincount(places, weights=values).astype(np.float64)
