"""One judge's word on one reply, once: kept apart by judge and repeat, before anything is made of several."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from demitasse.dataset.item_id import storable
from evaluate.judging.profile import Marks
from evaluate.records import Fault, Json, write_rows

VOTES = "judge_votes.jsonl"
# Kinds of an unscored vote; the others are outcomes of a reply.
UNREADABLE, FAILED, UNSEEN = "unreadable", "error", "medium"


@dataclass(frozen=True, slots=True)
class Vote:
    """A judge's word.

    Attributes:
        item_id, video_id: of the item; the video is the cluster of statistics.
        of: the fingerprint of what was judged.
        judge: who.
        repeat: which time, from 0.
        marks: None for a fault of the judge.
        reason: the judge's, or why there is none.
        fault: the state that an item has with nothing but such votes.
        kind: how the fault came about: "unreadable", "truncated", "blocked", "refused", "error", or "medium" where
            there were no frames to show.
        answered: the model that really answered.
        cost: in dollars, whether paid for in this run or an earlier one; None where a price is not known.
        latency: seconds.
        control: of which control or probe, if any.
    """

    item_id: str
    video_id: str
    of: str
    judge: str
    repeat: int
    marks: Marks | None
    reason: str
    fault: Fault | None = None
    kind: str = ""
    answered: tuple[str, ...] = ()
    cost: float | None = None
    latency: float = 0.0
    control: str = ""

    def to_json(self) -> Json:
        """The row of `judge_votes.jsonl`, and with its control that of `judge_controls.jsonl`."""
        row: Json = {"control": self.control} if self.control else {}
        row |= {"item_id": self.item_id, "of": self.of, "judge": self.judge, "repeat": self.repeat}
        row |= {"marks": self.marks and dict(self.marks), "reason": storable(self.reason)}
        row |= {"fault": self.fault, "kind": self.kind} if self.fault else {}
        return row | {"answered": list(self.answered), "cost": self.cost, "latency": self.latency}


def write_votes(path: Path, votes: Iterable[Vote]) -> None:
    """Write them, whole or not at all, in an order that does not depend on which came first."""
    rows = sorted(votes, key=lambda vote: (vote.control, vote.item_id, vote.judge, vote.repeat))
    write_rows(path, [vote.to_json() for vote in rows])
