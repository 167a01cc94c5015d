"""Ratios of sums with what a result needs: an interval clustered by video or image, and the paired change."""

from __future__ import annotations

from collections.abc import Sequence

from demitasse.figure import Figure
from evaluate.records import Json
from evaluate.stats import paired_difference, ratio, ratio_values


def figure_value(figure: Figure, details: Sequence[Json], clusters: Sequence[str]) -> Json:
    """One arm's `{"value", "ci95", "n"}`: `n` items have something to divide by; without any, `value` is None."""
    above, below = _sides(figure, details)
    counted = sum(map(bool, below))
    if not counted:
        return {"value": None, "ci95": None, "n": 0}
    found = ratio(above, below, clusters)
    interval = [figure.told(bound) for bound in found.interval] if found.interval else None
    return {"value": figure.told(found.mean), "ci95": interval, "n": counted}


def figure_change(figure: Figure, before: Sequence[Json], after: Sequence[Json], clusters: Sequence[str]) -> Json:
    """The paired change between two arms over the same items in the same order."""
    sides = [_sides(figure, details) for details in (before, after)]
    if not all(any(below) for _, below in sides):
        return {"delta": None, "delta_ci95": None, "p": None}
    first, second = (ratio_values(above, below) for above, below in sides)
    found = paired_difference(first, second, clusters)
    bounds = found.estimate.interval
    interval = [figure.told_width(bound) for bound in bounds] if bounds else None
    return {"delta": figure.told_width(found.estimate.mean), "delta_ci95": interval, "p": found.p}


def _sides(figure: Figure, details: Sequence[Json]) -> tuple[list[float], list[float]]:
    return [float(figure.above(one)) for one in details], [float(figure.below(one)) for one in details]
