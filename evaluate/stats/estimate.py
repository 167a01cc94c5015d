"""Intervals and tests for scores that come in clusters: several questions about one video are not independent.

Means carry the cluster-robust standard error with the C/(C-1) correction (as inspect_ai's `stderr(cluster=)`; Miller,
arXiv 2411.00640, has no correction). Its t quantiles have C-1 degrees of freedom where clusters are of one size, and
fewer where a few of them decide (`evaluate.stats.freedom`). With one cluster there is no interval, and none is
invented. docs/statistics.md gives every figure's formula, and benchmarks/coverage.py how often the intervals hold.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats as scipy_stats

from evaluate.stats.freedom import freedom, moving_together

LEVEL = 0.95
_ROUNDING = 1e-12  # a standard error below this is none
_MOST_TRIALS = 1e12  # with many more the beta quantiles lose their digits, and the share lies outside them

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its clustered standard error; `se`, `interval` and `df` are None with fewer than two clusters.

    Where nothing varies `se` is 0 and there is no interval either: that all seen are alike does not make it sure.
    `df` are the degrees of freedom of the interval's t quantiles, and `widening` is what multiplies the standard error
    there (`evaluate.stats.freedom`).
    """

    mean: float
    se: float | None
    interval: Interval | None
    n: int
    clusters: int
    df: float | None = None
    widening: float = 1.0


def clustered_mean(values: ArrayLike, clusters: Sequence[str]) -> Estimate:
    """Mean of `values` [n] with the standard error √(C/(C-1)·Σ_c(Σ_i(s-s̄))²)/n over the C clusters.

    Raises:
        ValueError: for no values, or as many cluster names as there are not values.
    """
    scores = np.asarray(values, dtype=np.float64)
    if len(scores) == 0 or len(scores) != len(clusters):
        raise ValueError(f"{len(scores)} values for {len(clusters)} cluster names; both must be as many, and some")
    mean = float(scores.mean())
    return _estimate(mean, scores - mean, np.ones_like(scores), cluster_places(clusters))


def _estimate(
    mean: float, residuals: NDArray[np.float64], weights: NDArray[np.float64], clusters: tuple[NDArray[np.int64], int]
) -> Estimate:
    """The estimate from what each item is off the mean, and its weight: 1 for a mean, its divisor for a ratio."""
    (places, count), n = clusters, len(residuals)
    sums = np.bincount(places, weights=residuals, minlength=count).astype(np.float64)
    sizes = np.bincount(places, weights=weights, minlength=count).astype(np.float64)
    if count < 2:
        return Estimate(mean, None, None, n, count)
    se = math.sqrt(count / (count - 1) * float(np.sum(sums**2))) / float(sizes.sum())
    if se <= _ROUNDING * max(1.0, abs(mean)):
        return Estimate(mean, 0.0, None, n, count, moving_together(sizes).df)
    df, widening = freedom(sums, sizes)
    half = t_quantile(df) * se * widening
    return Estimate(mean, se, (mean - half, mean + half), n, count, df, widening)


def t_quantile(df: float, level: float = LEVEL) -> float:
    """Student's quantile that a two-sided interval of this level reaches to, in standard errors."""
    return float(scipy_stats.t.ppf(0.5 + level / 2, df))


def proportion(hits: ArrayLike, clusters: Sequence[str]) -> Estimate:
    """Mean of values between 0 and 1, with an interval that stays there.

    Wilson's interval for hits and misses where every cluster has one item, and, for the number of clusters, where
    nothing varies, so that the clustered width would be 0. Otherwise that of `effective_share`.
    """
    scores = np.asarray(hits, dtype=np.float64)
    estimate = clustered_mean(scores, clusters)
    independent = estimate.clusters == estimate.n and bool(np.isin(scores, (0.0, 1.0)).all())
    return share_interval(estimate, independent)


def bounded_mean(values: ArrayLike, clusters: Sequence[str], low: float, high: float) -> Estimate:
    """Mean of scores on a scale from `low` to `high`, with an interval that stays there.

    That of a share (`effective_share`), for the scale's: near its ends a t interval covers 92 % and not 95. Where
    nothing varies there is none, as for any mean.
    """
    estimate, width = clustered_mean(values, clusters), high - low
    if not estimate.se or estimate.df is None:
        return estimate
    share = effective_share((estimate.mean - low) / width, estimate.se * estimate.widening / width, estimate.df)
    return replace(estimate, interval=(low + width * share[0], low + width * share[1]))


def share_interval(estimate: Estimate, independent: bool = False) -> Estimate:
    """The same estimate of a share, with its interval between 0 and 1."""
    if estimate.se is None or estimate.df is None:
        return estimate
    if independent or estimate.se == 0:
        interval = wilson(estimate.mean * estimate.clusters, estimate.clusters)
    else:
        interval = effective_share(estimate.mean, estimate.se * estimate.widening, estimate.df)
    return replace(estimate, interval=interval)


def effective_share(share: float, se: float, df: float) -> Interval:
    """An interval for as many independent trials as would have had this standard error.

    The trials are Korn and Graubard's (1998), cut by (z/t)² for the degrees of freedom. With Clopper and Pearson's
    interval, as theirs, 3 % is covered 94 to 97 % of the time, and with Jeffreys' 92 to 95; halfway between the two
    beta distributions it is 93 to 97 (benchmarks/coverage.py). The clustered t interval is cut off there: 82 to 91.
    """
    share = min(max(share, 0.0), 1.0)  # rounding of a mean of ones
    trials = share * (1 - share) / se**2 * (float(scipy_stats.norm.ppf(0.5 + LEVEL / 2)) / t_quantile(df)) ** 2
    if trials == 0:
        return 0.0, 1.0
    trials = min(trials, _MOST_TRIALS)
    hits, misses, tail = share * trials, (1 - share) * trials, (1 - LEVEL) / 2
    low = scipy_stats.beta.ppf(tail, hits + 0.25, misses + 0.75)  # hits and misses + 1 theirs, both + 0.5 Jeffreys'
    high = scipy_stats.beta.ppf(1 - tail, hits + 0.75, misses + 0.25)
    return min(float(low), share), max(float(high), share)  # of a ten-millionth of a trial the quantiles miss the share


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
    places, _ = cluster_places(groups)
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
    above, below = (np.asarray([side[place] for place in counted], np.float64) for side in (numerators, denominators))
    if not counted:
        raise ValueError("the denominators add up to 0, so there is no ratio")
    share = float(above.sum() / below.sum())
    places = cluster_places([clusters[place] for place in counted])
    return share_interval(_estimate(share, above - share * below, below, places))


def wilson(successes: float, n: int) -> Interval:
    """Wilson's score interval for a proportion of independent trials.

    `successes` need not be whole, as scipy's must: of three videos with half of their items right each they are 1.5.
    """
    square = float(scipy_stats.norm.ppf(0.5 + LEVEL / 2)) ** 2

    def low(hits: float) -> float:
        half = math.sqrt(square * (hits * (n - hits) / n + square / 4))
        return max(0.0, (hits + square / 2 - half) / (n + square))

    return low(successes), 1 - low(n - successes)


def cluster_sums(values: NDArray[np.float64], clusters: Sequence[str]) -> NDArray[np.float64]:
    """The sum of the values of each cluster."""
    places, count = cluster_places(clusters)
    return np.bincount(places, weights=values, minlength=count).astype(np.float64)


def cluster_places(clusters: Sequence[str]) -> tuple[NDArray[np.int64], int]:
    """Each item's cluster as a number from 0, in the order of first sight, and how many clusters there are."""
    index: defaultdict[str, int] = defaultdict(itertools.count().__next__)
    places = np.fromiter(map(index.__getitem__, clusters), dtype=np.int64, count=len(clusters))
    return places, len(index)
