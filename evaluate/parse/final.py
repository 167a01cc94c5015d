"""The final answer of a raw reply, or why there is none: what every kind has in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from demitasse.answers import Parsed, Status, split_reasoning
from demitasse.answers.parsed import unreadable
from evaluate.records import Fault, Prediction

Value = TypeVar("Value")
UNREAD = "unread"  # in a prediction's detail: why a reply to several keys says nothing of this one
_NO_KEY = "no_key"

_FAULTS = {
    Status.EMPTY: Fault.EMPTY,
    Status.REFUSAL: Fault.REFUSAL,
    Status.UNPARSABLE: Fault.UNPARSABLE,
}


@dataclass(frozen=True, slots=True)
class Reading(Generic[Value]):
    """`value` is None exactly when there is a `fault`; `method` is the rule that decided either."""

    value: Value | None
    method: str
    fault: Fault | None = None


def read_final(prediction: Prediction | None, read: Callable[[str], Parsed[Value]]) -> Reading[Value]:
    """Read the final answer of a prediction with `read`, a function of `demitasse.answers`.

    Reasoning is set aside first, and reasoning that was never closed leaves no answer. In a reply that the
    token limit cut, only what opens the final answer counts: a letter further on may be a thought.
    """
    if prediction is None:
        return Reading(None, "", Fault.MISSING)
    if prediction.finish == "error":
        return Reading(None, prediction.error, Fault.ERROR)
    split = split_reasoning(prediction.response)
    if not split.closed:
        return Reading(None, "reasoning_not_closed", Fault.TRUNCATED)
    if UNREAD in prediction.detail:
        return _unread(prediction, split.final)
    parsed = read(split.final)
    if prediction.finish == "length" and not _opens(split.final, parsed):
        return Reading(None, "token_limit", Fault.TRUNCATED)
    return Reading(parsed.value, parsed.method, None if parsed.ok else _FAULTS[parsed.status])


def _unread(prediction: Prediction, final: str) -> Reading[Value]:
    """A reply to several keys that says nothing of this one: cut before it, without it, or not to be read at all."""
    if prediction.finish == "length":
        return Reading(None, "token_limit", Fault.TRUNCATED)
    reason = str(prediction.detail[UNREAD])
    if reason == _NO_KEY:
        return Reading(None, reason, Fault.NO_KEY)
    parsed: Parsed[Value] = unreadable(final, reason)
    return Reading(None, parsed.method, _FAULTS[parsed.status])


def _opens(final: str, parsed: Parsed[Value]) -> bool:
    return parsed.span is not None and not any(char.isalnum() for char in final[: parsed.span[0]])
