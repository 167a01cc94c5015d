"""Where a student fails: how often in each task, in which way, and of which videos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from evaluate.comparing.groups import kind_of
from evaluate.metric import BINARY, COTASKS, GROUNDING, JUDGE, KEYED, MCQ, METRICS, TEMPORAL
from evaluate.records import Json, Scored, State
from evaluate.stats import proportion

# The least score that counts as right, by metric. IoU: the field's usual hit. Judge: "clearly similar, few details
# differ".
RIGHT = {MCQ.name: 1.0, BINARY.name: 1.0, TEMPORAL.name: 0.5, GROUNDING.name: 0.5, JUDGE.name: 4.0}
RIGHT |= {metric.name: 0.5 for metric in COTASKS} | {metric.name: 1.0 for metric in KEYED}


FEWEST_VIDEOS = 5  # of fewer, one odd video or one reference at fault decides what is annotated next


class Finding(StrEnum):
    """What is made of a task."""

    GAP = "gap"  # more than the tolerance surely fails
    UNSURE = "too little to say"  # more may fail than is tolerated, but it can be chance
    NO_GAP = "no gap"


@dataclass(frozen=True, slots=True)
class Gap:
    """What a student gets wrong of one task.

    Attributes:
        task: the task's name.
        metric: the name of its metric.
        items, failed: items that have a score, and those of them that are not right.
        unscored: items without a score, of which nothing is known.
        interval: 95 % interval of the share that failed, clustered by video; None for a single video.
        kinds: how they failed, by count.
        questions: failed and all items by kind of question, where items say theirs.
        videos: failed and all items by video.
    """

    task: str
    metric: str
    items: int
    failed: int
    unscored: int
    interval: tuple[float, float] | None
    kinds: dict[str, int]
    questions: dict[str, tuple[int, int]]
    videos: dict[str, tuple[int, int]]

    @property
    def share(self) -> float:
        """Failed of all."""
        return self.failed / self.items

    @property
    def certain(self) -> float:
        """The share that surely fails: the interval's lower end, or the share itself where there is no interval."""
        return self.interval[0] if self.interval else self.share

    def finding(self, tolerance: float, fewest_videos: int = FEWEST_VIDEOS) -> Finding:
        """What is made of the task.

        Args:
            tolerance: the share of failures that is no gap.
            fewest_videos: of fewer, nothing is made, whatever they show.
        """
        if len(self.videos) < fewest_videos:
            return Finding.UNSURE
        if self.certain > tolerance:
            return Finding.GAP
        return Finding.UNSURE if self.share > tolerance else Finding.NO_GAP

    def to_json(self) -> Json:
        """For `gaps.json`."""
        return {
            "task": self.task,
            "metric": self.metric,
            "right_from": RIGHT[self.metric],
            "items": self.items,
            "failed": self.failed,
            "unscored": self.unscored,
            "share": self.share,
            "ci95": list(self.interval) if self.interval else None,
            "kinds": self.kinds,
            "questions": {name: list(counts) for name, counts in self.questions.items()},
            "videos": {name: list(counts) for name, counts in self.videos.items()},
        }


def failed(row: Scored) -> bool:
    """Whether a scored item is not right."""
    return row.score is not None and row.score < RIGHT[row.metric]


def find_gaps(rows: Sequence[Scored]) -> list[Gap]:
    """The gap of each task of which any item has a score, largest certain share first."""
    by_task: dict[str, list[Scored]] = {}
    for row in rows:
        by_task.setdefault(row.asked.task, []).append(row)
    gaps = [_gap(task, of_task) for task, of_task in by_task.items() if any(row.score is not None for row in of_task)]
    return sorted(gaps, key=lambda gap: (-gap.certain, -gap.share, gap.task))


def _gap(task: str, rows: Sequence[Scored]) -> Gap:
    scored = [row for row in rows if row.score is not None]
    wrong = [row for row in scored if failed(row)]
    estimate = proportion([float(failed(row)) for row in scored], [row.asked.video_id for row in scored])
    return Gap(
        task=task,
        metric=scored[0].metric,
        items=len(scored),
        failed=len(wrong),
        unscored=len(rows) - len(scored),
        interval=estimate.interval,
        kinds=dict(Counter(map(kind_of_failure, wrong)).most_common()),
        questions=_shares(scored, (kind_of(row) for row in scored)),
        videos=_shares(scored, (row.asked.video_id for row in scored)),
    )


def _shares(rows: Sequence[Scored], names: Iterable[str | None]) -> dict[str, tuple[int, int]]:
    """Failed and all by name, most failures first; rows whose name is None are left out."""
    failures, everything = Counter[str](), Counter[str]()
    for row, name in zip(rows, names, strict=True):
        if name is not None:
            everything[name] += 1
            failures[name] += failed(row)
    return {name: (failures[name], everything[name]) for name, _ in sorted(failures.items(), key=lambda one: -one[1])}


def kind_of_failure(row: Scored) -> str:
    """How an item failed, in a few words: the model's fault, or what is wrong with a readable answer."""
    if row.state is State.MODEL_FAULT and row.fault is not None:
        return row.fault.value
    if row.metric == BINARY.name:
        return f"{row.value} for {row.gold}"
    if row.metric == TEMPORAL.name:
        return _kind_of_span(row.value, row.gold)
    if row.metric == JUDGE.name:
        return f"judged {row.score:g}"
    return "wrong option" if row.metric == MCQ.name else f"{METRICS[row.metric].short} below {RIGHT[row.metric]:g}"


def _kind_of_span(value: Any, gold: Any) -> str:
    (start, end), (from_, to) = value, gold
    if end <= from_:
        return "too early"
    if start >= to:
        return "too late"
    return "too long" if end - start > to - from_ else "too short"
