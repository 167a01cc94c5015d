"""Yes or no: right word or not."""

from __future__ import annotations

from evaluate.metric import BINARY
from evaluate.parse.binary import gold_word, parse_binary
from evaluate.records import Asked, Prediction, Scored
from evaluate.score.closed import scored_row


def score_binary(asked: Asked, prediction: Prediction | None) -> Scored:
    """1 for the reference's word, else 0."""
    gold = gold_word(asked)
    reading = parse_binary(prediction)
    return scored_row(asked, prediction, BINARY, reading, gold, float(reading.value == gold))
