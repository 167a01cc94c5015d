"""People's labels: what the page saves, or a table `card,score` from anywhere."""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from demitasse.errors import DataError
from evaluate.metric import JUDGE


@dataclass(frozen=True, slots=True)
class Labels:
    """One person's scores by card."""

    annotator: str
    scores: dict[str, int]


def read_labels(path: Path, sample: str, cards: Collection[str]) -> Labels:
    """Read `labels_NAME.json` as the page saves it, or a `.csv` with the columns card and score; a blank is no label.

    Args:
        path: the file; a CSV's annotator is its name.
        sample: the sample's id.
        cards: the cards that there are.

    Raises:
        DataError: for a file of another sample, an unknown card, a card twice, or a score that is not 1 to 5.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:  # spreadsheets begin a table with a mark of order
            text = file.read()
    except OSError as fault:
        raise DataError(f"{path} cannot be read: {fault.strerror}") from fault
    except UnicodeDecodeError as fault:
        raise DataError(f"{path} is not UTF-8 text (byte {fault.start}); save it so from the spreadsheet") from fault
    name, rows = _table(path, text) if path.suffix.lower() == ".csv" else _saved(path, text, sample)
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
    except (ValueError, KeyError, TypeError, RecursionError) as fault:
        raise DataError(
            f"{path} holds no labels as the labelling page saves them; save them from there again, or write a .csv "
            "with the columns card and score"
        ) from fault
    if of != sample:
        raise DataError(f"{path} has labels of the sample {of}, and this one is {sample}")
    return name if isinstance(name, str) and name else path.stem, labels.items()


def _table(path: Path, text: str) -> tuple[str, Iterable[tuple[str, object]]]:
    try:
        head, *rows = [row for row in csv.reader(StringIO(text, newline="")) if row] or [[]]
    except csv.Error as fault:
        raise DataError(f"{path} is no table ({fault}); save it anew with the columns card and score") from fault
    if [head.count(name) for name in ("card", "score")] != [1, 1]:
        raise DataError(f"{path}: the first line must name the columns card and score, once each, with commas between")
    places = head.index("card"), head.index("score")
    cells = [[row[place].strip() if place < len(row) else "" for place in places] for row in rows]
    return path.stem, [(card, score) for card, score in cells if score]
