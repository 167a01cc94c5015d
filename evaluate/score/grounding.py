"""Boxes: matched one to one for the greatest sum of IoU, with every box that was invented or missed in the divisor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from demitasse.geometry import Box, iou, match_boxes
from evaluate.metric import GROUNDING
from evaluate.parse.boxes import Boxes, gold_boxes, parse_boxes
from evaluate.records import Asked, Json, Prediction, Scored
from evaluate.score.closed import scored_row

HIT = 0.5  # IoU from which a box has been found; at it included, as RefCOCO's accuracy has it
# Half a box in whole pixels is exactly 0.5, in fractions of the image 0.4999999999999999 as often as not.
_NOISE = 1e-9


@dataclass(frozen=True, slots=True)
class Grounded:
    """What a reply's boxes are worth beside the reference's.

    Attributes:
        predicted: boxes that the reply gives, malformed ones included.
        gold: boxes of the reference.
        malformed: of `predicted`, those that are no box inside the image.
        overlaps: the IoU of each matched pair, greatest first. The same pairs serve at every threshold.
        first: where the reference has one box, its IoU with the first box of the reply (RefCOCO's rule: one phrase,
            one box, one try); None where the reference has none or several.
    """

    predicted: int
    gold: int
    malformed: int
    overlaps: tuple[float, ...]
    first: float | None

    @property
    def score(self) -> float:
        """The sum of matched IoU over the larger number of boxes, predicted or gold.

        So a box that is missed, invented, given twice or malformed costs the same: a share of the whole. 1 only for
        the very boxes of the reference; 1 for none where there is none, and 0 where one side alone has none.
        """
        most = max(self.predicted, self.gold)
        return math.fsum(self.overlaps) / most if most else 1.0

    def found(self, threshold: float = HIT) -> int:
        """Boxes of the reference that a box of the reply overlaps by at least `threshold`."""
        return sum(reaches(overlap, threshold) for overlap in self.overlaps)

    def to_json(self) -> Json:
        """The counts, and the item's own precision, recall and F1 at IoU 0.5; None where there is nothing to divide."""
        found, both = self.found(), self.predicted + self.gold
        return {
            "predicted": self.predicted,
            "gold": self.gold,
            "found": found,
            "invented": self.predicted - found,
            "missed": self.gold - found,
            "malformed": self.malformed,
            "precision": found / self.predicted if self.predicted else None,
            "recall": found / self.gold if self.gold else None,
            "f1": 2 * found / both if both else 1.0,
            "matched_iou": math.fsum(self.overlaps) / len(self.overlaps) if self.overlaps else None,
            "overlaps": list(self.overlaps),
            "first_iou": self.first,
        }


def reaches(overlap: float, threshold: float = HIT) -> bool:
    """Whether an IoU is at least the threshold."""
    return overlap >= threshold - _NOISE


def ground(predicted: Boxes, gold: Sequence[Box]) -> Grounded:
    """Match a reply's boxes with the reference's, all of them canonical.

    Labels are not compared: an item asks about one phrase.
    """
    # In order of place, so that among equally good ways to pair them the order of writing does not choose.
    sound = sorted(box for box in predicted if box is not None)
    overlaps = sorted((pair[2] for pair in match_boxes(sound, sorted(gold))), reverse=True)
    return Grounded(len(predicted), len(gold), len(predicted) - len(sound), tuple(overlaps), _first(predicted, gold))


def score_grounding(asked: Asked, prediction: Prediction | None) -> Scored:
    """The row of a grounding item. A reply that cannot be read has found nothing, of all that there was to find."""
    gold = gold_boxes(asked)
    reading = parse_boxes(asked, prediction)
    grounded = ground(reading.value or (), gold)
    row = scored_row(asked, prediction, GROUNDING, reading, gold, grounded.score)
    return replace(row, detail=grounded.to_json())


def _first(predicted: Boxes, gold: Sequence[Box]) -> float | None:
    if len(gold) != 1:
        return None
    first = predicted[0] if predicted else None
    return iou(first, gold[0]) if first is not None else 0.0
