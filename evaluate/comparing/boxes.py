"""What grounding is besides its mean IoU: precision, recall, F1, RefCOCO's accuracy, of an arm and between two.

All are ratios of sums over the items, so that an item with ten boxes counts for ten; a reply that cannot be read gave
none. Their intervals are clustered by image, and differences paired, as the metric's own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from demitasse.figure import Figure
from evaluate.comparing.ratios import figure_change, figure_value
from evaluate.records import Json, Scored
from evaluate.score.grounding import reaches

THRESHOLDS = tuple(step / 100 for step in range(50, 100, 5))  # 0.5 to 0.95, COCO's


FIGURES = {
    "precision": Figure("precision", lambda one: one["found"], lambda one: one["predicted"]),
    "recall": Figure("recall", lambda one: one["found"], lambda one: one["gold"]),
    "f1": Figure("F1", lambda one: 2 * one["found"], lambda one: one["predicted"] + one["gold"]),
    "f1_50_95": Figure(
        "F1, mean over IoU .5 to .95",
        lambda one: 2 * _found_on_average(one),
        lambda one: one["predicted"] + one["gold"],
    ),
    "acc_50": Figure(
        "RefCOCO accuracy", lambda one: reaches(one["first_iou"] or 0.0), lambda one: one["first_iou"] is not None
    ),
    "matched_iou": Figure(
        "IoU of matched pairs", lambda one: math.fsum(one["overlaps"]), lambda one: len(one["overlaps"])
    ),
}
CURVE = tuple(step / 20 for step in range(1, 20))  # IoU at which the report's curve of recall is drawn
COUNTS = ("predicted", "gold", "found", "invented", "missed", "malformed")


def count_boxes(rows: Sequence[Scored]) -> Json:
    """One arm's counts of boxes and figures, each `{"value", "ci95", "n"}`: `n` items have something to divide by.

    Boxes are found, invented and missed at IoU 0.5. `value` is None where no item has anything to divide by, such as
    the precision of an arm that gave no box. `recall_at` is the recall at each IoU of `CURVE`; None without a box to
    find.
    """
    details, images = [row.detail for row in rows], [row.asked.video_id for row in rows]
    counts: Json = {name: sum(one[name] for one in details) for name in COUNTS}
    figures = {name: figure_value(figure, details, images) for name, figure in FIGURES.items()}
    return counts | figures | {"recall_at": _recall_at(details) if counts["gold"] else None}


def compare_boxes(before: Sequence[Scored], after: Sequence[Scored]) -> Json:
    """The paired change of each figure between two arms over the same items in the same order."""
    first, second = ([row.detail for row in rows] for rows in (before, after))
    images = [row.asked.video_id for row in before]
    return {name: figure_change(figure, first, second, images) for name, figure in FIGURES.items()}


def _recall_at(details: Sequence[Json]) -> list[float]:
    overlaps = [overlap for one in details for overlap in one["overlaps"]]
    total = sum(one["gold"] for one in details)
    return [sum(reaches(overlap, threshold) for overlap in overlaps) / total for threshold in CURVE]


def _found_on_average(one: Json) -> float:
    """Boxes found at a threshold, over all thresholds."""
    return sum(reaches(overlap, threshold) for overlap in one["overlaps"] for threshold in THRESHOLDS) / len(THRESHOLDS)
