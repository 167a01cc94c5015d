"""The coincidence matrix behind Krippendorff's alpha: pairs of ratings of one item by different raters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from evaluate.stats.bootstrap import Table


def coincidences(ratings: Table, levels: Table) -> Table:
    """Each item's [n, k·k] pairs of ratings by different raters, as many as the item has ratings."""
    counts = (ratings[:, :, None] == levels).sum(axis=0).astype(np.float64)
    pairs = counts[:, :, None] * counts[:, None, :]
    pairs[:, np.arange(len(levels)), np.arange(len(levels))] -= counts
    return (pairs / (counts.sum(axis=1) - 1)[:, None, None]).reshape(len(counts), -1)


def alpha_of(pairs: Table, levels: Table, distances: Callable[[Table, Table], Table]) -> Table:
    """Alpha of each draw's pairs [draws, k, k]; NaN where all ratings are one.

    1 - (n - 1)·Σ o·δ² / Σ n_c·n_k·δ², for the pairs o, the ratings n_c at each level and the distance δ of two levels.
    """
    totals = pairs.sum(axis=2)
    squares = distances(levels, totals)
    observed = (pairs * squares).sum(axis=(1, 2)) * (totals.sum(axis=1) - 1)
    expected = np.einsum("di,dij,dj->d", totals, np.broadcast_to(squares, pairs.shape), totals)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(expected > 0, 1 - observed / expected, np.nan)


def _ordinal(levels: Table, totals: Table) -> Table:
    """Squared: how many ratings lie between two, counting half of those at each."""
    middle = np.cumsum(totals, axis=1) - totals / 2
    return (middle[:, :, None] - middle[:, None, :]) ** 2


DISTANCES: dict[str, Callable[[Table, Table], Table]] = {
    "nominal": lambda levels, _: (levels[:, None] != levels).astype(np.float64)[None],
    "ordinal": _ordinal,
    "interval": lambda levels, _: ((levels[:, None] - levels) ** 2)[None],
}
