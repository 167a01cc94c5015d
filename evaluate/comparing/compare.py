"""Before and after, item by item: what changed, how surely, and what the numbers rest on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from demitasse.dataset.grounding import UNITS
from demitasse.errors import DataError
from evaluate.comparing.arm import Arm, check_gold
from evaluate.comparing.boxes import compare_boxes
from evaluate.comparing.cotasks import compare_cotasks
from evaluate.comparing.summary import constant_baseline, letter_counts, score_counts, summarise, validity
from evaluate.comparing.wording import verdict_sentence
from evaluate.judging.judgements import UNSCORED_LIMIT
from evaluate.metric import COTASKS, GROUNDING, METRICS, Metric, metric_of
from evaluate.records import Asked, Json, Scored
from evaluate.stats import mcnemar_exact, paired_difference

NAMED_ITEMS = 5  # of a difference between item sets, in the message

Scores = dict[str, Scored]  # by item id


@dataclass(frozen=True)
class Comparison:
    """`result` is the JSON-able report; `scores` holds each arm's rows by item id, for the item browser."""

    result: Json
    scores: dict[str, Scores]
    before: str
    after: str


def compare(arms: Sequence[Arm], skip_gold_faults: bool = False) -> Comparison:
    """Compare the first arm (before) with the second (after); further arms are shown beside them.

    Items are joined by id only. The first two arms must be of the same items; further arms may lack whole
    tasks. Everything is recomputed from the predictions.

    Raises:
        DataError: for fewer than two arms, arms of one name, of different items or of different judges, and
            for references at fault unless they are to be skipped.
    """
    _check_names(arms)
    _check_items(arms)
    _check_judges(arms)
    skipped = check_gold(arms[0].items, skip_gold_faults)
    scores = {arm.name: arm.scores(without=skipped) for arm in arms}
    before, after = arms[0].name, arms[1].name
    by_metric = {metric.key: _entry(_of_metric(scores, metric), metric) for metric in METRICS.values()}
    metrics = {key: entry for key, entry in by_metric.items() if entry is not None}
    tasks = sorted({row.asked.task for row in scores[before].values()}, key=_task_order)
    result = {
        "format": "demitasse-comparison-v1",
        "before": before,
        "after": after,
        "verdict": _verdict(metrics),
        "items": len(scores[before]),
        "videos": len({row.asked.video_id for row in scores[before].values()}),
        "skipped_gold_faults": skipped,
        "validity": {name: validity(list(rows.values())) for name, rows in scores.items()},
        "metrics": metrics,
        "tasks": {task: _task_entry(scores, task) for task in tasks},
        "flips": {name: _flips(scores, before, after, METRICS[name]) for name in ("mcq", "binary")},
        "transitions": _transitions(scores, before, after),
        "letters": _letters(scores),
        "score_counts": {name: score_counts(_of(rows, "judge")) for name, rows in scores.items()},
        "arms": {arm.name: {"run": arm.run, "judge": arm.judge} for arm in arms},
    }
    return Comparison(result | {"complaints": complaints(result)}, scores, before, after)


def complaints(result: Json) -> list[str]:
    """Why a comparison is not whole: each is a sentence, and any of them makes the command exit with 3."""
    found = []
    for name, counts in result["validity"].items():
        for fault, what in (("missing", "no prediction"), ("error", "a prediction that failed")):
            if counts["faults"].get(fault):
                found.append(
                    f"{name}: {counts['faults'][fault]} of {counts['items']} items have {what}, counted as wrong"
                )
        if counts["unscored_share"] > UNSCORED_LIMIT:
            found.append(
                f"{name}: {counts['unscored_share']:.1%} of the judged items are unscored (limit {UNSCORED_LIMIT:.0%})"
            )
    if result["skipped_gold_faults"]:
        found.append(f"{len(result['skipped_gold_faults'])} items were left out because their reference is at fault")
    return found


def _check_names(arms: Sequence[Arm]) -> None:
    if len(arms) < 2:
        raise DataError("a comparison needs two arms; give --before and --after")
    name, times = Counter(arm.name for arm in arms).most_common(1)[0]
    if times > 1:
        raise DataError(f"two arms are called '{name}'; give each its own name with --arm NAME=DIR")


def _check_items(arms: Sequence[Arm]) -> None:
    first = arms[0]
    for place, arm in enumerate(arms[1:], start=1):
        tasks = {asked.task for asked in arm.items.values()} if place > 1 else None
        expected = {key: asked for key, asked in first.items.items() if tasks is None or asked.task in tasks}
        alone = (_only(expected, arm.items), _only(arm.items, expected))
        if any(alone):
            sides = [
                f"{_listed(items)} only in {name}"
                for items, name in zip(alone, (first.name, arm.name), strict=True)
                if items
            ]
            raise DataError(f"arms '{first.name}' and '{arm.name}' are of different items: {'; '.join(sides)}")
        for key, asked in expected.items():
            if _reference(asked) != _reference(arm.items[key]):
                raise DataError(
                    f"item {key} ({asked.task} of {asked.video_id}) has one reference in '{first.name}' and another in "
                    f"'{arm.name}'; predict both from the same data"
                )


def _reference(asked: Asked) -> tuple[str, Any, Any]:
    """What the item is scored against: of boxes, the numbers mean nothing without their convention."""
    return asked.reference, asked.extra.get(UNITS), asked.extra.get("cotask")


def _only(here: Mapping[str, Asked], there: Mapping[str, Asked]) -> list[Asked]:
    return [asked for key, asked in here.items() if key not in there]


def _listed(items: Sequence[Asked]) -> str:
    named = ", ".join(f"{asked.item_id} ({asked.task} of {asked.video_id})" for asked in items[:NAMED_ITEMS])
    return f"{len(items)} ({named}{', …' if len(items) > NAMED_ITEMS else ''})"


def _check_judges(arms: Sequence[Arm]) -> None:
    """One judge and one rubric. The same model behind another address is the same judge."""
    judged = [arm for arm in arms if arm.judge]
    for arm in judged[1:]:
        first, other = judged[0].judge, arm.judge
        same_model = first.get("model") == other.get("model") or (
            first.get("answered") and first.get("answered") == other.get("answered")
        )
        if not same_model or first.get("rubric_sha256") != other.get("rubric_sha256"):
            raise DataError(
                f"arms '{judged[0].name}' and '{arm.name}' were judged differently (by '{first.get('model')}' with "
                f"rubric {first.get('rubric_sha256')}, and by '{other.get('model')}' with rubric "
                f"{other.get('rubric_sha256')}); judge both alike"
            )


def _task_order(task: str) -> tuple[int, str]:
    return list(METRICS).index(metric_of(task).name), task


def _of(rows: Scores, metric: str) -> list[Scored]:
    return [row for row in rows.values() if row.metric == metric]


def _of_metric(scores: Mapping[str, Scores], metric: Metric) -> dict[str, Scores]:
    return _where(scores, lambda row: row.metric == metric.name)


def _where(scores: Mapping[str, Scores], keep: Callable[[Scored], bool]) -> dict[str, Scores]:
    return {name: {key: row for key, row in rows.items() if keep(row)} for name, rows in scores.items()}


def _task_entry(scores: Mapping[str, Scores], task: str) -> Json:
    return _entry(_where(scores, lambda row: row.asked.task == task), metric_of(task)) or {}


def _entry(scores: Mapping[str, Scores], metric: Metric) -> Json | None:
    """One line of the table: each arm's mean, and the paired difference between the first two."""
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
        "arms": {name: summarise(list(rows.values()), metric) for name, rows in scores.items() if rows},
    }
    bounds = _delta_bounds(entry["arms"][before], entry["arms"][after], metric)
    others = {name: paired(rows, second) for name, rows in scores.items() if rows and name not in (before, after)}
    if metric is GROUNDING:
        entry["boxes"] = compare_boxes(list(first.values()), [second[key] for key in first])
    if metric in COTASKS:
        entry["figures"] = compare_cotasks(list(first.values()), [second[key] for key in first], metric)
    return entry | paired(first, second) | {"delta_bounds": bounds, "after_against": others}


def paired(before: Scores, after: Scores) -> Json:
    """The paired difference; `before` and `after` are over the `n` items that both arms have scored."""
    pairs = [(row, after[key]) for key, row in before.items() if row.score is not None and after[key].score is not None]
    if not pairs:
        return {"n": 0, "before": None, "after": None, "delta": None, "delta_ci95": None, "verdict": "not judged"}
    first = [one.score for one, _ in pairs if one.score is not None]
    second = [two.score for _, two in pairs if two.score is not None]
    found = paired_difference(first, second, [one.asked.video_id for one, _ in pairs])
    interval = found.estimate.interval
    return {
        "n": len(pairs),
        "before": sum(first) / len(first),
        "after": sum(second) / len(second),
        "delta": found.estimate.mean,
        "delta_ci95": list(interval) if interval else None,
        "p": found.p,
        "mde80": found.mde80,
        "wins": found.wins,
        "ties": found.ties,
        "losses": found.losses,
        "verdict": _judge_interval(interval),
    }


def _delta_bounds(before: Json, after: Json, metric: Metric) -> list[float] | None:
    """The difference of the means if every unscored reply had got the worst or the best for it."""
    if not before["n"] or not after["n"] or not (before["unscored"] or after["unscored"]):
        return None
    low_before, high_before = before["bounds"] or [before["mean"]] * 2
    low_after, high_after = after["bounds"] or [after["mean"]] * 2
    return [low_after - high_before, high_after - low_before]


def _judge_interval(interval: tuple[float, float] | None) -> str:
    if interval is None:
        return "one video"
    low, high = interval
    return "improved" if low > 0 else "worse" if high < 0 else "inconclusive"


def _verdict(metrics: Mapping[str, Json]) -> Json:
    found = {entry["verdict"] for entry in metrics.values()}
    if {"improved", "worse"} <= found:
        state = "mixed"
    else:
        state = next((one for one in ("improved", "worse") if one in found), "inconclusive")
    return {"state": state, "sentence": verdict_sentence(list(metrics.values()))}


def _flips(scores: Mapping[str, Scores], before: str, after: str, metric: Metric) -> Json | None:
    pairs = [
        (row.score == 1, scores[after][key].score == 1)
        for key, row in scores[before].items()
        if row.metric == metric.name
    ]
    if not pairs:
        return None
    counts = Counter(pairs)
    gained, lost = counts[False, True], counts[True, False]
    both = {"both_right": counts[True, True], "both_wrong": counts[False, False]}
    return {**both, "gained": gained, "lost": lost, "p": mcnemar_exact(gained, lost)}


def _transitions(scores: Mapping[str, Scores], before: str, after: str) -> list[list[int]] | None:
    """Counts of judge scores, row before and column after, 1 to 5; pairs with an unscored side are left out."""
    table = [[0] * 5 for _ in range(5)]
    for key, row in scores[before].items():
        other = scores[after][key]
        if row.metric == "judge" and row.score is not None and other.score is not None:
            table[int(row.score) - 1][int(other.score) - 1] += 1
    return table if any(map(any, table)) else None


def _letters(scores: Mapping[str, Scores]) -> dict[str, Any] | None:
    rows = {name: _of(one, "mcq") for name, one in scores.items()}
    first = next(iter(rows.values()))
    if not first:
        return None
    gold = dict(sorted(Counter(row.gold for row in first).items()))
    return {"reference": gold} | {name: letter_counts(one) for name, one in rows.items() if one}
