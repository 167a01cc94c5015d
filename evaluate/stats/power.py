"""What a study of this size can see, and how large one must be to see a wished difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats as scipy_stats

from evaluate.stats.estimate import cluster_places, clustered_mean

POWER = 0.8
ALPHA = 0.05


def reach(power: float = POWER, alpha: float = ALPHA) -> float:
    """z_{1-alpha/2} + z_power: the true difference, in standard errors, that a test finds this often; 2.80 as a rule.

    Raises:
        ValueError: unless alpha is between 0 and 1, and power between alpha and 1.
    """
    if not 0 < alpha < power < 1:
        raise ValueError(f"power ({power:g}) and alpha ({alpha:g}) must be between 0 and 1, and power the larger")
    return float(scipy_stats.norm.ppf(1 - alpha / 2) + scipy_stats.norm.ppf(power))


def minimum_detectable_effect(
    deltas: ArrayLike, clusters: Sequence[str], power: float = POWER, alpha: float = ALPHA
) -> float | None:
    """The smallest true mean of `deltas` [n] that a two-sided test finds this often, in their unit.

    None for fewer than two clusters, or if nothing varies: then nothing is known of how deltas vary.

    Raises:
        ValueError: for no deltas, as many cluster names as there are not deltas, or a power that is none.
    """
    error = clustered_mean(deltas, clusters).se
    return reach(power, alpha) * error if error else None


def clusters_for(
    difference: float, deltas: ArrayLike, clusters: Sequence[str], power: float = POWER, alpha: float = ALPHA
) -> int | None:
    """Clusters like these that a test needs to find a mean of `difference` this often; None as for the effect.

    Raises:
        ValueError: for a difference of 0 or what `minimum_detectable_effect` refuses.
    """
    estimate = clustered_mean(deltas, clusters)
    if not estimate.se:
        return None
    return _enough(estimate.se**2 * estimate.clusters, difference, power, alpha)


def items_needed(
    difference: float,
    variance: float,
    answer_variances: Sequence[float] = (0.0, 0.0),
    repeats: Sequence[int] = (1, 1),
    power: float = POWER,
    alpha: float = ALPHA,
) -> int:
    """Independent items needed to find `difference`: Miller, arXiv 2411.00640, section 5.

    n = (z_{alpha/2} + z_beta)² · (ω² + σ_A²/K_A + σ_B²/K_B) / δ².

    Args:
        difference: δ, in the score's unit.
        variance: ω², over items, of the difference between the two students' expected scores.
        answer_variances: σ_A² and σ_B², of one item's score over answers drawn anew.
        repeats: K_A and K_B, answers an item.
        power: of the test.
        alpha: the test's level, two-sided.

    Raises:
        ValueError: for a difference of 0, a negative variance, or fewer than one answer an item.
    """
    if variance < 0 or min(answer_variances) < 0 or min(repeats) < 1:
        raise ValueError("variances must not be negative, and every item needs at least one answer")
    drawn = sum(each / times for each, times in zip(answer_variances, repeats, strict=True))
    return _enough(variance + drawn, difference, power, alpha)


@dataclass(frozen=True, slots=True)
class Design:
    """A study that is only planned: `sd` of the paired difference over items, in the score's unit.

    `icc` is how alike the differences of one video's items are, from 0 to 1. `answer_sd` is that of one item's score
    over answers drawn anew (0 when greedy), and `repeats` how many are drawn. The differences among a video's items
    share what the video has to do with them; the luck of the draw they do not share.
    """

    sd: float
    per_cluster: float = 1.0
    icc: float = 0.0
    answer_sd: float = 0.0
    repeats: int = 1

    def __post_init__(self) -> None:
        numbers = (self.sd, self.per_cluster, self.icc, self.answer_sd)
        if not all(map(math.isfinite, numbers)) or self.sd <= 0 or self.answer_sd < 0:
            raise ValueError("sd must be above 0, answer_sd not negative, and both numbers")
        if self.per_cluster < 1 or not 0 <= self.icc <= 1 or self.repeats < 1:
            raise ValueError("a video has at least one item, icc is from 0 to 1, and an item has at least one answer")

    @property
    def item_variance(self) -> float:
        """What an item adds to the variance of the mean, with its part in its video's."""
        drawn = 2 * self.answer_sd**2 / self.repeats
        return self.sd**2 * design_effect(self.per_cluster, self.icc) + drawn


def clusters_needed(difference: float, design: Design, power: float = POWER, alpha: float = ALPHA) -> int:
    """Clusters that a planned study needs to find a mean difference of `difference` this often.

    Raises:
        ValueError: for a difference of 0, or a power that is none.
    """
    return _enough(design.item_variance / design.per_cluster, difference, power, alpha)


def design_effect(per_cluster: float, icc: float) -> float:
    """1 + (m - 1)·ICC: how many times the items that come m to a cluster must be to know as much (Kish 1965).

    For clusters of unlike sizes m is Σm²/Σm, the size of the cluster that an item meets on average.
    """
    return 1 + (per_cluster - 1) * icc


def intraclass_correlation(values: ArrayLike, clusters: Sequence[str]) -> float | None:
    """How alike the values of one cluster are: the one-way analysis of variance's estimate (Donner 1986), 0 to 1.

    An estimate below 0 is 0. None for fewer than two clusters, if no cluster has two items, or if nothing varies.
    """
    scores = np.asarray(values, dtype=np.float64)
    places, count = cluster_places(clusters)
    if count < 2 or count == len(scores):
        return None
    sizes = np.bincount(places).astype(np.float64)
    means = np.bincount(places, weights=scores) / sizes
    within = float(np.sum((scores - means[places]) ** 2)) / (len(scores) - count)
    between = float(np.sum(sizes * (means - scores.mean()) ** 2)) / (count - 1)
    usual = (len(scores) - float(np.sum(sizes**2)) / len(scores)) / (count - 1)
    total = between + (usual - 1) * within
    return min(max((between - within) / total, 0.0), 1.0) if total > 0 else None


def _enough(variance: float, difference: float, power: float, alpha: float) -> int:
    """How many independent values of this variance make `difference` as many standard errors as `reach` says."""
    if not difference or not math.isfinite(difference):
        raise ValueError("the difference to find must be a number other than 0")
    needed = (reach(power, alpha) / difference) ** 2 * variance
    return max(2, math.ceil(needed - 1e-9))  # a whole number that rounding put a hair above itself
