"""What human labels on some items say about a judge's scores on all of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evaluate.stats.estimate import Estimate, Interval, clustered_mean, t_quantile

FEWEST_LABELS = 2


def corrected_mean(
    judged: ArrayLike,
    human: Sequence[float | None],
    clusters: Sequence[str],
    weights: ArrayLike | None = None,
) -> Estimate | None:
    """The mean that humans would give all items: the judge's mean, plus how far humans are off it where both rated.

    Prediction-powered inference's rectifier (Angelopoulos and others, Science 2023, arXiv 2301.09633) with a clustered
    error that knows that the labelled items are among all. Whatever the judge's bias, the estimate has none, if items
    were chosen for labelling by lot.

    Args:
        judged: the judge's scores [n].
        human: the same items' human scores; None where there is no label.
        clusters: the items' videos.
        weights: [n], how many items each labelled one stands for, where some were likelier to be chosen (labels
            stratified by the judge's score); by default all alike.

    Returns:
        None for fewer than two labels.

    Raises:
        ValueError: if there are not as many of each.
    """
    scores, labelled, truth, stands_for = _aligned(judged, human, clusters, weights)
    if int(labelled.sum()) < FEWEST_LABELS:
        return None
    off = np.where(labelled, truth - scores, 0.0)
    total = float(stands_for.sum())
    rectifier = float(stands_for @ off) / total
    mean = float(scores.mean()) + rectifier
    # Values with this mean and, to first order, its clustered error, as `ratio_values` makes for a ratio.
    return clustered_mean(
        mean + (scores - scores.mean()) + stands_for * (off - rectifier) * (len(scores) / total), clusters
    )


@dataclass(frozen=True, slots=True)
class Corrected:
    """A share corrected for the judge's errors; where `value` is None, `reason` says why."""

    value: float | None
    interval: Interval | None
    judged: float | None
    specificity: float | None = None
    sensitivity: float | None = None
    reason: str = ""


def rogan_gladen(
    judged: ArrayLike,
    human: Sequence[float | None],
    clusters: Sequence[str],
    weights: ArrayLike | None = None,
) -> Corrected:
    """The share that humans would pass, from the share that the judge passes and how often it is right on labels.

    (p + q0 - 1) / (q0 + q1 - 1) for the judge's specificity q0 and sensitivity q1 (Rogan and Gladen 1978; for judges,
    Lee and others, arXiv 2511.21140), with a clustered error that knows that the labelled items are among all. Lee's
    own interval is for labels of other items, and is too wide here.

    Args:
        judged: 1 where the judge passes an item (score of 4 or more), 0 where not [n].
        human: the same of a human; None where there is no label.
        clusters: the items' videos.
        weights: as for `corrected_mean`.

    Raises:
        ValueError: if there are not as many of each, or for values other than 0 and 1.
    """
    passed, labelled, truth, stands_for = _aligned(judged, human, clusters, weights)
    if not np.isin(passed, (0, 1)).all() or not np.isin(truth[labelled], (0, 1)).all():
        raise ValueError("passes are 0 or 1; say which scores pass first")
    if len(passed) == 0:
        return Corrected(None, None, None, reason="no items")
    good, bad = (stands_for * (labelled & (truth == kind)) for kind in (1, 0))
    rate = float(passed.mean())
    if not good.any() or not bad.any():
        return Corrected(None, None, rate, reason="the labels need both a pass and a fail")
    specificity, sensitivity = float(bad @ (1 - passed) / bad.sum()), float(good @ passed / good.sum())
    told = specificity + sensitivity - 1
    if told <= 0:
        reason = "the judge passes what humans fail as often as what they pass, so it says nothing"
        return Corrected(None, None, rate, specificity, sensitivity, reason)
    value = (rate + specificity - 1) / told
    # Values with this mean and, to first order, its clustered error, as `ratio_values` makes for a ratio.
    of_bad = (1 - value) * bad * (1 - passed - specificity) / bad.sum()
    of_good = value * good * (passed - sensitivity) / good.sum()
    found = clustered_mean(value + (passed - rate + len(passed) * (of_bad - of_good)) / told, clusters)
    if found.se is None or found.df is None:
        return Corrected(_cut(value), None, rate, specificity, sensitivity, "no interval: all items are of one video")
    unseen = (1 - value) ** 2 * _unseen(specificity, bad) + value**2 * _unseen(sensitivity, good)
    half = t_quantile(found.df) * math.sqrt((found.se * found.widening) ** 2 + unseen / told**2)
    if value - half >= 1 or value + half <= 0:
        reason = "no interval: a judge that is right as often as on the labels cannot pass this many of the items"
        return Corrected(_cut(value), None, rate, specificity, sensitivity, reason)
    return Corrected(_cut(value), (_cut(value - half), _cut(value + half)), rate, specificity, sensitivity)


def _unseen(share: float, weights: NDArray[np.float64]) -> float:
    """Variance of a share of right verdicts that the labels do not show: a judge without an error is not without any.

    What is missing to the variance of the share drawn to the middle by one right and one wrong label, as Lee and others
    draw it.
    """
    labels = float(weights.sum() ** 2 / np.sum(weights**2))  # as many of equal weight (Kish)
    drawn = (labels * share + 1) / (labels + 2)
    return max(0.0, drawn * (1 - drawn) / (labels + 2) - share * (1 - share) / labels)


def _cut(share: float) -> float:
    return min(max(share, 0.0), 1.0)


def _aligned(
    judged: ArrayLike, human: Sequence[float | None], clusters: Sequence[str], weights: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]:
    """The judge's scores, which items have a label, the labels (NaN without), and what each stands for (0 without)."""
    scores = np.asarray(judged, dtype=np.float64)
    truth = np.array([np.nan if one is None else one for one in human], dtype=np.float64)
    given = np.ones_like(scores) if weights is None else np.asarray(weights, dtype=np.float64)
    if not len(scores) == len(truth) == len(clusters) == len(given):
        raise ValueError(
            f"{len(scores)} judged items, {len(truth)} labels (None where there is none), {len(clusters)} cluster "
            f"names and {len(given)} weights; there must be as many"
        )
    labelled = np.isfinite(truth)
    if (given[labelled] <= 0).any():
        raise ValueError("a labelled item stands for more than no item; its weight must be above 0")
    return scores, labelled, truth, np.where(labelled, given, 0.0)
