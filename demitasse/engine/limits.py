"""How hard one model may be asked, and when to stop asking."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiolimiter import AsyncLimiter

from demitasse.chat.model import Outcome, Reply
from demitasse.engine.step import Stop
from demitasse.errors import ConfigError

_DENIED = frozenset({401, 403})
_THROTTLED = frozenset({429, 503, 529})  # 529 is "overloaded" with some providers


@dataclass(frozen=True, slots=True)
class Limits:
    """What one model is asked at most.

    Attributes:
        concurrency: requests in flight.
        requests_per_minute: evenly spaced; None for no limit.
        attempts: of one request that fails for a passing reason. Being told to wait (429, 503) does not count
            as long as the model still answers others; `patience` bounds that.
        reasks: times a reply that cannot be used is sent back with what is wrong.
        failures_in_a_row: calls given up without one success between them, after which the run stops.
        patience: seconds of being told to wait, without one answer, after which calls are given up; an endpoint
            that asks for a longer wait is not waited for.
        first_wait: seconds before the second attempt, drawn from 0 up to this; the bound doubles with each
            attempt. What the endpoint asks for comes on top.
        longest_wait: seconds, at which the doubling ends.
    """

    concurrency: int = 4
    requests_per_minute: float | None = None
    attempts: int = 5
    reasks: int = 2
    failures_in_a_row: int = 20
    patience: float = 300.0
    first_wait: float = 2.0
    longest_wait: float = 60.0

    def __post_init__(self) -> None:
        for name in ("concurrency", "attempts", "failures_in_a_row"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be 1 or more")
        for name in ("reasks", "patience", "first_wait", "longest_wait"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be 0 or more")
        if self.requests_per_minute is not None and self.requests_per_minute <= 0:
            raise ConfigError(f"requests_per_minute is {self.requests_per_minute}; it must be above 0")


def is_throttled(reply: Reply) -> bool:
    """Whether the endpoint is there and says: later."""
    return reply.retryable and (reply.retry_after is not None or reply.status in _THROTTLED)


class Gate:
    """Admission to one model, shared by all who ask it, and its circuit breaker."""

    def __init__(self, name: str, limits: Limits) -> None:
        self.limits = limits
        self._name = name
        self._slots = asyncio.Semaphore(limits.concurrency)
        rate = limits.requests_per_minute
        self._pace = AsyncLimiter(1, 60 / rate) if rate else None
        self._closed_until = 0.0  # monotonic
        self._throttled_since: float | None = None  # monotonic; None after an answer
        self._answers = 0
        self._failures = 0  # calls in a row
        self._tripped = ""  # why, once the breaker has tripped

    @asynccontextmanager
    async def admit(self) -> AsyncIterator[None]:
        """Wait for a slot, for the pace, and for the end of a pause that the endpoint asked for.

        Raises:
            Stop: once the breaker has tripped.
        """
        async with self._slots:
            if self._pace is not None:
                await self._pace.acquire()
            while (wait := self._closed_until - time.monotonic()) > 0 and not self._tripped:
                await asyncio.sleep(wait)
            if self._tripped:
                raise Stop(self._tripped)
            yield

    def note(self, reply: Reply) -> None:
        """Take account of one attempt's reply.

        Raises:
            Stop: if the key is refused before it ever worked.
        """
        if reply.outcome is not Outcome.ERROR:
            self._answers += 1
            self._failures = 0
            self._throttled_since = None
        elif is_throttled(reply):
            now = time.monotonic()
            self._throttled_since = self._throttled_since or now
            self._closed_until = max(self._closed_until, now + min(reply.retry_after or 0.0, self.limits.patience))
        elif reply.status in _DENIED and not self._answers:
            self._trip(f"{self._name} refuses the key ({reply.error}): set the right one and run again")

    def will_wait(self, reply: Reply) -> bool:
        """Whether to go on after a throttled reply, however often there was one."""
        since = self._throttled_since or time.monotonic()
        waited = time.monotonic() - since
        return max(waited, reply.retry_after or 0.0) <= self.limits.patience

    def give_up(self, reply: Reply) -> None:
        """Take account of a call that ended without an answer.

        Raises:
            Stop: if it was one too many.
        """
        self._failures += 1
        if self._failures >= self.limits.failures_in_a_row:
            self._trip(
                f"{self._name} failed {self._failures} calls in a row, the last with: {reply.error}; "
                "mend that and run again, what was answered is kept"
            )

    def _trip(self, message: str) -> None:
        self._tripped = self._tripped or message
        raise Stop(self._tripped)
