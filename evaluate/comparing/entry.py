"""One line of a comparison: each arm's mean on some items, and the paired difference between two of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evaluate.comparing.boxes import compare_boxes
from evaluate.comparing.cotasks import compare_cotasks
from evaluate.comparing.habit import find_habit
from evaluate.comparing.summary import constant_baseline, estimate, good_share, summarise, was_judged
from evaluate.metric import COTASKS, GROUNDING, JUDGE, METRICS, Metric
from evaluate.records import Fault, Json, Scored
from evaluate.stats import (
    Difference,
    Estimate,
    cliffs_delta,
    group_mean_values,
    length_controlled,
    paired_difference,
)
from evaluate.stats.power import ALPHA

Scores = dict[str, Scored]  # by item id


def make_entry(scores: Mapping[str, Scores], metric: Metric) -> Json | None:
    """One line of the table over the arms' scores of the same items; None for no items.

    `arms` holds every arm's own summary, `after_against` how the second arm differs from the third and later ones, and
    `from_before` how these differ from the first.
    """
    (before, first), (after, second), *_ = scores.items()
    if not first:
        return None
    entry: Json = {
        "metric": metric.name,
        "label": metric.label,
        "range": [metric.low, metric.high],
        "items": len(first),
        "videos": len({row.asked.video_id for row in first.values()}),
        "constant": constant_baseline(list(first.values()), metric),
        "habit": find_habit({name: list(rows.values()) for name, rows in scores.items() if rows}, metric),
        "arms": {name: summarise(list(rows.values()), metric) for name, rows in scores.items() if rows},
    }
    others = {name: rows for name, rows in scores.items() if rows and name not in (before, after)}
    if metric is GROUNDING:
        entry["boxes"] = compare_boxes(list(first.values()), [second[key] for key in first])
    if metric in COTASKS:
        entry["figures"] = compare_cotasks(list(first.values()), [second[key] for key in first], metric)
    difference = paired(first, second)
    return entry | {
        **difference,
        **_of_pairs(entry["arms"], difference["n"], first, second, metric),
        "macro": macro(first, second),
        "delta_bounds": _delta_bounds(entry["arms"][before], entry["arms"][after], metric),
        "after_against": {name: paired(rows, second) for name, rows in others.items()},
        "from_before": {name: paired({key: first[key] for key in rows}, rows) for name, rows in others.items()},
    }


def paired(before: Scores, after: Scores) -> Json:
    """The paired difference; `before` and `after` are over the `n` items, of `videos`, that both arms have scored."""
    pairs = _both_scored(before, after)
    if not pairs or _is_unjudged(before) or _is_unjudged(after):
        return {"n": 0, "before": None, "after": None, "delta": None, "delta_ci95": None, "verdict": "not judged"}
    first, second = _sides(pairs)
    clusters = [one.asked.video_id for one, _ in pairs]
    found = paired_difference(first, second, clusters)
    return {
        "n": len(pairs),
        "videos": found.estimate.clusters,
        "before": sum(first) / len(first),
        "after": sum(second) / len(second),
        "delta": found.estimate.mean,
        "delta_ci95": _possible(found.estimate, METRICS[pairs[0][0].metric]),
        "p": found.p,
        "mde80": found.mde80,
        "wins": found.wins,
        "ties": found.ties,
        "losses": found.losses,
        "cliffs_delta": cliffs_delta(first, second),
        "length_controlled": _length_controlled(pairs),
        "verdict": _verdict_of(found),
    }


def _of_pairs(arms: Json, n: int, before: Scores, after: Scores, metric: Metric) -> Json:
    """`before_ci95` and so on: intervals and shares of 4 and 5 over the `n` items that both arms have scored.

    So they are of the means that `paired` gives; an arm's own are over more items where the other has some unscored.
    """
    found: Json = {}
    for place, (side, own) in enumerate(zip(("before", "after"), arms.values(), strict=False)):
        if own["n"] != n:  # rarely: not to reckon a million scores twice
            rows = [pair[place] for pair in _both_scored(before, after)] if n else []
            of_rows = estimate(rows, metric)
            own = {"ci95": of_rows and _listed(of_rows), "good_share": good_share(rows, metric)}
        found |= {f"{side}_ci95": own["ci95"], f"{side}_good_share": own["good_share"]}
    return found


def macro(before: Scores, after: Scores) -> Json | None:
    """The paired difference of the mean over tasks, each task counting the same; None for a single task."""
    pairs = _both_scored(before, after)
    tasks = [one.asked.task for one, _ in pairs]
    if len(set(tasks)) < 2 or _is_unjudged(before) or _is_unjudged(after):
        return None
    first, second = (group_mean_values(side, tasks) for side in _sides(pairs))
    found = paired_difference(first, second, [one.asked.video_id for one, _ in pairs])
    return {
        "tasks": len(set(tasks)),
        "before": float(first.mean()),
        "after": float(second.mean()),
        "delta": found.estimate.mean,
        "delta_ci95": _possible(found.estimate, METRICS[pairs[0][0].metric]),
        "p": found.p,
        "mde80": found.mde80,
        "verdict": _verdict_of(found),
    }


def words(row: Scored) -> int:
    """How long a reply is, reasoning included."""
    return len(row.response.split())


def _both_scored(before: Scores, after: Scores) -> list[tuple[Scored, Scored]]:
    return [(row, after[key]) for key, row in before.items() if row.score is not None and after[key].score is not None]


def _sides(pairs: Sequence[tuple[Scored, Scored]]) -> tuple[list[float], list[float]]:
    first = [one.score for one, _ in pairs if one.score is not None]
    return first, [two.score for _, two in pairs if two.score is not None]


def _length_controlled(pairs: Sequence[tuple[Scored, Scored]]) -> Json | None:
    """What would be left of the difference if no reply had changed its length; only a judge is moved by length."""
    if pairs[0][0].metric != JUDGE.name:
        return None
    first, second = _sides(pairs)
    deltas = [after - before for before, after in zip(first, second, strict=True)]
    changes = [words(two) - words(one) for one, two in pairs]
    found = length_controlled(deltas, changes, [one.asked.video_id for one, _ in pairs])
    return None if found is None else {"delta": found.mean, "delta_ci95": _listed(found)}


def _is_unjudged(rows: Scores) -> bool:
    """Whether no judge was asked about any of them, though there is what to ask: faults alone are no result."""
    return any(row.fault is Fault.NOT_JUDGED for row in rows.values()) and not any(map(was_judged, rows.values()))


def _possible(estimate: Estimate, metric: Metric) -> list[float] | None:
    """The interval of a difference as far as the scale allows one."""
    most = metric.high - metric.low
    return [min(max(bound, -most), most) for bound in estimate.interval] if estimate.interval else None


def _listed(estimate: Estimate) -> list[float] | None:
    return list(estimate.interval) if estimate.interval else None


def _delta_bounds(before: Json, after: Json, metric: Metric) -> list[float] | None:
    """The difference of the means if every unscored reply had got the worst or the best for it."""
    if not before["n"] or not after["n"] or not (before["unscored"] or after["unscored"]):
        return None
    low_before, high_before = before["bounds"] or [before["mean"]] * 2
    low_after, high_after = after["bounds"] or [after["mean"]] * 2
    return [low_after - high_before, high_after - low_before]


def _verdict_of(found: Difference) -> str:
    """By the permutation's p and the interval, which both have to tell the difference from 0.

    Where every item changed by the same there is no interval, and p decides.
    """
    estimate = found.estimate
    if estimate.se is None:
        return "one video"
    low, high = estimate.interval or (estimate.mean, estimate.mean)
    if found.p >= ALPHA:
        return "inconclusive"
    return "improved" if low > 0 else "worse" if high < 0 else "inconclusive"
