"""Free text: the judge's 1 to 5, or the lowest score for a reply that leaves nothing to judge."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import orjson

from evaluate.metric import JUDGE
from evaluate.parse.final import Reading
from evaluate.parse.free import gold_text, parse_free
from evaluate.records import Asked, Fault, Prediction, Scored, State


@dataclass(frozen=True, slots=True)
class Judgement:
    """The judges' word on one reply. `of` is the fingerprint of what they were given; `score` is None for a fault.

    From one judge asked once it is whole; from several it may lie between.
    """

    item_id: str
    of: str
    score: float | None
    reason: str
    fault: Fault | None = None


def fingerprint(asked: Asked, answer: str) -> str:
    """Sixteen hexadecimal digits of what a judge is given: another answer or reference needs another judgement."""
    return hashlib.sha256(orjson.dumps([asked.question, asked.reference, answer])).hexdigest()[:16]


def score_judged(asked: Asked, prediction: Prediction | None, judgement: Judgement | None) -> Scored:
    """The row of a free-text item. A judgement of another reply is as good as none."""
    reading = parse_free(prediction)
    state, score, fault, reason = _judged(asked, reading, judgement)
    return Scored(
        asked=asked,
        metric=JUDGE.name,
        state=state,
        score=score,
        fault=fault,
        method=reading.method,
        value=reading.value,
        gold=gold_text(asked),
        response=prediction.response if prediction else "",
        finish=prediction.finish if prediction else "",
        reason=reason or (prediction.error if prediction else ""),
    )


def _judged(
    asked: Asked, reading: Reading[str], judgement: Judgement | None
) -> tuple[State, float | None, Fault | None, str]:
    """State, score, fault and the judge's reason."""
    if reading.value is None:
        return State.MODEL_FAULT, JUDGE.low, reading.fault, ""
    if judgement is None or judgement.of != fingerprint(asked, reading.value):
        return State.JUDGE_FAULT, None, Fault.NOT_JUDGED, ""
    if judgement.score is None:
        return State.JUDGE_FAULT, None, judgement.fault, judgement.reason
    return State.SCORED, float(judgement.score), None, judgement.reason
