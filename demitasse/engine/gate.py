"""Admission to one model: who may send when, how many at once, and when to stop sending at all.

The number in flight adapts as DataDesigner's does: three quarters of it after being told "later" (429, 503, 529), one
more after 25 answers. A "later" counts only if its request was let in at or under the present limit, for of a full
house that is turned away at once each would shrink it again. After the pause we come back with as many as were not
turned away, and one more for each answer until the limit is reached again: of 64 at an endpoint that takes four, 60
are turned away once, and not 48 and 36 and 27 of them after that.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from demitasse.chat.model import Outcome, Reply, Usage
from demitasse.engine.limits import Limits, is_throttled
from demitasse.engine.pace import Pace
from demitasse.engine.step import Stop

_DENIED = frozenset({401, 403})
_SHRINK = 0.75
_ANSWERS_TO_GROW = 25
_NEWEST = 0.1  # weight of the newest call in a step's average of tokens
# Let in at one turn of the event loop. Of 512 that begin together none is sent before all are prepared, half a second
# later, and so it is again with their answers; a few at a time are spread over that time and stay so.
_AT_ONCE = 4
_ABSENT = 10.0  # seconds without a connection, from the start of a run, after which nobody is waited for
_JITTER = 0.25  # a pause is up to this share longer, so that several runs do not come back at once


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to send one request.

    Attributes:
        step: the request's, whose average of tokens it adds to.
        tokens: taken for it from the tokens per minute.
        limit: requests that might be in flight when it was given.
    """

    step: str
    tokens: float
    limit: int


class Admission(Protocol):
    """What stands between a caller and a model. One in this process is a `Gate`; it may also stand elsewhere."""

    @property
    def limits(self) -> Limits:
        """What it keeps to."""
        ...

    async def enter(self, step: str, tokens: int) -> Permit:
        """Wait until a request of about so many tokens may be sent.

        Raises:
            Stop: if nothing more is to be sent.
        """
        ...

    async def leave(self, permit: Permit, reply: Reply | None) -> None:
        """Say how the request ended; None if it was cut off. To be called once for each permit.

        Raises:
            Stop: if nothing more is to be sent.
        """
        ...

    async def give_up(self, reply: Reply) -> None:
        """Say that a call ended without an answer, after all its attempts.

        Raises:
            Stop: if it was one too many.
        """
        ...


class Gate:
    """An `Admission` for all who ask from one event loop: first come, first served."""

    def __init__(self, name: str, limits: Limits) -> None:
        self.limits = limits
        self._name = name
        self._ceiling = limits.concurrency
        self._window = limits.concurrency  # below the ceiling on the way back from a pause
        self._in_flight = 0
        self._waiting: deque[_Waiting] = deque()
        self._requests = Pace(limits.requests_per_minute)
        self._tokens = Pace(limits.tokens_per_minute)
        self._usual: dict[str, float] = {}  # tokens of a call, by step
        self._closed_until = 0.0  # monotonic, as are all times here
        self._cooldown = min(limits.cooldown, limits.longest_wait)
        self._throttled_since: float | None = None  # None after an answer
        self._missed_since: float | None = None  # when the first connection failed
        self._alarm: asyncio.TimerHandle | None = None
        self._let_in = 0  # at this turn of the event loop
        self._answers = 0
        self._answers_in_a_row = 0  # since the ceiling was changed
        self._failures = 0  # calls in a row
        self._tripped = ""  # why, once the breaker has tripped

    @property
    def limit(self) -> int:
        """How many requests may be in flight now."""
        return min(self._ceiling, self._window)

    async def enter(self, step: str, tokens: int) -> Permit:
        """Wait for a place, for the pace, and for the end of a pause that the endpoint asked for."""
        if self._tripped:
            raise Stop(self._tripped)
        waiting = _Waiting(asyncio.get_running_loop().create_future(), step, tokens)
        self._waiting.append(waiting)
        self._admit()
        try:
            return await waiting.permit
        except asyncio.CancelledError:
            if waiting.permit.done() and not waiting.permit.cancelled() and waiting.permit.exception() is None:
                await self.leave(waiting.permit.result(), None)
            raise

    async def leave(self, permit: Permit, reply: Reply | None) -> None:
        """Free the place, and learn from the reply."""
        self._in_flight -= 1
        try:
            if reply is not None:
                self._true_up(permit, reply)
                self._note(permit, reply)
        finally:
            self._admit()

    async def give_up(self, reply: Reply) -> None:
        """Count a failed call."""
        self._failures += 1
        if self._failures >= self.limits.failures_in_a_row:
            self._trip(
                f"{self._name} failed {self._failures} calls in a row, the last with: {reply.error}; "
                "mend that and run again, what was answered is kept"
            )

    def _admit(self) -> None:
        """Let in whoever may enter now; where only time is missing, come back when it has passed."""
        while self._waiting and self._in_flight < self.limit and self._let_in < _AT_ONCE:
            waiting = self._waiting[0]
            if waiting.permit.done():  # it was cancelled
                self._waiting.popleft()
                continue
            now = time.monotonic()
            wait = max(self._closed_until - now, self._requests.wait(now), self._tokens.wait(now))
            if wait > 0:
                self._wake_after(wait)
                return
            self._waiting.popleft()
            tokens = self._usual.get(waiting.step, waiting.tokens)
            self._requests.take(now)
            self._tokens.take(now, tokens)
            self._in_flight += 1
            self._let_in += 1
            if self._let_in == 1:
                asyncio.get_running_loop().call_soon(self._turn)
            waiting.permit.set_result(Permit(waiting.step, tokens, self.limit))

    def _turn(self) -> None:
        self._let_in = 0
        self._admit()

    def _wake_after(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        if self._alarm is not None:
            if self._alarm.when() <= loop.time() + seconds:
                return  # it will look again
            self._alarm.cancel()
        self._alarm = loop.call_later(seconds, self._wake)

    def _wake(self) -> None:
        self._alarm = None
        self._admit()

    def _true_up(self, permit: Permit, reply: Reply) -> None:
        if reply.usage != Usage():
            actual = float(reply.usage.prompt + reply.usage.completion)
            usual = self._usual.get(permit.step, actual)
            self._usual[permit.step] = usual + _NEWEST * (actual - usual)
        else:
            # An endpoint that does not count is taken at the estimate; one that turned us away took nothing.
            actual = 0.0 if reply.status is not None else permit.tokens
        self._tokens.correct(actual - permit.tokens)

    def _note(self, permit: Permit, reply: Reply) -> None:
        if reply.outcome is not Outcome.ERROR:
            self._answers += 1
            self._failures = 0
            self._throttled_since = None
            self._cooldown = min(self.limits.cooldown, self.limits.longest_wait)
            self._grow()
        elif is_throttled(reply):
            self._lose_patience(reply)
            self._back_off(permit, reply)
        elif reply.status in _DENIED and not self._answers:
            self._trip(f"{self._name} refuses the key ({reply.error}): set the right one and run again")
        elif reply.unreached and not self._answers:
            self._miss(reply)

    def _grow(self) -> None:
        self._window = min(self._window + 1, self._ceiling)
        self._answers_in_a_row += 1
        if self._answers_in_a_row >= _ANSWERS_TO_GROW and self._ceiling < self.limits.concurrency:
            self._ceiling += 1
            self._window += 1
            self._answers_in_a_row = 0

    def _back_off(self, permit: Permit, reply: Reply) -> None:
        pause = self._cooldown if reply.retry_after is None else reply.retry_after
        until = time.monotonic() + pause * random.uniform(1, 1 + _JITTER)
        self._closed_until = max(self._closed_until, until)
        if permit.limit <= self.limit:
            self._ceiling = max(1, int(self.limit * _SHRINK))
            self._answers_in_a_row = 0
            self._cooldown = min(2 * self._cooldown, self.limits.longest_wait)
        self._window = max(1, min(self._window, self._in_flight))

    def _lose_patience(self, reply: Reply) -> None:
        now = time.monotonic()
        if self._throttled_since is None:
            self._throttled_since = now
        if max(reply.retry_after or 0.0, now - self._throttled_since) <= self.limits.patience:
            return
        wait = "" if reply.retry_after is None else f", {reply.retry_after:g} s from now"
        self._trip(
            f"{self._name} says 'later'{wait}, and more than {self.limits.patience:g} s are not waited for; the last "
            f"with: {reply.error}; run again when it is ready, what was answered is kept"
        )

    def _miss(self, reply: Reply) -> None:
        """An endpoint that was never there: its address is wrong, or it was not started."""
        now = time.monotonic()
        if self._missed_since is None:
            self._missed_since = now
        if now - self._missed_since > _ABSENT:
            self._trip(f"{self._name} cannot be reached ({reply.error}): start it, or mend its address, and run again")

    def _trip(self, message: str) -> None:
        """Turn everyone away from now on, who waits already too."""
        self._tripped = self._tripped or message
        for waiting in self._waiting:
            if not waiting.permit.done():
                waiting.permit.set_exception(Stop(self._tripped))
        self._waiting.clear()
        raise Stop(self._tripped)


@dataclass(slots=True)
class _Waiting:
    """One who waits, in the order of coming."""

    permit: asyncio.Future[Permit]
    step: str
    tokens: int
