"""Shares in per cent over groups of questions, each with an interval clustered by video."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from evaluate.stats import Interval, bounded_mean, group_mean_values, proportion


def macro_mean(means: Sequence[float]) -> float:
    """The mean of the groups' means: every group counts the same, however few its questions.

    Raises:
        ValueError: for no groups.
    """
    if not means:
        raise ValueError("there are no groups to average")
    return math.fsum(means) / len(means)


def per_cent(hits: Sequence[float], videos: Sequence[str]) -> tuple[float | None, Interval | None]:
    """The mean of values 0 to 1 in per cent, with its interval; None for no values."""
    if not hits:
        return None, None
    found = proportion(hits, videos) if set(hits) <= {0.0, 1.0} else bounded_mean(hits, videos, 0, 1)
    return 100 * found.mean, _scaled(found.interval)


def macro_per_cent(
    hits: Sequence[float], groups: Sequence[str], videos: Sequence[str]
) -> tuple[float | None, Interval | None]:
    """The mean over groups of their mean in per cent, with its interval; None for no values."""
    if not hits:
        return None, None
    each = [_mean(hit for hit, name in zip(hits, groups, strict=True) if name == group) for group in set(groups)]
    return 100 * macro_mean(each), _scaled(bounded_mean(group_mean_values(hits, groups), videos, 0, 1).interval)


def _scaled(interval: Interval | None) -> Interval | None:
    return None if interval is None else (100 * interval[0], 100 * interval[1])


def _mean(values: Iterable[float]) -> float:
    held = list(values)
    return math.fsum(held) / len(held)
