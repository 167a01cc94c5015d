"""A judge's marks on each free-text reply of a run, and what they come to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from demitasse.dataset.item_id import storable
from demitasse.errors import DataError
from evaluate.metric import metric_for
from evaluate.parse.free import parse_free
from evaluate.records import JUDGE_FAULTS, Fault, Json, Scored, State, read_rows
from evaluate.score.judged import Judgement

if TYPE_CHECKING:
    from evaluate.comparing.arm import Arm
    from evaluate.judging.profile import JudgeProfile, Mark, Marks

_ROW = "  {:26}{:>7}{:>9}  {:18}{}"


@dataclass(frozen=True, slots=True)
class Marked:
    """A judge's word on one reply. `of` is the fingerprint of what it was given; `marks` is None for a fault."""

    item_id: str
    of: str
    marks: Marks | None
    reason: str
    fault: Fault | None = None

    def as_judgement(self) -> Judgement:
        """The same where the one mark is the score from 1 to 5."""
        score = None if self.marks is None else self.marks["score"]
        return Judgement(self.item_id, self.of, score, self.reason, self.fault)

    def to_json(self) -> Json:
        """The row of `judgements_<profile>.jsonl`."""
        row = {"item_id": self.item_id, "of": self.of, "marks": self.marks and dict(self.marks)}
        return row | {"reason": storable(self.reason), "fault": self.fault}


def read_marked(path: Path, profile: JudgeProfile) -> list[Marked]:
    """The rows of `judgements_<profile>.jsonl`.

    Raises:
        DataError: for a row that is none, with a mark off its scale, or with neither marks nor a judge's fault.
    """
    rows = []
    for number, row in read_rows(path):
        marks, fault = row.get("marks"), row.get("fault")
        if not (profile.holds(marks) or (marks is None and fault in JUDGE_FAULTS)):
            raise DataError(f"{path}, line {number}: no judgement of {profile.name}; run `demitasse judge` again")
        told = str(row.get("item_id")), str(row.get("of")), marks, str(row.get("reason"))
        rows.append(Marked(*told, Fault(fault) if fault else None))
    return rows


def scored_marks(arm: Arm, profile: JudgeProfile, mark: Mark, rows: Iterable[Marked]) -> dict[str, Scored]:
    """One mark of every free-text item, by item id, times its factor.

    A reply that leaves nothing to judge has the lowest mark: it is the student's fault. One that the judge failed on
    has none.
    """
    given = {row.item_id: row for row in rows}
    scored = {}
    for item_id, asked in arm.items.items():
        if metric_for(asked).name != "judge":
            continue
        reading, judged = parse_free(arm.predictions.get(item_id)), given.get(item_id)
        marks = profile.lowest if reading.fault else judged.marks if judged else None
        state = State.MODEL_FAULT if reading.fault else State.SCORED if marks else State.JUDGE_FAULT
        fault = reading.fault or (None if marks else judged.fault if judged else Fault.NOT_JUDGED)
        score = None if marks is None else float(marks[mark.key] * mark.factor)
        scored[item_id] = Scored(asked, mark.key, state, score, fault)
    return scored


def summarise_marks(arm: Arm, profile: JudgeProfile, rows: Sequence[Marked]) -> Json:
    """Each mark's mean, interval and faults, as reported, and by kind of question where items say theirs."""
    from evaluate.comparing.groups import by_group
    from evaluate.comparing.summary import summarise

    summary = {}
    for mark in profile.marks:
        scored = list(scored_marks(arm, profile, mark, rows).values())
        summary[mark.key] = {"label": mark.label, "factor": mark.factor} | summarise(scored, mark.metric)
        groups = by_group(scored, mark.metric)
        summary[mark.key] |= {"groups": groups} if groups else {}
    return summary


def marks_table(figures: Json) -> str:
    """A line for each mark, and under it the mean over kinds of question."""
    lines = [_ROW.format("mark", "items", "mean", "95 %", "faults").rstrip()]
    for found in figures.values():
        faults = ", ".join(f"{many} {kind.replace('_', ' ')}" for kind, many in sorted(found["faults"].items()))
        mean, bounds = _cells(found["mean"], found["ci95"])
        lines.append(_ROW.format(found["label"], found["items"], mean, bounds, faults).rstrip())
        groups = found.get("groups")
        if groups:
            cells = _cells(groups["macro"], groups["macro_ci95"])
            lines.append(_ROW.format(f"  over {len(groups['each'])} {groups['by']}s", "", *cells, "").rstrip())
    return "\n".join(lines)


def marks_changes(
    first: tuple[Arm, Sequence[Marked]], second: tuple[Arm, Sequence[Marked]], profile: JudgeProfile
) -> Iterator[str]:
    """The paired change of each mark from one run to another, over the items that both have a mark for."""
    from evaluate.stats import paired_difference

    for mark in profile.marks:
        before, after = (scored_marks(arm, profile, mark, rows) for arm, rows in (first, second))
        pairs = [(before[key], after[key]) for key in before if key in after]
        held = [(a.score, b.score, a.asked.video_id) for a, b in pairs if a.score is not None and b.score is not None]
        if not held:
            yield f"  {mark.label}: no item in common"
            continue
        first_scores, second_scores, videos = zip(*held, strict=True)
        found = paired_difference(first_scores, second_scores, videos)
        _, bounds = _cells(None, found.estimate.interval)
        yield f"  {mark.label}: {found.estimate.mean:+.1f} {bounds}, p {found.p:.3f}, {len(held)} items"


def _cells(mean: float | None, bounds: Sequence[float] | None) -> tuple[str, str]:
    return (
        "–" if mean is None else f"{mean:.1f}",
        "[no interval]" if bounds is None else f"[{', '.join(f'{bound:.1f}' for bound in bounds)}]",
    )
