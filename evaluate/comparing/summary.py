"""One arm's numbers over a set of scored items: mean, interval, faults by kind, and bounds for the unscored."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from evaluate.comparing.boxes import count_boxes
from evaluate.comparing.cotasks import count_cotasks
from evaluate.metric import COTASKS, GROUNDING, JUDGE, Metric
from evaluate.records import Fault, Json, Scored, State
from evaluate.stats import Estimate, bounded_mean, proportion

GOOD = 4  # a judge's score from which a reply is clearly similar to the reference


def estimate(rows: Sequence[Scored], metric: Metric) -> Estimate | None:
    """Mean and clustered interval over the rows that have a score; None if there are none."""
    scored = [(row.score, row.asked.video_id) for row in rows if row.score is not None]
    if not scored:
        return None
    values, clusters = [score for score, _ in scored], [video for _, video in scored]
    if metric.is_share:
        return proportion(values, clusters)
    return bounded_mean(values, clusters, metric.low, metric.high)


def summarise(rows: Sequence[Scored], metric: Metric) -> Json:
    """The summary of one arm on one metric or task.

    `mean` and `ci95` are over the items with a score, `n` of them, faults of the model included. Where items
    are unscored, `bounds` are the means if the judge had given all of them the lowest or the highest score. For
    grounding, `boxes` holds what `count_boxes` counts, and for a CoTask `figures` what `count_cotasks` does.
    """
    found = estimate(rows, metric)
    unscored = [row for row in rows if row.score is None]
    summary: Json = {
        "items": len(rows),
        "n": found.n if found else 0,
        "mean": found.mean if found else None,
        "ci95": list(found.interval) if found and found.interval else None,
        "bounds": _bounds(rows, metric) if found and unscored else None,
        "good_share": good_share(rows, metric),
        "unscored": len(unscored),
        "judged": metric is not JUDGE or any(map(was_judged, rows)),
        "faults": dict(Counter(row.fault.value for row in rows if row.fault)),
    }
    if metric is GROUNDING:
        summary["boxes"] = count_boxes(rows)
    if metric in COTASKS:
        summary["figures"] = count_cotasks(rows, metric)
    return summary


def good_share(rows: Sequence[Scored], metric: Metric) -> float | None:
    """The share of judged replies with 4 or 5, the unscored left out; None for other metrics or nothing judged."""
    scored = [row.score for row in rows if row.score is not None]
    if metric is not JUDGE or not scored:
        return None
    return sum(score >= GOOD for score in scored) / len(scored)


def _bounds(rows: Sequence[Scored], metric: Metric) -> list[float]:
    return [
        sum(end if row.score is None else row.score for row in rows) / len(rows) for end in (metric.low, metric.high)
    ]


def constant_baseline(rows: Sequence[Scored], metric: Metric) -> float | None:
    """The accuracy of always giving the commonest reference; None where answers are not few and closed."""
    if not metric.is_share or not rows:
        return None
    return max(Counter(row.gold for row in rows).values()) / len(rows)


def letter_counts(rows: Sequence[Scored]) -> Json:
    """How often each option letter was answered; "none" where no letter could be read."""
    return dict(sorted(Counter(row.value or "none" for row in rows).items()))


def score_counts(rows: Sequence[Scored]) -> Json:
    """How many items got each score of the judge's scale, and how many none.

    A reply that left nothing to judge is among the 1s; a score between two, of several judges, is at the nearer one.
    """
    counts = Counter(str(nearest(row.score)) if row.score is not None else "unscored" for row in rows)
    return {name: counts.get(name, 0) for name in ("1", "2", "3", "4", "5", "unscored")}


def nearest(score: float) -> int:
    """The whole score that is nearest, of two the higher."""
    return math.floor(score + 0.5)


def was_judged(row: Scored) -> bool:
    """Whether a judge was asked about a reply; one that left nothing to judge needed none."""
    return row.state is State.SCORED or row.fault in (Fault.JUDGE_PARSE, Fault.JUDGE_API)


def validity(rows: Sequence[Scored]) -> Json:
    """What became of each item of an arm, and how long its answers are."""
    answered = [row for row in rows if row.fault not in (Fault.MISSING, Fault.ERROR)]
    states = Counter(row.state for row in rows)
    judged = [row for row in rows if row.metric == "judge"]
    asked = any(map(was_judged, judged))
    return {
        "items": len(rows),
        "videos": len({row.asked.video_id for row in rows}),
        "scored": states[State.SCORED],
        "model_fault": states[State.MODEL_FAULT],
        "judge_fault": states[State.JUDGE_FAULT] if asked else 0,
        "not_judged": 0 if asked else states[State.JUDGE_FAULT],
        "unscored_share": sum(row.score is None for row in judged) / len(judged) if judged and asked else 0.0,
        "faults": dict(sorted(Counter(row.fault.value for row in rows if row.fault).items())),
        "cut_by_token_limit": sum(row.finish == "length" for row in rows),
        "mean_words": sum(len(row.response.split()) for row in answered) / len(answered) if answered else 0.0,
    }
