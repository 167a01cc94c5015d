"""How well chosen frames meet the core frames: precision, recall and F1 within a tolerance in seconds.

A chosen frame and a core frame that lie no further apart than the tolerance meet, each with one other at most, so that
many frames around one moment do not pass for many moments. VideoEspresso tells no such figures of its selector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from demitasse.dataset import TaskFile
from demitasse.dataset.evidence import core_frames_of
from demitasse.dataset.item_id import id_of
from demitasse.errors import DataError
from demitasse.selector.selections import Selection, read_selections

EXACT = 1e-6  # seconds: times are sums of floats


@dataclass(frozen=True, slots=True)
class SelectionScore:
    """One run's figures; precision and recall are over all frames of all items, `f1` is of the two.

    Attributes:
        items: items with core frames and a selection.
        missing: items with core frames and no selection.
        kept, sampled: frames of an item on average.
        fallbacks: share of items for which evenly spread frames stand in.
    """

    items: int
    missing: int
    precision: float
    recall: float
    f1: float
    kept: float
    sampled: float
    fallbacks: float


def meetings(chosen: Sequence[float], core: Sequence[float], tolerance: float) -> int:
    """The most pairs of a chosen and a core time that lie within the tolerance, each time in one pair at most."""
    count, place, chosen = 0, 0, sorted(chosen)
    for time in sorted(core):  # the earliest that still fits leaves most for what follows
        while place < len(chosen) and chosen[place] < time - tolerance - EXACT:
            place += 1
        if place < len(chosen) and chosen[place] <= time + tolerance + EXACT:
            count, place = count + 1, place + 1
    return count


def score_run(run: Path, files: Sequence[TaskFile], tolerance: float) -> SelectionScore:
    """Score the selections of a run against the items' core frames.

    Raises:
        DataError: if the run cannot be read, or no item has core frames whose times are known.
    """
    selections = read_selections(run)
    wanted = {
        id_of(item, file.task_of(item)): times
        for file in files
        for item in file.items
        if (times := [frame.time for frame in core_frames_of(item) if frame.time is not None])
    }
    if not wanted:
        raise DataError("no item has core frames whose times are known, so nothing can be compared")
    pairs = [(selections[item_id], core) for item_id, core in wanted.items() if item_id in selections]
    if not pairs:
        raise DataError(f"{run} has no selection of these items; give the data that it was made of")
    return _score(pairs, len(wanted) - len(pairs), tolerance)


def _score(pairs: Sequence[tuple[Selection, list[float]]], missing: int, tolerance: float) -> SelectionScore:
    met = sum(meetings(one.times, core, tolerance) for one, core in pairs)
    kept, needed = sum(len(one.times) for one, _ in pairs), sum(len(core) for _, core in pairs)
    precision, recall = met / max(1, kept), met / needed
    return SelectionScore(
        items=len(pairs),
        missing=missing,
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / (precision + recall) if met else 0.0,
        kept=kept / len(pairs),
        sampled=sum(one.sampled for one, _ in pairs) / len(pairs),
        fallbacks=sum(bool(one.choice.fallback) for one, _ in pairs) / len(pairs),
    )


def score_table(scores: dict[str, SelectionScore], tolerance: float) -> str:
    """The figures of several runs, side by side."""
    width = max(map(len, scores))
    lines = [f"within {tolerance:g} s{'':{max(0, width - 8)}}  items  kept of    P     R     F1   fell back"]
    for run, one in scores.items():
        lines.append(
            f"{run:{max(width, 12)}}  {one.items:5}  {one.kept:4.2f} {one.sampled:4.1f}  {one.precision:.2f}  "
            f"{one.recall:.2f}  {one.f1:.2f}  {one.fallbacks:8.1%}" + f"  ({one.missing} missing)" * bool(one.missing)
        )
    return "\n".join(lines)
