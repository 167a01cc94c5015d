"""What a student said in an earlier run of `demitasse predict`, for use in a later prompt: evidence, or CoTasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from demitasse.answers import split_reasoning
from demitasse.errors import DataError

PREDICTIONS = "predictions.jsonl"


@dataclass(frozen=True, slots=True)
class Reply:
    """The final text of a reply, raw but for reasoning before it; `item_id` and `extra` are the item's."""

    item_id: str
    text: str
    finish: str
    extra: Mapping[str, Any]


def read_replies(run: Path) -> Iterator[Reply]:
    """The replies of a run folder; an item that could not be asked has none.

    Raises:
        DataError: if the folder holds no predictions, or a line of them is none.
    """
    path = run / PREDICTIONS
    if not path.is_file():
        raise DataError(f"{path} is not there; name a folder that `demitasse predict --out` wrote")
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            reply = _reply(line)
            if reply is None:
                raise DataError(f"{path}, line {number}: no prediction; finish that run with the command that began it")
            if reply.finish != "error":
                yield reply


def _reply(line: bytes) -> Reply | None:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    match row:
        case {"item_id": str(item_id), "response": str(response), "finish": str(finish), **rest}:
            extra = rest.get("extra", {})
            said = split_reasoning(response).final.strip()
            return Reply(item_id, said, finish, extra if isinstance(extra, dict) else {})
    return None
