"""What the exact metrics share: from a reading to a scored row."""

from __future__ import annotations

from typing import Any

from evaluate.metric import Metric
from evaluate.parse.final import Reading
from evaluate.records import Asked, Prediction, Scored, State


def scored_row(
    asked: Asked, prediction: Prediction | None, metric: Metric, reading: Reading[Any], gold: Any, score: float
) -> Scored:
    """The row of a reading worth `score`; a reading with a fault is worth the metric's lowest score."""
    return Scored(
        asked=asked,
        metric=metric.name,
        state=State.MODEL_FAULT if reading.fault else State.SCORED,
        score=metric.low if reading.fault else score,
        fault=reading.fault,
        method=reading.method,
        value=reading.value,
        gold=gold,
        response=prediction.response if prediction else "",
        finish=prediction.finish if prediction else "",
        reason=prediction.error if prediction else "",
    )
