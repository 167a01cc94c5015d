"""May a judge stand in for human annotators? The alternative annotator test leaves each of them out in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import stats as scipy_stats

from evaluate.stats.estimate import clustered_mean

FEWEST_ANNOTATORS = 3
FEWEST_ITEMS = 30  # an annotator, the alternative annotator test's own minimum
WINNING = 0.5

Table = Sequence[Sequence[float | None]]
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class AltTest:
    """`winning_rate` is the share of annotators that the judge is shown to stand in for; None where `reason` says why.

    `advantage` is how often the judge agrees with the others at least as well as the annotator left out does.
    `ps` are the annotators' p-values, adjusted; None for one with too few items.
    """

    winning_rate: float | None
    advantage: float | None
    passed: bool | None
    ps: list[float | None] = field(default_factory=list)
    reason: str = ""


def alternative_annotator_test(
    judge: Sequence[float],
    humans: Table,
    clusters: Sequence[str] | None = None,
    epsilon: float = 0.15,
    closeness: str = "accuracy",
) -> AltTest:
    """Calderon, Reichart and Dror's test, arXiv 2501.10970.

    Each annotator in turn is left out: does the judge agree with the others as well, but for epsilon? The t test is
    the paper's where every item is of its own video, and a clustered one otherwise; the p-values are adjusted by
    Benjamini and Yekutieli.

    Args:
        judge: the judge's ratings [n].
        humans: ratings, annotators by items; None where one did not rate an item.
        clusters: the items' videos; without, each item is one.
        epsilon: what the judge's low cost is worth: 0.2 against experts, 0.15 skilled annotators, 0.1 crowd-workers.
        closeness: "accuracy" for classes, "rmse" for scores.

    Raises:
        ValueError: for rows of unlike length, or another closeness.
    """
    if closeness not in _CLOSENESS:
        raise ValueError(f"closeness must be {', '.join(_CLOSENESS)}, not {closeness}")
    ratings, names = rating_table(judge, humans, clusters)
    if len(ratings) < FEWEST_ANNOTATORS:
        return AltTest(None, None, None, reason=too_few(len(ratings)))
    given, close = np.asarray(judge, dtype=np.float64), _CLOSENESS[closeness]
    raw: list[float | None] = []
    advantages = []
    for left_out in range(len(ratings)):
        places = _rated_beside_others(ratings, left_out)
        if len(places) < FEWEST_ITEMS:
            raw.append(None)
            continue
        others = np.delete(ratings, left_out, axis=0)[:, places]
        human, model = close(ratings[left_out, places], others), close(given[places], others)
        advantages.append(float((model >= human).mean()))
        behind = (human >= model).astype(np.float64) - (model >= human)
        raw.append(_below(behind, [names[place] for place in places], epsilon))
    if len(advantages) < FEWEST_ANNOTATORS:
        reason = f"{len(advantages)} annotators rated {FEWEST_ITEMS} items or more beside another; three are needed"
        return AltTest(None, None, None, raw, reason)
    known = scipy_stats.false_discovery_control([p for p in raw if p is not None], method="by").tolist()
    rate = float(np.mean(np.asarray(known) <= 0.05))
    ordered = iter(known)
    ps = [None if p is None else float(next(ordered)) for p in raw]
    return AltTest(rate, float(np.mean(advantages)), rate >= WINNING, ps)


def _rated_beside_others(ratings: Array, left_out: int) -> list[int]:
    """Items that this annotator rated, and another as well."""
    rated = np.isfinite(ratings)
    places: list[int] = np.flatnonzero(rated[left_out] & (rated.sum(axis=0) >= 2)).tolist()
    return places


def _agreeing(one: Array, others: Array) -> Array:
    """The share of the others that gave the same rating."""
    agreeing: Array = np.where(np.isfinite(others), one == others, np.nan)
    return np.asarray(np.nanmean(agreeing, axis=0))


def _near(one: Array, others: Array) -> Array:
    """Minus the root mean squared distance to the others."""
    return -np.sqrt(np.nanmean((one - others) ** 2, axis=0))


_CLOSENESS: dict[str, Callable[[Array, Array], Array]] = {"accuracy": _agreeing, "rmse": _near}


def _below(behind: Array, clusters: Sequence[str], epsilon: float) -> float:
    """p-value of "the annotator is ahead of the judge by epsilon or more"."""
    found = clustered_mean(behind, clusters)
    if found.se is None or found.df is None:
        return 1.0  # one video shows nothing
    if found.se == 0:
        return 0.0 if found.mean < epsilon else 1.0
    return float(scipy_stats.t.cdf((found.mean - epsilon) / (found.se * found.widening), found.df))


def rating_table(judge: Sequence[float], humans: Table, clusters: Sequence[str] | None) -> tuple[Array, Sequence[str]]:
    """Ratings [annotators, n] with NaN for none, and the items' clusters; raises ValueError for unlike lengths."""
    if any(len(row) != len(judge) for row in humans) or (clusters is not None and len(clusters) != len(judge)):
        raise ValueError(f"the judge rated {len(judge)} items; every annotator needs as many ratings, None for none")
    ratings = np.array([[np.nan if one is None else one for one in row] for row in humans], dtype=np.float64)
    names = list(map(str, range(len(judge)))) if clusters is None else clusters
    return ratings.reshape(len(humans), len(judge)), names


def too_few(annotators: int) -> str:
    """Why so few annotators tell nothing."""
    return f"{annotators} annotators; {FEWEST_ANNOTATORS} or more are needed"
