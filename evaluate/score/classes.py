"""Closed classes, graded classes and sets of labels: what a judge need not be asked about."""

from __future__ import annotations

from dataclasses import replace

from demitasse.answers.marks import fold
from evaluate.metric import GRADED, MULTI, metric_for
from evaluate.parse.classes import classes_of, gold_class, gold_labels, parse_class, parse_labels
from evaluate.records import Asked, Prediction, Scored
from evaluate.score.closed import scored_row


def score_class(asked: Asked, prediction: Prediction | None) -> Scored:
    """1 for the reference's class, else 0; of graded classes also how many the answer is off.

    A graded answer that cannot be read is as far off as can be from its reference.
    """
    metric, gold = metric_for(asked), gold_class(asked)
    reading = parse_class(asked, prediction)
    row = scored_row(asked, prediction, metric, reading, gold, float(reading.value == gold))
    if metric is not GRADED:
        return row
    order = classes_of(asked)
    right = order.index(gold)
    furthest = max(right, len(order) - 1 - right)
    off = furthest if reading.value is None else abs(order.index(reading.value) - right)
    return replace(row, detail={"off": off, "order": list(order)})


def score_labels(asked: Asked, prediction: Prediction | None) -> Scored:
    """F1 of the two sets of labels: 1 for none where there is none, 0 where one side alone has none."""
    gold = gold_labels(asked)
    reading = parse_labels(asked, prediction)
    given = {fold(label) for label in reading.value or ()}
    wanted = {fold(label) for label in gold}
    shared, parsed = len(given & wanted), reading.value is not None
    both = len(given) + len(wanted)
    row = scored_row(asked, prediction, MULTI, reading, gold, 2 * shared / both if both else 1.0)
    union = len(given | wanted)
    detail = {
        "given": len(given),
        "gold": len(wanted),
        "shared": shared,
        "exact": float(parsed and given == wanted),
        "jaccard": (shared / union if union else 1.0) if parsed else 0.0,
    }
    return replace(row, detail=detail)
