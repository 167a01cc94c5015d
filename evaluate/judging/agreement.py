"""How far judges agree with each other, and each with itself when it is asked again.

The figures are those of `evaluate.stats.agreement`, with intervals that heed which items are of one video. Nothing
that varies nowhere is called reliable: such a figure is null, and says why.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from statistics import fmean, variance

from evaluate.judging.pool import judge_means
from evaluate.judging.profile import JudgeProfile
from evaluate.judging.votes import Vote
from evaluate.records import Json

Given = Mapping[str, float]  # one rater's marks by item id


def agreement(votes: Sequence[Vote], judges: Sequence[str], profile: JudgeProfile) -> Json:
    """The figures of `judge.json`; empty for one judge who was asked once. Those with an interval are `Agreement`s.

    Returns:
        `test_retest`: by judge and mark: `items` with two votes or more, `exact` (over all pairs of votes on an item),
        `sd` of votes on one item, and Krippendorff's `alpha` (ordinal, repeats as raters).
        `between_judges`: by mark: `alpha` (interval, over the judges' means), and of each pair of judges `items`,
        `exact`, `within_one`, quadratically weighted `kappa`, and `bias` (the second less the first).
    """
    videos = {vote.item_id: vote.video_id for vote in votes}
    found: Json = {}
    if any(vote.repeat for vote in votes):
        found["test_retest"] = {
            judge: {mark.key: _retest(_repeats(votes, judge, mark.key), videos) for mark in profile.marks}
            for judge in judges
        }
    if len(judges) > 1:
        found["between_judges"] = {mark.key: _between(votes, judges, mark.key, videos) for mark in profile.marks}
    return found


def _repeats(votes: Sequence[Vote], judge: str, key: str) -> list[Given]:
    """A judge's marks, a mapping for each repeat."""
    given: dict[int, dict[str, float]] = {}
    for vote in votes:
        if vote.judge == judge and vote.marks is not None:
            given.setdefault(vote.repeat, {})[vote.item_id] = vote.marks[key]
    return [given[repeat] for repeat in sorted(given)]


def _retest(repeats: Sequence[Given], videos: Mapping[str, str]) -> Json:
    from evaluate.stats.agreement import exact

    pairs = [pair for one, other in combinations(repeats, 2) for pair in _both(one, other)]
    columns = [[marks[item] for marks in repeats if item in marks] for item in _items(repeats)]
    several = [column for column in columns if len(column) > 1]
    return {
        "items": len(several),
        "exact": asdict(
            exact([a for _, a, _ in pairs], [b for _, _, b in pairs], [videos[item] for item, _, _ in pairs])
        ),
        "sd": math.sqrt(fmean(variance(column) for column in several)) if several else None,
        "alpha": _alpha(repeats, "ordinal", videos),
    }


def _between(votes: Sequence[Vote], judges: Sequence[str], key: str, videos: Mapping[str, str]) -> Json:
    means = judge_means(votes, key)
    given = {judge: {item: mark for (item, by), mark in means.items() if by == judge} for judge in judges}
    pairs = [{"judges": [one, two]} | _pair(given[one], given[two], videos) for one, two in combinations(judges, 2)]
    return {"alpha": _alpha(list(given.values()), "interval", videos), "pairs": pairs}


def _pair(one: Given, two: Given, videos: Mapping[str, str]) -> Json:
    from evaluate.stats.agreement import bias, exact, weighted_kappa, within

    both = _both(one, two)
    ratings = [a for _, a, _ in both], [b for _, _, b in both]
    clusters = [videos[item] for item, _, _ in both]
    return {
        "items": len(both),
        "exact": asdict(exact(*ratings, clusters)),
        "within_one": asdict(within(*ratings, 1, clusters)),
        "kappa": asdict(weighted_kappa(*ratings, clusters)),
        "bias": asdict(bias(*ratings, clusters)),
    }


def _alpha(raters: Sequence[Given], level: str, videos: Mapping[str, str]) -> Json:
    from evaluate.stats.agreement import krippendorff_alpha

    items = _items(raters)
    table = [[given.get(item) for item in items] for given in raters]
    return asdict(krippendorff_alpha(table or [[]], level, [videos[item] for item in items]))


def _items(raters: Sequence[Given]) -> list[str]:
    return sorted({item for given in raters for item in given})


def _both(one: Given, two: Given) -> list[tuple[str, float, float]]:
    """Item and both marks, where both were given."""
    return [(item, one[item], two[item]) for item in sorted(one.keys() & two.keys())]
