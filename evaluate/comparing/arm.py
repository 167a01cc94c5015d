"""An arm of a comparison: one run folder with its items, predictions, judgements and settings."""

from __future__ import annotations

import filecmp
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from demitasse.errors import DataError
from demitasse.labels.keys import Keys, read_keys
from evaluate.comparing.keyed import replies_apart, take_apart
from evaluate.comparing.keys import with_kind
from evaluate.judging.judgements import JUDGEMENTS, read_judgements
from evaluate.records import Asked, Json, Prediction, Scored, read_items, read_predictions
from evaluate.score import gold_faults, score_item
from evaluate.score.judged import Judgement

ITEMS = "items.jsonl"
PREDICTIONS = "predictions.jsonl"
RUN = "run.json"
KEYS = "keys.yaml"  # what the answers of each key are, where a person has put it there
JUDGE_RUN = "judge.json"


@dataclass(frozen=True)
class Arm:
    """One run. `items` are what was to be asked: predictions may be fewer, and the rest are missing ones."""

    name: str
    folder: Path
    items: Mapping[str, Asked]
    predictions: Mapping[str, Prediction]
    judgements: Mapping[str, Judgement] = field(default_factory=dict)
    run: Json = field(default_factory=dict)
    judge: Json = field(default_factory=dict)

    def scores(self, without: Collection[str] = ()) -> dict[str, Scored]:
        """Every item's score by id, computed anew from the predictions, so that none can be stale.

        Args:
            without: ids of items to leave out, because their reference is at fault.

        Raises:
            DataError: for an item whose reference cannot be scored against.
        """
        return {
            item_id: score_item(asked, self.predictions.get(item_id), self.judgements.get(item_id))
            for item_id, asked in self.items.items()
            if item_id not in without
        }


@dataclass(frozen=True, slots=True)
class _Items:
    """A run's items by id: as they were asked, and with each key of a clip as one of its own."""

    path: Path
    keys: Keys
    asked: Mapping[str, Asked]
    apart: Mapping[str, Asked]


def load_arm(folder: Path | str, name: str = "", keys: Keys | None = None) -> Arm:
    """Read a run folder as `demitasse predict` and `demitasse judge` leave it.

    Raises:
        DataError: if items or predictions are not there or cannot be read.
    """
    return _arm(Path(folder), name, keys, [])


def load_arms(runs: Iterable[tuple[str, Path]], keys: Keys | None = None) -> list[Arm]:
    """Read run folders under their names. Of items that stand in alike files there is one, which the arms share."""
    known: list[_Items] = []
    return [_arm(folder, name, keys, known) for name, folder in runs]


def _arm(folder: Path, name: str, keys: Keys | None, known: list[_Items]) -> Arm:
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; give one that `demitasse predict --out` has written")
    if keys is None and (folder / KEYS).is_file():
        keys = read_keys(folder / KEYS)
    items = _items(folder, keys or {}, known)
    judged = folder / JUDGEMENTS
    return Arm(
        name=name or folder.name,
        folder=folder,
        items=items.apart,
        predictions=replies_apart(items.asked, read_predictions(folder / PREDICTIONS, items.asked)),
        judgements=read_judgements(judged) if judged.is_file() else {},
        run=read_header(folder / RUN),
        judge=read_header(folder / JUDGE_RUN),
    )


def _items(folder: Path, keys: Keys, known: list[_Items]) -> _Items:
    """The items of a run folder: those of an earlier one whose file has the same bytes and whose keys are the same."""
    path = folder / ITEMS
    for one in known:
        if one.keys == keys and path.is_file() and filecmp.cmp(path, one.path, shallow=False):
            return one
    asked = read_items(path)
    if not asked:
        raise DataError(f"{path} holds no item; `demitasse predict --out {folder}` asks for some")
    apart = take_apart(asked)
    if keys:
        apart = {key: with_kind(one, keys) for key, one in apart.items()}
    known.append(_Items(path, keys, asked, apart))
    return known[-1]


def check_gold(items: Mapping[str, Asked], skip: bool) -> dict[str, str]:
    """Items whose reference cannot be scored against, with the reason.

    Raises:
        DataError: if there are any and they are not to be skipped.
    """
    faults = dict(gold_faults(items.values()))
    if faults and not skip:
        first = next(iter(faults.values()))
        others = f" ({len(faults)} such items; --skip-gold-faults leaves them out)" if len(faults) > 1 else ""
        raise DataError(f"{first}{others or ', or leave it out with --skip-gold-faults'}")
    return faults


def read_header(path: Path) -> Json:
    """A run's or judge's header; empty for predictions that another tool made.

    Raises:
        DataError: if it is no JSON object.
    """
    if not path.is_file():
        return {}
    try:
        header = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: not JSON ({error}); run the command that wrote it again") from error
    if not isinstance(header, dict):
        raise DataError(f"{path}: a header must be a JSON object")
    return header
