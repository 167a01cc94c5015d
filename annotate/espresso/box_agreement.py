"""Which boxes of a key item are good: in the frame, sure enough, and found again by a second look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from annotate.espresso.detectors import Detected
from demitasse.engine.step import Fields
from demitasse.errors import DataError
from demitasse.geometry import Box, check_box, match_boxes

DECIMALS = 5  # of fractions in files: a hundredth of a pixel of any frame


@dataclass(frozen=True, slots=True)
class Held:
    """A box, and why it is dropped; "" while it is not."""

    detected: Detected
    box: Box | None
    fault: str = ""


def hold(detected: Sequence[Detected], min_score: float) -> list[Held]:
    """Each box held to the frame and to the least score; a box without a score passes."""
    return [_held(one, min_score) for one in detected]


def judged(held: Sequence[Held], again: Sequence[Box] | None, least: float) -> list[Fields]:
    """Every box as it stands in a row: `bbox`, `score`, `agreement`, whether it is kept, and the reason if not.

    Args:
        held: what was found.
        again: what a second look found; None if nobody looked.
        least: the IoU with one of these that a box needs. They are paired one to one, so that the sum is greatest.
    """
    standing = [place for place, one in enumerate(held) if one.box is not None and not one.fault]
    overlaps: dict[int, float] = {}
    if again is not None:
        overlaps = dict.fromkeys(standing, 0.0)
        boxes = [box for one in (held[place] for place in standing) if (box := one.box) is not None]
        overlaps |= {standing[mine]: overlap for mine, _, overlap in match_boxes(boxes, list(again))}
    return [_row(one, overlaps.get(place), least) for place, one in enumerate(held)]


def rounded(box: Sequence[float]) -> list[float]:
    """A box as files keep it."""
    return [round(value, DECIMALS) for value in box]


def _held(one: Detected, min_score: float) -> Held:
    try:
        box = check_box(one.box)
    except DataError as fault:
        return Held(one, None, str(fault))
    if one.score is not None and not one.score >= min_score:  # a score that is no number is none
        return Held(one, box, f"its score {one.score:.2f} is below {min_score:g}")
    return Held(one, box)


def _row(held: Held, overlap: float | None, least: float) -> Fields:
    fault = held.fault
    if overlap is not None and overlap < least:
        fault = f"a second look agrees to {overlap:.2f}, less than {least:g}" if overlap else "a second look finds none"
    return {
        "bbox": rounded(held.box or held.detected.box),
        "score": held.detected.score,
        "agreement": None if overlap is None else round(overlap, 4),
        "kept": not fault,
        "reason": fault,
    }
