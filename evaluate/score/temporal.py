"""Time spans: intersection over union."""

from __future__ import annotations

import math
from dataclasses import replace

from demitasse.answers.times import Span, span_iou
from demitasse.dataset.length import length_told
from evaluate.metric import TEMPORAL
from evaluate.parse.temporal import gold_span, parse_temporal
from evaluate.records import Asked, Prediction, Scored
from evaluate.score.closed import scored_row


def score_temporal(asked: Asked, prediction: Prediction | None) -> Scored:
    """The IoU of the predicted span with the reference's.

    Where the item tells how long its video is (`demitasse.dataset.length`), a span counts as far as the video goes:
    what lies past its end is no time that could be shown. The file itself is not looked at, so that scores follow from
    the run folder alone. The row's `value` is what was written.
    """
    gold = gold_span(asked)
    reading = parse_temporal(prediction)
    end = length_told(asked.extra) or math.inf
    iou = span_iou(_within(reading.value, end), _within(gold, end)) if reading.value else 0.0
    row = scored_row(asked, prediction, TEMPORAL, reading, gold, iou)
    past = reading.value is not None and reading.value[1] > end
    return replace(row, detail={"past_the_end": True}) if past else row


def _within(span: Span, end: float) -> Span:
    return min(span[0], end), min(span[1], end)
