"""Time spans: intersection over union."""

from __future__ import annotations

from demitasse.answers.times import Span
from evaluate.metric import TEMPORAL
from evaluate.parse.temporal import gold_span, parse_temporal
from evaluate.records import Asked, Prediction, Scored
from evaluate.score.closed import scored_row


def span_iou(first: Span, second: Span) -> float:
    """Intersection over union of two spans in seconds, 0 to 1; 0 where both are a moment (Charades-STA's)."""
    shared = max(0.0, min(first[1], second[1]) - max(first[0], second[0]))
    union = (first[1] - first[0]) + (second[1] - second[0]) - shared
    return shared / union if union > 0 else 0.0


def score_temporal(asked: Asked, prediction: Prediction | None) -> Scored:
    """The IoU of the predicted span with the reference's."""
    gold = gold_span(asked)
    reading = parse_temporal(prediction)
    iou = span_iou(reading.value, gold) if reading.value else 0.0
    return scored_row(asked, prediction, TEMPORAL, reading, gold, iou)
