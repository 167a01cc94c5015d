"""How hard one model may be asked: the settings. gate.py keeps to them."""

from __future__ import annotations

from dataclasses import dataclass

from demitasse.chat.model import Reply
from demitasse.errors import ConfigError

THROTTLED = frozenset({429, 503, 529})  # 529 is "overloaded" with some providers


@dataclass(frozen=True, slots=True)
class Limits:
    """What one model is asked at most.

    Attributes:
        concurrency: requests in flight. Fewer as long as the model says "later" (429, 503) to so many.
        requests_per_minute: evenly spaced; None for no limit.
        tokens_per_minute: prompt and reply together, evenly spaced by what each step's calls have taken so far;
            None for no limit.
        attempts: of one request that fails for a passing reason. Being told to wait (429, 503) does not count
            as long as the model still answers others; `patience` bounds that.
        reasks: times a reply that cannot be used is sent back with what is wrong.
        failures_in_a_row: calls given up without one success between them, after which the run stops.
        patience: seconds of being told to wait, without one answer, after which the run stops; an endpoint
            that asks for a longer wait is not waited for.
        first_wait: seconds before the second attempt, drawn from 0 up to this; the bound doubles with each
            attempt. What the endpoint asks for comes on top.
        longest_wait: seconds, at which the doubling ends.
        cooldown: seconds in which nothing is sent after being told to wait without being told how long; doubles
            each time, up to `longest_wait`, until the model answers again.
    """

    concurrency: int = 4
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    attempts: int = 5
    reasks: int = 2
    failures_in_a_row: int = 20
    patience: float = 300.0
    first_wait: float = 2.0
    longest_wait: float = 60.0
    cooldown: float = 2.0

    def __post_init__(self) -> None:
        for name in ("concurrency", "attempts", "failures_in_a_row"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be 1 or more")
        for name in ("reasks", "patience", "first_wait", "longest_wait", "cooldown"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be 0 or more")
        for name in ("requests_per_minute", "tokens_per_minute"):
            if getattr(self, name) is not None and getattr(self, name) <= 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be above 0")


def is_throttled(reply: Reply) -> bool:
    """Whether the endpoint is there and says: later."""
    return reply.retryable and (reply.retry_after is not None or reply.status in THROTTLED)
