"""How large a difference is, in words that need no scale."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats as scipy_stats


def cliffs_delta(before: ArrayLike, after: ArrayLike) -> float | None:
    """Cliff's (1993) delta: the chance that a score of `after` is above one of `before`, less that it is below.

    Between -1 and 1, over all pairs of scores and not the item's own two, so that it says how far the distributions
    are apart. None if either has no scores.
    """
    first, second = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if not len(first) or not len(second):
        return None
    ranks = scipy_stats.rankdata(np.concatenate([first, second]))
    above = float(ranks[len(first) :].sum()) - len(second) * (len(second) + 1) / 2  # Mann and Whitney's U
    return 2 * above / (len(first) * len(second)) - 1
