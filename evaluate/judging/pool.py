"""Several votes on one reply made one word: the mean over a judge's repeats, then the median or mean over judges.

Never the commonest: of two judges who disagree the mode is whoever was heard first. Votes that failed are left out and
counted; only a reply on which every vote failed is unscored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from statistics import fmean, median

from evaluate.judging.marks import Marked
from evaluate.judging.profile import JudgeProfile, Marks
from evaluate.judging.protocol import Pooling
from evaluate.judging.votes import Vote
from evaluate.records import Fault


def pool_votes(votes: Iterable[Vote], profile: JudgeProfile, pooling: Pooling) -> list[Marked]:
    """One row an item, by its id. The order of the votes changes nothing."""
    ordered = sorted(votes, key=lambda vote: (vote.item_id, vote.judge, vote.repeat))
    return [_one(list(found), profile, pooling) for _, found in groupby(ordered, key=lambda vote: vote.item_id)]


def judge_means(votes: Iterable[Vote], key: str) -> dict[tuple[str, str], float]:
    """Each judge's mean of one mark over its repeats, by item id and judge."""
    given: dict[tuple[str, str], list[float]] = {}
    for vote in votes:
        if vote.marks is not None:
            given.setdefault((vote.item_id, vote.judge), []).append(vote.marks[key])
    return {place: fmean(marks) for place, marks in given.items()}


def _one(votes: Sequence[Vote], profile: JudgeProfile, pooling: Pooling) -> Marked:
    scored = [vote for vote in votes if vote.marks is not None]
    first = votes[0]
    if not scored:
        unread = all(vote.fault is Fault.JUDGE_PARSE for vote in votes)
        return Marked(first.item_id, first.of, None, first.reason, Fault.JUDGE_PARSE if unread else Fault.JUDGE_API)
    over = median if pooling == "median" else fmean
    marks = {mark.key: _plain(over(judge_means(scored, mark.key).values())) for mark in profile.marks}
    return Marked(first.item_id, first.of, marks, _nearest(scored, marks).reason)


def _nearest(votes: Sequence[Vote], marks: Marks) -> Vote:
    """The vote that is nearest to what became of all; of equals, the first by judge and repeat."""
    return min(votes, key=lambda vote: sum(abs(mark - marks[key]) for key, mark in (vote.marks or {}).items()))


def _plain(value: float) -> float:
    """A whole number stays one, so that one judge's scores are what it said."""
    return int(value) if value == int(value) else value
