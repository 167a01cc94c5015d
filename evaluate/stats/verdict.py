"""May a judge stand in for human annotators? Judge's Verdict asks whether it agrees with them as they do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluate.stats.rating_pairs import kappa_of
from evaluate.stats.replacing import FEWEST_ANNOTATORS, Array, Table, rating_table, too_few

CORRELATED = 0.80


@dataclass(frozen=True, slots=True)
class JudgesVerdict:
    """`verdict` is "human-like", "super-consistent", "unlike humans" or "uncorrelated".

    It is None where `reason` says why there is none.
    """

    verdict: str | None
    correlation: float | None = None
    kappa: float | None = None
    z: float | None = None
    reason: str = ""


def judges_verdict(judge: Sequence[float], humans: Table, weights: str = "quadratic") -> JudgesVerdict:
    """Judge's Verdict, arXiv 2510.09738: is the judge one of the annotators, by how well it agrees with them?

    First Pearson's r with the annotators' mean, at least 0.80. Then z: how far the judge's mean kappa with the
    annotators is from their own mean kappas with each other, in standard deviations of those. |z| <= 1 is human-like,
    above is super-consistent, below unlike humans.

    Args:
        judge: the judge's ratings [n].
        humans: ratings, annotators by items; None where one did not rate an item.
        weights: of kappa, as for `weighted_kappa`.

    Raises:
        ValueError: for rows of unlike length.
    """
    ratings, _ = rating_table(judge, humans, None)
    if len(ratings) < FEWEST_ANNOTATORS:
        return JudgesVerdict(None, reason=too_few(len(ratings)))
    given = np.asarray(judge, dtype=np.float64)
    places = np.flatnonzero(np.isfinite(ratings).any(axis=0))
    means, scores = np.nanmean(ratings[:, places], axis=0), given[places]
    if len(places) < 2 or np.ptp(means) == 0 or np.ptp(scores) == 0:
        return JudgesVerdict(None, reason="the judge or the annotators gave everything the same rating")
    correlation = float(np.corrcoef(scores, means)[0, 1])
    if correlation < CORRELATED:
        return JudgesVerdict("uncorrelated", correlation)
    rows = [*ratings, given]
    kappas = [_mean_kappa(rows, one, len(ratings), weights) for one in range(len(rows))]
    if any(math.isnan(kappa) for kappa in kappas):
        return JudgesVerdict(None, correlation, reason="two raters have no items in common, or gave one rating only")
    *own, kappa = kappas
    spread = float(np.std(own, ddof=1))
    if spread < 1e-9:
        return JudgesVerdict(None, correlation, kappa, reason="the annotators all agree equally well")
    z = (kappa - float(np.mean(own))) / spread
    verdict = "human-like" if abs(z) <= 1 else "super-consistent" if z > 1 else "unlike humans"
    return JudgesVerdict(verdict, correlation, kappa, z)


def _mean_kappa(rows: Sequence[Array], one: int, humans: int, weights: str) -> float:
    """A rater's mean kappa with the annotators other than itself; NaN if one of them is not known."""
    kappas = []
    for other in range(humans):
        if other != one:
            both = np.isfinite(rows[one]) & np.isfinite(rows[other])
            kappas.append(kappa_of(rows[one][both], rows[other][both], weights))
    return float(np.mean(kappas))
