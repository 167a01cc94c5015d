"""Intervals by resampling whole clusters, for figures that have no ready formula, and to check those that have."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats as scipy_stats

from evaluate.stats.estimate import LEVEL, Interval, cluster_places, t_quantile
from evaluate.stats.freedom import Freedom, freedom, moving_together

DRAWS = 10_000
# Of the draws, the share that may have no value (nothing varies in them) before there is no interval either.
UNDEFINED_LIMIT = 0.05
_BLOCK = 4_000_000  # numbers held at a time
# More clusters than this are first added up, at random, into as many groups, which are resampled in their place: the
# interval is as sure, and the time does not grow with the data.
MOST_CLUSTERS = 2_000

Table = NDArray[np.float64]


def paired_bootstrap(deltas: ArrayLike, clusters: Sequence[str], draws: int = DRAWS, seed: int = 0) -> Interval | None:
    """Interval of the mean of `deltas` [n] by resampling clusters; None for fewer than two clusters.

    Raises:
        ValueError: for no deltas, or as many cluster names as there are not deltas.
    """
    values = np.asarray(deltas, dtype=np.float64)
    if len(values) == 0 or len(values) != len(clusters):
        raise ValueError(f"{len(values)} deltas for {len(clusters)} cluster names; both must be as many, and some")
    features = summed(np.column_stack([values, np.ones_like(values)]), clusters)
    off = features[:, 0] - values.mean() * features[:, 1]
    return bootstrap_interval(features, lambda drawn: drawn[:, 0] / drawn[:, 1], features[:, 1], draws, seed, off)


def bootstrap_interval(
    features: Table,
    figure: Callable[[Table], Table],
    sizes: Table,
    draws: int = DRAWS,
    seed: int = 0,
    residuals: Table | None = None,
) -> Interval | None:
    """Percentile interval of a figure that depends on sums over clusters.

    The percentiles lie further out than 2.5 and 97.5, as far as Student's t lies beyond the normal for the degrees of
    freedom of `sizes` and as the C/(C-1) correction asks (Hesterberg 2015, arXiv 1411.5279, section 3.4: plain
    percentiles are too narrow for few clusters).

    Args:
        features: [C, F], each cluster's part of the F sums.
        figure: from sums [draws, F] to values [draws]; NaN where a draw has none.
        sizes: [C], the clusters' sizes.
        draws: how many times clusters are drawn.
        seed: of the draws.
        residuals: [C], of a mean the clusters' sums of what items are off it; without, items of a cluster are taken to
            move together.

    Returns:
        None for fewer than two clusters, or if more than 5 % of the draws have no value.
    """
    if len(features) < 2:
        return None
    generator = np.random.default_rng(seed)
    df, widening = _freedom(sizes, residuals)
    features = _grouped(features, generator)
    count, block = len(features), max(1, _BLOCK // sum(features.shape))
    values = np.concatenate(
        [figure(_drawn(features, min(block, draws - start), generator)) for start in range(0, draws, block)]
    )
    known = values[np.isfinite(values)]
    if len(known) < (1 - UNDEFINED_LIMIT) * draws:
        return None
    reach = math.sqrt(count / (count - 1)) * t_quantile(min(df, count - 1), LEVEL) * widening
    tail = float(scipy_stats.norm.sf(reach))
    low, high = np.quantile(known, [tail, 1 - tail])
    return float(low), float(high)


def summed(features: Table, clusters: Sequence[str]) -> Table:
    """Each cluster's sums [C, F] of the items' `features` [n, F]."""
    places, count = cluster_places(clusters)
    sums = np.zeros((count, features.shape[1]))
    np.add.at(sums, places, features)
    return sums


def _freedom(sizes: Table, residuals: Table | None) -> Freedom:
    if residuals is None or not np.any(residuals):
        return moving_together(sizes)
    return freedom(residuals, sizes)


def _grouped(features: Table, generator: np.random.Generator) -> Table:
    if len(features) <= MOST_CLUSTERS:
        return features
    groups = generator.permutation(len(features)) % MOST_CLUSTERS
    grouped = np.zeros((MOST_CLUSTERS, features.shape[1]))
    np.add.at(grouped, groups, features)
    return grouped


def _drawn(features: Table, draws: int, generator: np.random.Generator) -> Table:
    """Sums [draws, F] over as many clusters as there are, drawn with replacement."""
    count = len(features)
    chosen = generator.integers(0, count, (draws, count)) + np.arange(draws)[:, None] * count
    times = np.bincount(chosen.ravel(), minlength=draws * count).reshape(draws, count)
    drawn: Table = times.astype(np.float64) @ features  # whole numbers would not be multiplied by BLAS
    return drawn
