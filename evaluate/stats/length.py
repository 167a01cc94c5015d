"""The gain that is left once length is taken out: judges like long answers (AlpacaEval 2, arXiv 2404.04475)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evaluate.stats.estimate import Estimate, clustered_mean

FEWEST_CLUSTERS = 3  # an intercept and a slope fit two exactly
LEAST_SPREAD = 1e-3  # of tanh: below it all changes lie far from none, and the line back to none has no direction


def length_controlled(deltas: ArrayLike, length_changes: ArrayLike, clusters: Sequence[str]) -> Estimate | None:
    """What `deltas` [n] would be on average if no answer had changed its length.

    The intercept of the deltas regressed on tanh(change of length / its standard deviation), with a clustered standard
    error. The change is not centred, so that the intercept stands at no change; tanh keeps one rambling answer from
    deciding. `length_changes` are in any unit.

    Returns:
        None where `uncontrollable` says why.

    Raises:
        ValueError: if the three differ in length or are empty.
    """
    gains, changes = np.asarray(deltas, dtype=np.float64), np.asarray(length_changes, dtype=np.float64)
    if not 0 < len(gains) == len(changes) == len(clusters):
        raise ValueError(
            f"{len(gains)} deltas, {len(changes)} changes of length and {len(clusters)} cluster names; "
            "they must be of the same items, and some"
        )
    if uncontrollable(changes, clusters):
        return None
    terms = np.column_stack([np.ones_like(changes), _bent(changes)])
    inverse = np.linalg.inv(terms.T @ terms)
    intercept, slope = inverse @ terms.T @ gains
    residuals = gains - terms @ np.array([intercept, slope])
    # Values with the intercept's mean and, to first order, its clustered error, as `ratio_values` makes for a ratio.
    return clustered_mean(intercept + len(gains) * residuals * (terms @ inverse[0]), clusters)


def uncontrollable(length_changes: ArrayLike, clusters: Sequence[str]) -> str:
    """Why a difference cannot be controlled for length, or "" if it can."""
    changes = np.asarray(length_changes, dtype=np.float64)
    if len(set(clusters)) < FEWEST_CLUSTERS:
        return f"fewer than {FEWEST_CLUSTERS} videos"
    if float(np.ptp(changes)) <= 1e-9 * float(np.abs(changes).max(initial=0)):
        return "every answer changed its length by the same"
    if float(np.ptp(_bent(changes))) < LEAST_SPREAD:
        return "every answer changed its length by nearly the same"
    return ""


def _bent(changes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Changes of length from -1 to 1, in which one rambling answer weighs no more than another."""
    return np.tanh(changes / changes.std())
