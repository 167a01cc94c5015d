"""Time spans: intersection over union."""

from __future__ import annotations

from demitasse.answers.times import span_iou
from evaluate.metric import TEMPORAL
from evaluate.parse.temporal import gold_span, parse_temporal
from evaluate.records import Asked, Prediction, Scored
from evaluate.score.closed import scored_row


def score_temporal(asked: Asked, prediction: Prediction | None) -> Scored:
    """The IoU of the predicted span with the reference's."""
    gold = gold_span(asked)
    reading = parse_temporal(prediction)
    iou = span_iou(reading.value, gold) if reading.value else 0.0
    return scored_row(asked, prediction, TEMPORAL, reading, gold, iou)
