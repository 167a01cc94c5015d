"""Scores by kind of question: the mean over kinds (macro) beside the mean over questions (micro).

VideoEspresso's tasks are as uneven as 426 questions to 30: its paper averages over tasks, its leaderboard over
questions. Items say their kind in the extra field `sub_task` (VideoEspresso) or `question_type` (NExT-QA, STAR).
"""

from __future__ import annotations

from collections.abc import Sequence

from evaluate.comparing.summary import estimate
from evaluate.metric import Metric
from evaluate.records import Json, Scored
from evaluate.stats import bounded_mean, group_mean_values

FIELDS = ("sub_task", "question_type")
UNNAMED = "none given"  # the kind of items that say none, where others do


def by_group(rows: Sequence[Scored], metric: Metric) -> Json | None:
    """Mean and interval of each kind, and the macro mean with its own; None where no item says its kind.

    The kinds are taken as given, so the macro mean's interval does not grow with how much they differ. A kind of which
    no item has a score is in neither mean.
    """
    field = next((name for name in FIELDS if any(row.asked.extra.get(name) for row in rows)), None)
    if field is None:
        return None
    kinds = sorted({_kind(row, field) for row in rows})
    each = {kind: _one([row for row in rows if _kind(row, field) == kind], metric) for kind in kinds}
    scored = [(row.score, _kind(row, field), row.asked.video_id) for row in rows if row.score is not None]
    if not scored:
        return {"by": field, "each": each, "macro": None, "macro_ci95": None}
    scores, groups, videos = zip(*scored, strict=True)
    macro = bounded_mean(group_mean_values(scores, groups), videos, metric.low, metric.high)
    return {
        "by": field,
        "each": each,
        "macro": macro.mean,
        "macro_ci95": list(macro.interval) if macro.interval else None,
    }


def kind_of(row: Scored) -> str | None:
    """The kind of question that an item says it is, None where it says none."""
    return next((str(row.asked.extra[field]) for field in FIELDS if row.asked.extra.get(field)), None)


def _kind(row: Scored, field: str) -> str:
    return str(row.asked.extra.get(field) or UNNAMED)


def _one(rows: Sequence[Scored], metric: Metric) -> Json:
    found = estimate(rows, metric)
    interval = list(found.interval) if found and found.interval else None
    return {"items": len(rows), "n": found.n if found else 0, "mean": found.mean if found else None, "ci95": interval}
