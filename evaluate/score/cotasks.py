"""The four CoTasks: how far a reply agrees with the reference, by the rules of `demitasse.cotasks.agreement`."""

from __future__ import annotations

from dataclasses import replace

from demitasse.cotasks.agreement import compare_stage
from demitasse.cotasks.reading import TaskAnswer
from evaluate.metric import METRICS
from evaluate.parse.cotasks import gold_task, parse_task, terms_of
from evaluate.records import Asked, Prediction, Scored
from evaluate.score.closed import scored_row


def score_cotask(asked: Asked, prediction: Prediction | None) -> Scored:
    """The row of a CoTask item. A reply that cannot be read has found nothing, of all that there was to find."""
    gold, terms = gold_task(asked), terms_of(asked)
    reading = parse_task(asked, prediction)
    agreed = compare_stage(reading.value or TaskAnswer(), gold, terms.stage, terms.spacing)
    row = scored_row(asked, prediction, METRICS[asked.task], reading, gold, agreed.score)
    return replace(row, detail=agreed.to_json() | {"parsed": reading.value is not None})
