"""Intervals and tests for scores that come in clusters: several questions about one video are not independent.

Means carry the cluster-robust standard error with the C/(C-1) correction (as inspect_ai's `stderr(cluster=)`; Miller,
arXiv 2411.00640, has no correction). Its t quantiles have C-1 degrees of freedom where clusters are of one size, and
fewer where a few large ones decide (`evaluate.stats.freedom`). With one cluster there is no interval, and none is
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
    nothing varies, so that the clustered width would be 0. Otherwise Korn and Graubard's (`effective_share`).
    """
    scores = np.asarray(hits, dtype=np.float64)
    estimate = clustered_mean(scores, clusters)
    independent = estimate.clusters == estimate.n and bool(np.isin(scores, (0.0, 1.0)).all())
    return share_interval(estimate, independent)


def share_interval(estimate: Estimate, independent: bool = False) -> Estimate:
    """The same estimate of a share, with its interval between 0 and 1."""
    if estimate.se is None or estimate.df is None:
        return estimate
    if independent or estimate.se == 0:
        interval = wilson(round(estimate.mean * estimate.clusters), estimate.clusters)
    else:
        interval = effective_share(estimate.mean, estimate.se * estimate.widening, estimate.df)
    return replace(estimate, interval=interval)


def effective_share(share: float, se: float, df: float) -> Interval:
    """Clopper and Pearson's interval for as many independent trials as would have had this standard error.

    Korn and Graubard (1998), with the trials cut by (z/t)² for the degrees of freedom. Near 0 and 1 it covers more
    nearly what it says than the clustered t interval, which is cut off there (84 % at 0.03 instead of 95 %), than
    Wilson's for as many trials, and than the t interval of the logit.
    """
    share = min(max(share, 0.0), 1.0)  # rounding of a mean of ones
    trials = share * (1 - share) / se**2 * (float(scipy_stats.norm.ppf(0.5 + LEVEL / 2)) / t_quantile(df)) ** 2
    hits, tail = share * trials, (1 - LEVEL) / 2
    low = scipy_stats.beta.ppf(tail, hits, trials - hits + 1) if hits > 0 else 0.0
    high = scipy_stats.beta.ppf(1 - tail, hits + 1, trials - hits) if trials > hits else 1.0
    return float(low), float(high)


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


def wilson(successes: int, n: int) -> Interval:
    """Wilson's score interval for a proportion of independent trials."""
    interval = scipy_stats.binomtest(successes, n).proportion_ci(LEVEL, method="wilson")
    return float(interval.low), float(interval.high)


def cluster_sums(values: NDArray[np.float64], clusters: Sequence[str]) -> NDArray[np.float64]:
    """The sum of the values of each cluster."""
    places, count = cluster_places(clusters)
    return np.bincount(places, weights=values, minlength=count).astype(np.float64)


def cluster_places(clusters: Sequence[str]) -> tuple[NDArray[np.int64], int]:
    """Each item's cluster as a number from 0, in the order of first sight, and how many clusters there are."""
    index: defaultdict[str, int] = defaultdict(itertools.count().__next__)
    places = np.fromiter(map(index.__getitem__, clusters), dtype=np.int64, count=len(clusters))
    return places, len(index)
