"""What reading an answer gives: a value or a reason for having none, and where it was read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

Value = TypeVar("Value")

# The speaker cannot look, or will not help. Narrow on purpose: "I cannot see any car" is an answer.
_REFUSAL = re.compile(
    r"""^\W*+
    (?: (?:(?:i'm|i\ am)\ )?sorry | unfortunately | as\ an\ ai\b[^.,]{0,60} )? [\s,.:;-]*+ (?:but\ )?
    i (?:\ am|'m)? \s+
    (?:cannot|can\ not|can't|could\ not|couldn't|do\ not|don't|will\ not|won't|unable\ to|not\ able\ to)\s+
    (?:actually\ |directly\ )?
    (?:
        (?: have\ access\ to | have\ the\ ability\ to\ \w+ | see | view | watch | access | open | play | process )\s+
        (?:(?:the|this|that|any|your|these)\ )* (?:actual\ )? (?:video|image|frame|footage|clip|media)s?\b
      | (?: assist | help | answer )\s+ (?:you\ )? (?:with\ )?
        (?: that | this | it | (?:the|this|that|your)\ (?:question|request) )\b
    )""",
    re.IGNORECASE | re.VERBOSE,
)


class Status(StrEnum):
    """How reading ended. All but OK are the model's fault and count as wrong, each shown apart."""

    OK = "ok"
    EMPTY = "empty"
    REFUSAL = "refusal"
    UNPARSABLE = "unparsable"


@dataclass(frozen=True, slots=True)
class Parsed(Generic[Value]):
    """A value read from text.

    Attributes:
        value: None unless `status` is OK.
        method: the rule that gave the value ("letter", "statement"), or why there is none ("two_letters").
        status: how reading ended.
        span: start and end, in characters of the given text, of what the value was read from.
    """

    value: Value | None
    method: str
    status: Status = Status.OK
    span: tuple[int, int] | None = None

    @property
    def ok(self) -> bool:
        """Whether there is a value."""
        return self.status is Status.OK


def unreadable(text: str, reason: str) -> Parsed[Value]:
    """No value: empty, a refusal, or unparsable for `reason`."""
    if not text.strip():
        return Parsed(None, "empty", Status.EMPTY)
    if is_refusal(text):
        return Parsed(None, "refusal", Status.REFUSAL)
    return Parsed(None, reason, Status.UNPARSABLE)


def is_refusal(text: str) -> bool:
    """Whether the text opens by saying that the speaker cannot see the media or will not answer."""
    return _REFUSAL.match(text.replace("\u2019", "'")) is not None
