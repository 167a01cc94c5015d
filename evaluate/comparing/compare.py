"""Before and after, item by item: what changed, how surely, and what the numbers rest on."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from evaluate.comparing.alike import check_alike
from evaluate.comparing.arm import Arm, check_gold
from evaluate.comparing.closed_form import closed_form
from evaluate.comparing.entry import Scores, make_entry
from evaluate.comparing.summary import letter_counts, nearest, score_counts, validity
from evaluate.comparing.wording import alone, verdict_sentence
from evaluate.judging.judgements import UNSCORED_LIMIT
from evaluate.judging.moved import NAME_ONE, moved_between, told
from evaluate.metric import JUDGE, METRICS, Metric
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

    @cached_property
    def pairs(self) -> list[tuple[Scored, Scored]]:
        """Each item's rows, before and after."""
        after = self.scores[self.after]
        return [(row, after[key]) for key, row in self.scores[self.before].items()]


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
    of_metric = _parted(scores, lambda row: row.metric)
    entries = {METRICS[name]: make_entry(of_metric[name], METRICS[name]) for name in METRICS}
    metrics = _adjusted({metric.key: entry for metric, entry in entries.items() if entry is not None})
    result = {
        "format": "demitasse-comparison-v2",
        "before": before,
        "after": after,
        "items": len(scores[before]),
        "videos": len({row.asked.video_id for row in scores[before].values()}),
        "skipped_gold_faults": skipped,
        "validity": {name: validity(list(rows.values())) for name, rows in scores.items()},
        "metrics": metrics,
        "tasks": _adjusted(dict(_task_entries(scores, before, entries))),
        "flips": {name: _flips(of_metric[name], before, after) for name in ("mcq", "binary")},
        "confusion": {name: _confusion(of_metric[name]) for name in ("mcq", "binary")},
        "transitions": _transitions(of_metric["judge"], before, after),
        "letters": _letters(of_metric["mcq"]),
        "score_counts": {name: score_counts(list(rows.values())) for name, rows in of_metric["judge"].items()},
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
    unscored = {name: counts["judge_fault"] for name, counts in result["validity"].items()}
    if unscored[result["before"]] != unscored[result["after"]]:
        told_of = ", ".join(f"{unscored[name]} in {name}" for name in (result["before"], result["after"]))
        found.append(f"the judge left unlike numbers of items unscored, and these out of the difference: {told_of}")
    for name, arm in result["arms"].items():
        found += [f"{name}: {sentence}" for sentence in overlap_sentences(arm["run"].get("trained_on"))]
    found += _not_judged_beside(result)
    if result["skipped_gold_faults"]:
        found.append(f"{len(result['skipped_gold_faults'])} items were left out because their reference is at fault")
    return found


def _not_judged_beside(result: Json) -> Iterator[str]:
    """The one of the first two arms whose free text nobody judged, where the other's was: its metric is not there."""
    sides = (result["before"], result["after"])
    for name, other in (sides, sides[::-1]):
        judged = result["metrics"].get(JUDGE.key, {"arms": {other: {"n": 0}}})["arms"][other]["n"]
        if result["validity"][name]["not_judged"] and judged and not result["validity"][other]["not_judged"]:
            yield (
                f"{name}: {result['validity'][name]['not_judged']:,} replies of free text are not judged, and those of "
                f"{other} are; `demitasse judge` gives them scores"
            )


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
    return found + list(_moved_judges(result["arms"]))


def _moved_judges(arms: Mapping[str, Json]) -> Iterator[str]:
    """Arms whose judge had the first one's name and was another model."""
    judged = [(name, arm["judge"]) for name, arm in arms.items() if arm["judge"]]
    for name, judge in judged[1:]:
        first, one = judged[0]
        if moved_between(one, judge):
            yield (
                f"the judge {judge.get('model')} was another model for {name} than for {first}: "
                f"{told(judge['answered'])}, and {told(one['answered'])}; {NAME_ONE}"
            )


def _task_entries(
    scores: Mapping[str, Scores], before: str, entries: Mapping[Metric, Json | None]
) -> Iterator[tuple[str, Json]]:
    """Each task's line, with each arm's exact figures where its metric has such; a metric's only task has its line."""
    of_task = _parted(scores, lambda row: row.asked.task)
    metric_of = {row.asked.task: METRICS[row.metric] for row in scores[before].values()}
    order, beside = list(METRICS), Counter(metric_of.values())
    for task in sorted(metric_of, key=lambda task: (order.index(metric_of[task].name), task)):
        rows, metric = of_task[task], metric_of[task]
        entry = (entries[metric] if beside[metric] == 1 else make_entry(rows, metric)) or {}
        figures = {name: closed_form(list(one.values()), metric) for name, one in rows.items() if one}
        yield task, entry | {"closed_form": figures if any(figures.values()) else None}


def _adjusted(entries: Json) -> Json:
    """The tasks, or the metrics, with Holm's p-values over all of them: of many some differ by chance."""
    tested = [name for name, entry in entries.items() if entry.get("p") is not None]
    adjusted = dict(zip(tested, holm([entries[name]["p"] for name in tested]), strict=True))
    return {name: entry | {"p_holm": adjusted.get(name)} for name, entry in entries.items()}


def _parted(scores: Mapping[str, Scores], of: Callable[[Scored], str]) -> Mapping[str, dict[str, Scores]]:
    """Each arm's rows apart by what `of` says of them; where an arm has none, it is there with none."""
    parts: dict[str, dict[str, Scores]] = defaultdict(lambda: {name: {} for name in scores})
    for name, rows in scores.items():
        for item_id, row in rows.items():
            parts[of(row)][name][item_id] = row
    return parts


def _verdict(result: Json) -> Json:
    """One word and a sentence: of all metrics together, each by its own paired difference, as Holm's p lets it stand.

    Without that, two runs that do not differ would be told apart in one comparison of seven with four metrics.
    """
    found = {entry["verdict"] for entry in result["metrics"].values() if not alone(entry)}
    if result["invalid"]:
        state = "invalid"
    elif {"improved", "worse"} <= found:
        state = "mixed"
    else:
        state = next((one for one in ("improved", "worse") if one in found), "inconclusive")
    return {"state": state, "sentence": verdict_sentence(list(result["metrics"].values()), bool(result["invalid"]))}


def _flips(scores: Mapping[str, Scores], before: str, after: str) -> Json | None:
    pairs = [(row.score == 1, scores[after][key].score == 1) for key, row in scores[before].items()]
    if not pairs:
        return None
    counts = Counter(pairs)
    gained, lost = counts[False, True], counts[True, False]
    both = {"both_right": counts[True, True], "both_wrong": counts[False, False]}
    return {**both, "gained": gained, "lost": lost, "p": mcnemar_exact(gained, lost)}


def _confusion(scores: Mapping[str, Scores]) -> Json | None:
    """Each arm's answers by reference; an answer that could not be read stands under ""."""
    columns = {name: [(row.gold, row.value) for row in rows.values()] for name, rows in scores.items() if rows}
    return {name: confusion(*zip(*pairs, strict=True)) for name, pairs in columns.items()} or None


def _transitions(scores: Mapping[str, Scores], before: str, after: str) -> list[list[int]] | None:
    """Counts of judge scores, row before and column after, 1 to 5; pairs with an unscored side are left out."""
    table = [[0] * 5 for _ in range(5)]
    for key, row in scores[before].items():
        other = scores[after][key]
        if row.score is not None and other.score is not None:
            table[nearest(row.score) - 1][nearest(other.score) - 1] += 1
    return table if any(map(any, table)) else None


def _letters(scores: Mapping[str, Scores]) -> dict[str, Any] | None:
    rows = {name: list(one.values()) for name, one in scores.items()}
    first = next(iter(rows.values()))
    if not first:
        return None
    gold = dict(sorted(Counter(row.gold for row in first).items()))
    return {"reference": gold, "arms": {name: letter_counts(one) for name, one in rows.items() if one}}
