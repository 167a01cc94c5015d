"""Scoring for lmms-eval, in a process of its own: a line of JSON in, a line of JSON out.

lmms-eval imports Hugging Face's `evaluate`, so ours cannot be in its process (`demitasse.stages`); and it asks for an
av below 16, and we for one from 18, so no environment holds both as they wish. The process
ends when its standard input does.
"""

from __future__ import annotations

from typing import BinaryIO

import orjson

from demitasse.dataset.item_id import storable
from demitasse.errors import DataError, DemitasseError
from evaluate.interop.lmms_doc import ANSWERED, scored_keys
from evaluate.metric import JUDGE
from evaluate.records import Asked, Json, Prediction, State
from evaluate.score import score_item

# lmms-eval's own words in place of a reply: no student has said them.
NO_REPLIES = ("[LMMS_EVAL_REQUEST_FAILED", "[LMMS_EVAL_BUDGET_EXCEEDED]")


def read_reply(asked: Asked, text: str) -> Prediction:
    """A reply as lmms-eval has it, which does not keep how it ended: one that a limit cut is as if it had ended."""
    text = storable(text)
    if text.startswith(NO_REPLIES):
        return Prediction(asked, "", "error", text)
    return Prediction(asked, text, "stop")


def score_reply(asked: Asked, text: str) -> Json:
    """The keys of a sample. Free text is counted as answered or not: the judge is asked in Demitasse.

    Raises:
        DataError: if the item's reference cannot be scored against.
    """
    row = score_item(asked, read_reply(asked, text), None)
    keys = scored_keys(row)
    if row.metric != JUDGE.name:
        return keys
    fields = keys[JUDGE.key] | {"score": float(row.state is not State.MODEL_FAULT)}
    return {ANSWERED: fields}  # without a score of its own: `--baseline` is not to compare it with a judge's


def serve(lines: BinaryIO, out: BinaryIO) -> None:
    """Answer each line `{"item": row of items.jsonl, "response": text}` with the sample's keys, or `{"error": …}`."""
    for line in lines:
        try:
            request = orjson.loads(line)
            answer = score_reply(Asked(**request["item"]), request["response"])
        except (DemitasseError, orjson.JSONDecodeError, KeyError, TypeError) as fault:
            answer = {"error": str(fault) if isinstance(fault, DataError) else f"no request that can be read: {fault}"}
        out.write(orjson.dumps(answer) + b"\n")
        out.flush()
