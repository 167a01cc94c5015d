"""Time spans: intersection over union."""

from __future__ import annotations

import math
from dataclasses import replace

from demitasse.answers.times import Span, span_iou
from evaluate.metric import TEMPORAL
from evaluate.parse.temporal import gold_span, parse_temporal
from evaluate.records import Asked, Prediction, Scored
from evaluate.score.closed import scored_row


def score_temporal(asked: Asked, prediction: Prediction | None) -> Scored:
    """The IoU of the predicted span with the reference's.

    Where the item declares its video's `duration` in seconds, a span counts as far as the video goes: what lies past
    its end is no time that could be shown. The row's `value` is what was written.
    """
    gold = gold_span(asked)
    reading = parse_temporal(prediction)
    end = _duration(asked)
    iou = span_iou(_within(reading.value, end), _within(gold, end)) if reading.value else 0.0
    row = scored_row(asked, prediction, TEMPORAL, reading, gold, iou)
    past = reading.value is not None and reading.value[1] > end
    return replace(row, detail={"past_the_end": True}) if past else row


def _duration(asked: Asked) -> float:
    told = asked.extra.get("duration")
    if isinstance(told, bool) or not isinstance(told, (int, float)) or not told > 0:
        return math.inf
    return float(told)


def _within(span: Span, end: float) -> Span:
    return min(span[0], end), min(span[1], end)
