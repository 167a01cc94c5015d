"""How far people agree with the judge, and what they would have found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from statistics import fmean

from evaluate.calibrating.labels import Labels
from evaluate.calibrating.sample import Card
from evaluate.comparing.arm import Arm
from evaluate.comparing.summary import nearest
from evaluate.metric import JUDGE
from evaluate.records import Json
from evaluate.stats import (
    alternative_annotator_test,
    bias,
    corrected_mean,
    exact,
    judges_verdict,
    krippendorff_alpha,
    mean_absolute_error,
    rogan_gladen,
    spearman,
    weighted_kappa,
    within,
)

GOOD = 4  # a score from which a reply counts as right


def calibrate(cards: Sequence[Card], people: Sequence[Labels], arms: Sequence[Arm]) -> Json:
    """All figures, as JSON; what cannot be told is null and says why.

    Returns:
        `judge_and_people` (against the rounded mean of the people), `people` (each pair of them), `alpha` of the people
        alone, `alternative_annotator_test`, `judges_verdict`, `confusion` (rows people, columns judge, 1 to 5), and
        `runs`: each run's mean as judged and as people would have found it, with the difference of the first two.
    """
    labelled = [card for card in cards if any(card.card in one.scores for one in people)]
    table = [[one.scores.get(card.card) for card in labelled] for one in people]
    human = [fmean(score for score in column if score is not None) for column in zip(*table, strict=True)]
    judged, videos = [card.judged for card in labelled], [card.video_id for card in labelled]
    rounded = [float(nearest(score)) for score in judged]
    return {
        "format": "demitasse-calibration-v1",
        "cards": len(labelled),
        "videos": len(set(videos)),
        "annotators": {one.annotator: len(one.scores) for one in people},
        "judge_and_people": _agreement([float(nearest(score)) for score in human], rounded, videos),
        "people": {
            f"{one.annotator} and {two.annotator}": _pair(one, two, labelled) for one, two in combinations(people, 2)
        },
        "alpha": asdict(krippendorff_alpha(table, "ordinal", videos)) if len(people) > 1 else None,
        "alternative_annotator_test": asdict(alternative_annotator_test(judged, table, videos, closeness="rmse")),
        "judges_verdict": asdict(judges_verdict(rounded, table)),
        "confusion": _confusion(human, judged),
        "runs": _runs(labelled, human, arms),
    }


def _agreement(people: Sequence[float], judge: Sequence[float], videos: Sequence[str]) -> Json:
    """`bias` above 0: the judge is the more lenient."""
    figures = {
        "exact": exact(people, judge, videos),
        "within_one": within(people, judge, 1, videos),
        "kappa": weighted_kappa(people, judge, videos),
        "spearman": spearman(people, judge, videos),
        "mean_absolute_error": mean_absolute_error(people, judge, videos),
        "bias": bias(people, judge, videos),
    }
    return {name: asdict(found) for name, found in figures.items()}


def _pair(one: Labels, two: Labels, cards: Sequence[Card]) -> Json:
    both = [card for card in cards if card.card in one.scores and card.card in two.scores]
    first, second = ([float(side.scores[card.card]) for card in both] for side in (one, two))
    return {"cards": len(both)} | (_agreement(first, second, [card.video_id for card in both]) if both else {})


def _confusion(human: Sequence[float], judged: Sequence[float]) -> list[list[int]]:
    table = [[0] * 5 for _ in range(5)]
    for person, judge in zip(human, judged, strict=True):
        table[nearest(person) - 1][nearest(judge) - 1] += 1
    return table


def _runs(labelled: Sequence[Card], human: Sequence[float], arms: Sequence[Arm]) -> Json:
    """Means and difference, over the items with a judge's score in every run, corrected by the labelled ones.

    Cards are drawn from these items, so labels stand for no others. A faulty reply has no words to be judged; it takes
    its item out of every run, or the difference would not be that of the means.
    """
    people = {(card.run, card.item_id): score for card, score in zip(labelled, human, strict=True)}
    weights = {card.item_id: card.weight for card in labelled}
    scores = {arm.name: _judged(arm) for arm in arms}
    shared = [key for key in scores[arms[0].name] if all(key in of for of in scores.values())]
    judged = {name: {key: of[key] for key in shared} for name, of in scores.items()}
    videos = {key: asked.video_id for arm in arms for key, asked in arm.items.items()}
    found: Json = {name: _corrected(scores, _of_run(people, name), weights, videos) for name, scores in judged.items()}
    if len(arms) < 2:
        return {"means": found, "difference": None}
    (first, before), (second, after), *_ = judged.items()
    moves = {key: after[key] - before[key] for key in shared}
    seen = {
        key: people[second, key] - people[first, key] for key in moves if {(first, key), (second, key)} <= set(people)
    }
    return {"means": found, "difference": _corrected(moves, seen, weights, videos, share=False)}


def _judged(arm: Arm) -> dict[str, float]:
    return {
        key: row.score
        for key, row in arm.scores().items()
        if row.metric == JUDGE.name and row.score is not None and row.fault is None
    }


def _of_run(people: Mapping[tuple[str, str], float], run: str) -> dict[str, float]:
    return {key: score for (name, key), score in people.items() if name == run}


def _corrected(
    judged: Mapping[str, float],
    human: Mapping[str, float],
    weights: Mapping[str, float],
    videos: Mapping[str, str],
    share: bool = True,
) -> Json:
    """The judge's mean, and what is left of it by the people's labels; with `share`, also of replies that are right."""
    keys = list(judged)
    scores, labels = [judged[key] for key in keys], [human.get(key) for key in keys]
    clusters, stands_for = [videos[key] for key in keys], [weights.get(key, 1.0) for key in keys]
    mean = corrected_mean(scores, labels, clusters, stands_for)
    told: Json = {
        "items": len(keys),
        "labelled": len(human),
        "judged": fmean(scores) if scores else None,
        "corrected": mean.mean if mean else None,
        "ci95": list(mean.interval) if mean and mean.interval else None,
    }
    if share:
        right = [float(score >= GOOD) for score in scores]
        truth = [None if label is None else float(nearest(label) >= GOOD) for label in labels]
        told["right"] = asdict(rogan_gladen(right, truth, clusters, stands_for))
    return told
