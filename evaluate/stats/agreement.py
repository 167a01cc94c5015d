"""How far two raters, or several, agree; each figure with an interval that heeds which items are of one video.

Where all ratings are one and the same, agreement beyond chance is not known: the figures say so, and do not say 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluate.stats.bootstrap import Table, bootstrap_interval, summed
from evaluate.stats.coincidences import DISTANCES, alpha_of, coincidences
from evaluate.stats.estimate import Estimate, Interval, clustered_mean, proportion
from evaluate.stats.rating_pairs import RatingPairs

ONE_RATING = "all ratings are the same"
ONE_RATER_CONSTANT = "one of the raters gave everything the same rating"
NO_ITEMS = "no item has two ratings"

Ratings = Sequence[float]


@dataclass(frozen=True, slots=True)
class Agreement:
    """A figure over `n` items; where `value` is None, `reason` says why.

    `interval` is None for one cluster, and where whatever is drawn gives the same figure: then nothing tells its error.
    """

    value: float | None
    interval: Interval | None
    n: int
    clusters: int
    reason: str = ""


def exact(first: Ratings, second: Ratings, clusters: Sequence[str] | None = None) -> Agreement:
    """Share of items that both rated alike."""
    return within(first, second, 0, clusters)


def within(first: Ratings, second: Ratings, step: float, clusters: Sequence[str] | None = None) -> Agreement:
    """Share of items whose two ratings are at most `step` apart."""
    apart, names = _differences(first, second, clusters)
    return _of_mean(proportion, np.abs(apart) <= step, names)


def mean_absolute_error(first: Ratings, second: Ratings, clusters: Sequence[str] | None = None) -> Agreement:
    """Mean distance between the two ratings of an item."""
    apart, names = _differences(first, second, clusters)
    return _of_mean(clustered_mean, np.abs(apart), names)


def bias(first: Ratings, second: Ratings, clusters: Sequence[str] | None = None) -> Agreement:
    """Mean of second - first: above 0, the second rater is the more lenient."""
    apart, names = _differences(first, second, clusters)
    return _of_mean(clustered_mean, apart, names)


def weighted_kappa(
    first: Ratings, second: Ratings, clusters: Sequence[str] | None = None, weights: str = "quadratic"
) -> Agreement:
    """Cohen's (1968) kappa: 1 - disagreement over the disagreement that the two raters' own habits make by chance.

    Args:
        first: ratings [n], as numbers on one scale; distances are between the numbers, not between ranks.
        second: the other rater's.
        clusters: the items' videos; without, each item is one.
        weights: "quadratic" for squared distances, "linear", or "none" to count every disagreement alike.

    Raises:
        ValueError: if there are not as many of each, or for other weights.
    """
    pairs = _pairs(first, second, clusters)
    if pairs.n == 0 or len(pairs.levels) == 1:
        return _unknown(pairs, ONE_RATING)
    return _over_pairs(pairs, lambda counts: pairs.kappa(counts, weights))


def spearman(first: Ratings, second: Ratings, clusters: Sequence[str] | None = None) -> Agreement:
    """Spearman's rank correlation, ties at their mean rank: does the order agree, whatever the level?"""
    pairs = _pairs(first, second, clusters)
    if pairs.n == 0 or min(len(set(side)) for side in pairs.places.T.tolist()) == 1:
        return _unknown(pairs, ONE_RATER_CONSTANT)
    return _over_pairs(pairs, pairs.rank_correlation)


def krippendorff_alpha(
    table: Sequence[Sequence[float | None]], level: str = "ordinal", clusters: Sequence[str] | None = None
) -> Agreement:
    """Krippendorff's alpha (Computing Krippendorff's Alpha-Reliability, 2011) of any number of raters.

    Args:
        table: ratings, raters by items; None where a rater did not rate an item. Items with fewer than two ratings
            have no part in it.
        level: of the ratings: "nominal", "ordinal" or "interval".
        clusters: the items' videos; without, each item is one.

    Raises:
        ValueError: for rows of unlike length, or another level.
    """
    if level not in DISTANCES:
        raise ValueError(f"level must be {', '.join(DISTANCES)}, not {level}")
    ratings = np.array([[np.nan if one is None else one for one in row] for row in table], dtype=np.float64)
    names = _names(ratings.shape[-1], clusters)
    kept = np.flatnonzero(np.isfinite(ratings).sum(axis=0) >= 2).tolist()
    names, ratings = [names[place] for place in kept], ratings[:, kept]
    levels = np.unique(ratings[np.isfinite(ratings)])
    if len(levels) < 2:
        reason = ONE_RATING if len(levels) else NO_ITEMS
        return Agreement(None, None, len(names), len(set(names)), reason)
    shape = (-1, len(levels), len(levels))
    features = summed(coincidences(ratings, levels), names)
    sizes = summed(np.ones((len(names), 1)), names)[:, 0]
    return _resampled(features, lambda sums: alpha_of(sums.reshape(shape), levels, DISTANCES[level]), sizes, len(names))


def _pairs(first: Ratings, second: Ratings, clusters: Sequence[str] | None) -> RatingPairs:
    _, names = _differences(first, second, clusters)
    return RatingPairs.of(first, second, names)


def _unknown(pairs: RatingPairs, reason: str) -> Agreement:
    return Agreement(None, None, pairs.n, len(pairs.counts), reason if pairs.n else NO_ITEMS)


def _over_pairs(pairs: RatingPairs, figure: Callable[[Table], Table]) -> Agreement:
    return _resampled(pairs.counts, figure, pairs.counts.sum(axis=1), pairs.n)


def _resampled(features: Table, figure: Callable[[Table], Table], sizes: Table, n: int) -> Agreement:
    value = float(figure(features.sum(axis=0, keepdims=True))[0])
    interval = bootstrap_interval(features, figure, sizes)
    varies = interval is not None and interval[0] < interval[1]
    return Agreement(value, interval if varies else None, n, len(features))


def _of_mean(
    mean: Callable[[Table, Sequence[str]], Estimate], values: NDArray[np.generic], names: Sequence[str]
) -> Agreement:
    if not len(values):
        return Agreement(None, None, 0, 0, NO_ITEMS)
    found = mean(values.astype(np.float64), names)
    return Agreement(found.mean, found.interval, found.n, found.clusters)


def _differences(first: Ratings, second: Ratings, clusters: Sequence[str] | None) -> tuple[Table, Sequence[str]]:
    one, two = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if len(one) != len(two):
        raise ValueError(f"{len(one)} ratings and {len(two)}; they must be of the same items")
    return two - one, _names(len(one), clusters)


def _names(count: int, clusters: Sequence[str] | None) -> Sequence[str]:
    if clusters is not None and len(clusters) != count:
        raise ValueError(f"{count} items and {len(clusters)} cluster names; there must be as many")
    return [str(place) for place in range(count)] if clusters is None else clusters
