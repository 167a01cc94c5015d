"""The judges' word on each free-text reply, one row an item, as it is kept in a run folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from demitasse.dataset.item_id import storable
from demitasse.errors import DataError
from evaluate.metric import JUDGE
from evaluate.records import JUDGE_FAULTS, Fault, Json, read_rows, write_rows
from evaluate.score.judged import Judgement

JUDGEMENTS = "judgements.jsonl"
# More unscored items than this, and the judge's faults could carry the result: the run fails.
UNSCORED_LIMIT = 0.02


def read_judgements(path: Path) -> dict[str, Judgement]:
    """Judgements by item id.

    Raises:
        DataError: for a row that is no judgement, or an item that is there twice.
    """
    judgements: dict[str, Judgement] = {}
    for number, row in read_rows(path):
        try:
            judgement = _judgement(row)
        except (KeyError, ValueError) as error:
            raise DataError(f"{path}, line {number}: no judgement ({error}); run `demitasse judge` again") from error
        if judgement.item_id in judgements:
            raise DataError(f"{path}, line {number}: item_id {judgement.item_id} is there twice")
        judgements[judgement.item_id] = judgement
    return judgements


def write_judgements(path: Path, judgements: Iterable[Judgement]) -> None:
    """Write them, whole or not at all."""
    write_rows(path, [_row(judgement) for judgement in judgements])


def _row(judgement: Judgement) -> Json:
    row = {"item_id": judgement.item_id, "of": judgement.of, "score": judgement.score}
    return row | {"reason": storable(judgement.reason), "fault": judgement.fault}


def _judgement(row: Json) -> Judgement:
    score, fault = row["score"], Fault(row["fault"]) if row["fault"] else None
    if score is None and fault not in JUDGE_FAULTS:
        raise ValueError("neither a score nor a fault of the judge")
    if score is not None and (type(score) not in (int, float) or not JUDGE.low <= score <= JUDGE.high):
        raise ValueError(f"the score is {score}")
    return Judgement(str(row["item_id"]), str(row["of"]), score, str(row["reason"]), fault)
