"""Multiple choice: right letter or not."""

from __future__ import annotations

from evaluate.metric import MCQ
from evaluate.parse.mcq import gold_letter, parse_mcq
from evaluate.records import Asked, Prediction, Scored
from evaluate.score.closed import scored_row


def score_mcq(asked: Asked, prediction: Prediction | None) -> Scored:
    """1 for the reference's letter, else 0."""
    gold = gold_letter(asked)
    reading = parse_mcq(asked, prediction)
    return scored_row(asked, prediction, MCQ, reading, gold, float(reading.value == gold))
