"""People's labels: what the page saves, or a table `card,score` from anywhere."""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from demitasse.errors import DataError
from evaluate.metric import JUDGE


@dataclass(frozen=True, slots=True)
class Labels:
    """One person's scores by card."""

    annotator: str
    scores: dict[str, int]


def read_labels(path: Path, sample: str, cards: Collection[str]) -> Labels:
    """Read `labels_NAME.json` as the page saves it, or a `.csv` with the columns card and score.

    Args:
        path: the file; a CSV's annotator is its name.
        sample: the sample's id.
        cards: the cards that there are.

    Raises:
        DataError: for a file of another sample, an unknown card, a card twice, or a score that is not 1 to 5.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise DataError(f"{path} cannot be read: {fault}") from fault
    name, rows = _table(path, text) if path.suffix == ".csv" else _saved(path, text, sample)
    scores: dict[str, int] = {}
    for card, score in rows:
        if card not in cards:
            raise DataError(f"{path}: card '{card}' is not in this sample")
        if card in scores:
            raise DataError(f"{path}: card '{card}' is there twice; remove one")
        if str(score).strip() not in ("1", "2", "3", "4", "5"):
            raise DataError(f"{path}: card '{card}' has the score {score!r}; it must be {JUDGE.low} to {JUDGE.high}")
        scores[card] = int(str(score))
    if not scores:
        raise DataError(f"{path} has no label")
    return Labels(name, scores)


def _saved(path: Path, text: str, sample: str) -> tuple[str, Iterable[tuple[str, object]]]:
    try:
        content = json.loads(text)
        of, name, labels = content["sample"], content["annotator"], dict(content["labels"])
    except (ValueError, KeyError, TypeError) as fault:
        raise DataError(f"{path} holds no labels ({fault}); save them from the labelling page again") from fault
    if of != sample:
        raise DataError(f"{path} has labels of the sample {of}, and this one is {sample}")
    return str(name) or path.stem, labels.items()


def _table(path: Path, text: str) -> tuple[str, Iterable[tuple[str, object]]]:
    rows = list(csv.DictReader(text.splitlines()))
    if not rows or not {"card", "score"} <= set(rows[0]):
        raise DataError(f"{path}: the first line must name the columns card and score")
    return path.stem, [(row["card"], row["score"]) for row in rows]
