"""Before and after, item by item: what changed, how surely, and what the numbers rest on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evaluate.comparing.alike import check_alike
from evaluate.comparing.arm import Arm, check_gold
from evaluate.comparing.closed_form import closed_form
from evaluate.comparing.entry import Scores, make_entry
from evaluate.comparing.summary import letter_counts, nearest, score_counts, validity
from evaluate.comparing.wording import verdict_sentence
from evaluate.judging.judgements import UNSCORED_LIMIT
from evaluate.metric import METRICS, Metric
from evaluate.records import Json, Scored
from evaluate.seen import overlap_sentences
from evaluate.stats import confusion, holm, mcnemar_exact


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
    check_alike(arms)
    skipped = check_gold(arms[0].items, skip_gold_faults)
    scores = {arm.name: arm.scores(without=skipped) for arm in arms}
    before, after = arms[0].name, arms[1].name
    by_metric = {metric.key: make_entry(_of_metric(scores, metric), metric) for metric in METRICS.values()}
    metrics = {key: entry for key, entry in by_metric.items() if entry is not None}
    order = list(METRICS)
    of_task = {row.asked.task: METRICS[row.metric] for row in scores[before].values()}
    tasks = sorted(of_task, key=lambda task: (order.index(of_task[task].name), task))
    result = {
        "format": "demitasse-comparison-v2",
        "before": before,
        "after": after,
        "items": len(scores[before]),
        "videos": len({row.asked.video_id for row in scores[before].values()}),
        "skipped_gold_faults": skipped,
        "validity": {name: validity(list(rows.values())) for name, rows in scores.items()},
        "metrics": metrics,
        "tasks": _adjusted({task: _task_entry(scores, task, of_task[task]) for task in tasks}),
        "flips": {name: _flips(scores, before, after, METRICS[name]) for name in ("mcq", "binary")},
        "confusion": {name: _confusion(scores, METRICS[name]) for name in ("mcq", "binary")},
        "transitions": _transitions(scores, before, after),
        "letters": _letters(scores),
        "score_counts": {name: score_counts(_of(rows, "judge")) for name, rows in scores.items()},
        "arms": {arm.name: {"run": arm.run, "judge": arm.judge} for arm in arms},
    }
    result |= {"complaints": complaints(result), "invalid": invalid(result)}
    return Comparison(result | {"verdict": _verdict(result)}, scores, before, after)


def complaints(result: Json) -> list[str]:
    """Why a comparison is not whole: each is a sentence, and any of them makes the command exit with 3."""
    found = []
    for name, counts in result["validity"].items():
        for fault, what in (("missing", "no prediction"), ("error", "a prediction that failed")):
            if counts["faults"].get(fault):
                found.append(
                    f"{name}: {counts['faults'][fault]} of {counts['items']} items have {what}, counted as wrong"
                )
    for name, arm in result["arms"].items():
        found += [f"{name}: {sentence}" for sentence in overlap_sentences(arm["run"].get("trained_on"))]
    if result["skipped_gold_faults"]:
        found.append(f"{len(result['skipped_gold_faults'])} items were left out because their reference is at fault")
    return found


def invalid(result: Json) -> list[str]:
    """Why nothing may be concluded: each is a sentence, and any of them makes the verdict "invalid"."""
    found = []
    for name, counts in result["validity"].items():
        if counts["unscored_share"] > UNSCORED_LIMIT:
            found.append(
                f"{name}: {counts['unscored_share']:.1%} of the judged items are unscored (limit {UNSCORED_LIMIT:.0%})"
            )
    for name, arm in result["arms"].items():
        if arm["judge"].get("validity", {}).get("self_judged"):
            found.append(f"{name}: the judge is the student itself, which flatters it")
    return found


def _task_entry(scores: Mapping[str, Scores], task: str, metric: Metric) -> Json:
    """A task's line, and each arm's exact figures beside the mean, where its metric has such."""
    rows = _of_task(scores, task)
    entry = make_entry(rows, metric) or {}
    figures = {name: closed_form(list(one.values()), metric) for name, one in rows.items() if one}
    return entry | {"closed_form": figures if any(figures.values()) else None}


def _adjusted(tasks: Json) -> Json:
    """The tasks with Holm's p-values, over all of them: of many tasks some differ by chance."""
    tested = [name for name, entry in tasks.items() if entry.get("p") is not None]
    adjusted = dict(zip(tested, holm([tasks[name]["p"] for name in tested]), strict=True))
    return {name: entry | {"p_holm": adjusted.get(name)} for name, entry in tasks.items()}


def _of(rows: Scores, metric: str) -> list[Scored]:
    return [row for row in rows.values() if row.metric == metric]


def _of_metric(scores: Mapping[str, Scores], metric: Metric) -> dict[str, Scores]:
    return _where(scores, lambda row: row.metric == metric.name)


def _of_task(scores: Mapping[str, Scores], task: str) -> dict[str, Scores]:
    return _where(scores, lambda row: row.asked.task == task)


def _where(scores: Mapping[str, Scores], keep: Callable[[Scored], bool]) -> dict[str, Scores]:
    return {name: {key: row for key, row in rows.items() if keep(row)} for name, rows in scores.items()}


def _verdict(result: Json) -> Json:
    """One word and a sentence: of all metrics together, each by its own paired difference."""
    found = {entry["verdict"] for entry in result["metrics"].values()}
    if result["invalid"]:
        state = "invalid"
    elif {"improved", "worse"} <= found:
        state = "mixed"
    else:
        state = next((one for one in ("improved", "worse") if one in found), "inconclusive")
    return {"state": state, "sentence": verdict_sentence(list(result["metrics"].values()), bool(result["invalid"]))}


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


def _confusion(scores: Mapping[str, Scores], metric: Metric) -> Json | None:
    """Each arm's answers by reference; an answer that could not be read stands under ""."""
    rows = {name: _of(one, metric.name) for name, one in scores.items()}
    told = {name: confusion([row.gold for row in one], [row.value for row in one]) for name, one in rows.items() if one}
    return told or None


def _transitions(scores: Mapping[str, Scores], before: str, after: str) -> list[list[int]] | None:
    """Counts of judge scores, row before and column after, 1 to 5; pairs with an unscored side are left out."""
    table = [[0] * 5 for _ in range(5)]
    for key, row in scores[before].items():
        other = scores[after][key]
        if row.metric == "judge" and row.score is not None and other.score is not None:
            table[nearest(row.score) - 1][nearest(other.score) - 1] += 1
    return table if any(map(any, table)) else None


def _letters(scores: Mapping[str, Scores]) -> dict[str, Any] | None:
    rows = {name: _of(one, "mcq") for name, one in scores.items()}
    first = next(iter(rows.values()))
    if not first:
        return None
    gold = dict(sorted(Counter(row.gold for row in first).items()))
    return {"reference": gold} | {name: letter_counts(one) for name, one in rows.items() if one}
