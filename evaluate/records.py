"""The rows of evaluation: what was asked, what the student replied, and what that was worth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson

from demitasse.atomic import write_text
from demitasse.errors import DataError

Json = dict[str, Any]
FINISHES = ("stop", "length", "error")
_BESIDE = ("error", "media", "evidence", "prompt")  # beside a reply, where there is something to say
_OF_ITEM = ("item_id", "task", "video_id", "question", "reference")
_OF_REPLY = ("response", "finish")


class State(StrEnum):
    """The three states of a score, and never two: a judge's fault is not the student's."""

    SCORED = "scored"
    MODEL_FAULT = "model_fault"  # counts as wrong, and is shown apart by kind
    JUDGE_FAULT = "judge_fault"  # no score; bounded in the report


class Fault(StrEnum):
    """Why there is no ordinary score."""

    UNPARSABLE = "unparsable"
    REFUSAL = "refusal"
    EMPTY = "empty"
    TRUNCATED = "truncated"  # the token limit, or reasoning that was never closed
    ERROR = "error"  # the student could not be asked: its media could not be read
    NO_KEY = "no_key"  # a reply to several keys that does not have this one
    MISSING = "missing"  # no prediction for an item that was to be asked
    JUDGE_PARSE = "judge_parse"  # no score could be read from the judge's replies
    JUDGE_API = "judge_api"  # the judge could not be reached, refused or was cut short
    NOT_JUDGED = "not_judged"  # the judge has not been asked for this very reply


MODEL_FAULTS = (
    Fault.UNPARSABLE,
    Fault.REFUSAL,
    Fault.EMPTY,
    Fault.TRUNCATED,
    Fault.NO_KEY,
    Fault.ERROR,
    Fault.MISSING,
)
JUDGE_FAULTS = (Fault.JUDGE_PARSE, Fault.JUDGE_API, Fault.NOT_JUDGED)


@dataclass(frozen=True, slots=True)
class Asked:
    """One item as it is asked. `video_id` is the video's or image's id: the cluster that statistics use."""

    item_id: str
    task: str
    video_id: str
    question: str
    reference: str
    extra: Json = field(default_factory=dict)

    def to_json(self) -> Json:
        """The row of `items.jsonl`."""
        row = {name: getattr(self, name) for name in _OF_ITEM}
        return row | ({"extra": self.extra} if self.extra else {})


@dataclass(frozen=True, slots=True)
class Prediction:
    """The student's raw reply to an item.

    `finish` is "stop", "length" or "error", and `error` says which; `media` is the content hash of what was seen,
    `evidence` what the student wrote first, where it was asked for evidence and then for the answer, and `prompt` the
    question with what was put before it, where something was. `detail` is what else is known: `shown`, the id of the
    video that was shown in place of the item's own, and `letters`, the log-probability of each option's letter.
    """

    asked: Asked
    response: str
    finish: str
    error: str = ""
    media: str = ""
    evidence: str = ""
    prompt: str = ""
    detail: Json = field(default_factory=dict)

    def to_json(self) -> Json:
        """The row of `predictions.jsonl`: the item with the reply beside it."""
        reply = {name: getattr(self, name) for name in ("response", "finish", *_BESIDE, "detail")}
        return self.asked.to_json() | {name: value for name, value in reply.items() if value or name == "response"}


@dataclass(frozen=True, slots=True)
class Scored:
    """An item's score in one arm, with what it was read from.

    `score` is None only for a judge's fault; a model's fault has the metric's lowest score. `value` and `gold`
    are what was read from response and reference: a letter, "yes" or "no", [start, end], canonical boxes. `reason`
    is the judge's, or says what went wrong. `detail` is what else the metric measured.
    """

    asked: Asked
    metric: str
    state: State
    score: float | None
    fault: Fault | None = None
    method: str = ""
    value: Any = None
    gold: Any = None
    response: str = ""
    finish: str = ""
    reason: str = ""
    detail: Json = field(default_factory=dict)

    def to_json(self) -> Json:
        """The row of `scores.jsonl`."""
        own = {name: getattr(self, name) for name in self.__slots__ if name not in ("asked", "detail")}
        return self.asked.to_json() | own | ({"detail": self.detail} if self.detail else {})


def read_rows(path: Path) -> Iterator[tuple[int, Json]]:
    """Line number and object of each line of a JSONL file.

    Raises:
        DataError: if the file is not there, or a line is not a JSON object.
    """
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(file, start=1):
                row = orjson.loads(line)
                if not isinstance(row, dict):
                    raise DataError(f"{path}, line {number}: a row must be a JSON object")
                yield number, row
    except FileNotFoundError:
        raise DataError(f"{path} is not there; `demitasse predict --out {path.parent}` writes it") from None
    except orjson.JSONDecodeError as error:
        raise DataError(f"{path}, line {number}: not JSON ({error}); run the command that wrote it again") from error


def read_items(path: Path) -> dict[str, Asked]:
    """The items of an `items.jsonl` by id.

    Raises:
        DataError: for a row that is no item, or an id that is there twice.
    """
    items: dict[str, Asked] = {}
    for number, row in read_rows(path):
        asked = _asked(path, number, row)
        if asked.item_id in items:
            raise DataError(f"{path}, line {number}: item_id {asked.item_id} is there twice; remove one of the two")
        items[asked.item_id] = asked
    return items


def read_predictions(path: Path, items: Mapping[str, Asked]) -> dict[str, Prediction]:
    """The predictions for `items` by id; an item without one is the caller's to count.

    Raises:
        DataError: for a row that is no prediction, an id that is there twice, or one that was never asked.
    """
    predictions: dict[str, Prediction] = {}
    for number, row in read_rows(path):
        item_id: Any = row.get("item_id")
        asked = items.get(item_id) if isinstance(item_id, str) else None
        if asked is None or item_id in predictions:
            [item_id] = _texts(path, number, row, ("item_id",))
            where = f"{path}, line {number}: item_id {item_id}"
            if item_id in predictions:
                raise DataError(f"{where} is there twice; remove one of the two predictions")
            raise DataError(f"{where} is not in items.jsonl; predictions and items are of different runs")
        response, finish = _texts(path, number, row, _OF_REPLY)
        if finish not in FINISHES:
            raise DataError(f"{path}, line {number}: 'finish' is '{finish}'; it must be {', '.join(FINISHES)}")
        beside = {name: str(row[name]) for name in _BESIDE if name in row}
        detail = row.get("detail", {})
        if not isinstance(detail, dict):
            raise DataError(f"{path}, line {number}: 'detail' must be a JSON object")
        predictions[item_id] = Prediction(asked, response, finish, **beside, detail=detail)
    return predictions


def _asked(path: Path, number: int, row: Json) -> Asked:
    item_id, task, video_id, question, reference = _texts(path, number, row, _OF_ITEM)
    extra = row.get("extra", {})
    if not isinstance(extra, dict):
        raise DataError(f"{path}, line {number}: 'extra' must be a JSON object")
    return Asked(item_id, task, video_id, question, reference, extra)


def _texts(path: Path, number: int, row: Json, names: Sequence[str]) -> list[str]:
    """What stands in a row under these names; asked once of all, for there are millions of rows."""
    found: list[Any] = [row.get(name) for name in names]
    if set(map(type, found)) != {str}:
        name, value = next(pair for pair in zip(names, found, strict=True) if not isinstance(pair[1], str))
        raise DataError(f"{path}, line {number}: '{name}' must be there and be text, not {type(value).__name__}")
    return found


def write_rows(path: Path, rows: Iterable[Json]) -> None:
    """Write a JSONL file, whole or not at all."""
    write_text(path, "".join(orjson.dumps(row).decode() + "\n" for row in rows))
