"""p-values of many tests, adjusted: of twenty keys that did not change, one is below 0.05 by chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats as scipy_stats


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's (1979) adjusted p-values, in the given order: below 0.05 in any means at most 5 % chance of one error.

    Raises:
        ValueError: for a p-value outside 0 and 1.
    """
    values = _checked(ps)
    adjusted = np.empty_like(values)
    order = np.argsort(values, kind="stable")
    adjusted[order] = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    return [float(value) for value in np.minimum(adjusted, 1.0)]


def benjamini_hochberg(ps: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's (1995) adjusted p-values, in the given order: at most 5 % of those below are wrong.

    Raises:
        ValueError: for a p-value outside 0 and 1.
    """
    values = _checked(ps)
    return [float(value) for value in scipy_stats.false_discovery_control(values)] if len(values) else []


def _checked(ps: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    values = np.asarray(ps, dtype=np.float64)
    if not ((values >= 0) & (values <= 1)).all():  # NaN too
        raise ValueError(f"p-values must lie between 0 and 1, not {[p for p in ps if not 0 <= p <= 1][0]}")
    return values
