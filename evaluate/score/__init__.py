"""From an item and its prediction to a score in one of three states; one file a metric."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from demitasse.errors import DataError
from evaluate.metric import COTASKS, METRICS, metric_for
from evaluate.parse.binary import gold_word
from evaluate.parse.boxes import gold_boxes
from evaluate.parse.classes import gold_class, gold_labels
from evaluate.parse.cotasks import gold_task
from evaluate.parse.free import gold_text
from evaluate.parse.mcq import gold_letter
from evaluate.parse.temporal import gold_span
from evaluate.records import Asked, Prediction, Scored
from evaluate.score.binary import score_binary
from evaluate.score.classes import score_class, score_labels
from evaluate.score.cotasks import score_cotask
from evaluate.score.grounding import score_grounding
from evaluate.score.judged import Judgement, score_judged
from evaluate.score.mcq import score_mcq
from evaluate.score.temporal import score_temporal

_GOLD: Mapping[str, Callable[[Asked], object]] = {
    "mcq": gold_letter,
    "binary": gold_word,
    "temporal": gold_span,
    "grounding": gold_boxes,
    "closed": gold_class,
    "graded": gold_class,
    "multi": gold_labels,
    "judge": gold_text,
    **{metric.name: gold_task for metric in COTASKS},
}
_SCORE = {"mcq": score_mcq, "binary": score_binary, "temporal": score_temporal, "grounding": score_grounding}
_SCORE |= {"closed": score_class, "graded": score_class, "multi": score_labels}
_SCORE |= {metric.name: score_cotask for metric in COTASKS}


def score_item(asked: Asked, prediction: Prediction | None, judgement: Judgement | None) -> Scored:
    """Score one item by its kind's or task's metric; no prediction is a fault of the model, no judgement of the judge.

    Raises:
        DataError: if the item's reference cannot be scored against.
    """
    metric = metric_for(asked)
    if metric is METRICS["judge"]:
        return score_judged(asked, prediction, judgement)
    return _SCORE[metric.name](asked, prediction)


def gold_faults(items: Iterable[Asked]) -> Mapping[str, str]:
    """Item id to sentence for every item whose reference cannot be scored against."""
    faults = {}
    for asked in items:
        try:
            _GOLD[metric_for(asked).name](asked)
        except DataError as fault:
            faults[asked.item_id] = str(fault)
    return faults
