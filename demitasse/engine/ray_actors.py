"""The two actors that the workers of a run on Ray share, and what a worker sees of them.

The dealer hands out records one by one and remembers who has which; the limiter stands in the place of the gates
and the purse. Each keeps its state on one event loop. What crosses between processes is small and plain: records
without media, counts of tokens, replies without their texts; errors travel as sentences, for Ray would wrap them in
its traceback.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from demitasse.chat.model import Reply
from demitasse.engine.budget import BudgetSpent, Ledger
from demitasse.engine.gate import Gate, Permit
from demitasse.engine.limits import Limits
from demitasse.engine.outcomes import State, Summary
from demitasse.engine.runner import Finished
from demitasse.engine.step import Record, Stop

End = tuple[str, State, str]  # record id, state, reason


@dataclass(slots=True)
class Standing:
    """How far the run is. `begun` are the workers that have asked for a record."""

    summary: Summary
    over: bool
    begun: set[int]


class Dealer:
    """Hands records out, to each worker as it asks, so that a slow record holds up nothing but itself."""

    def __init__(self, records: list[Record]) -> None:
        self._waiting = deque(records)
        self._with: defaultdict[int, dict[str, Record]] = defaultdict(dict)
        self._kept_for: defaultdict[int, deque[Record]] = defaultdict(deque)
        self._summary = Summary()
        self._interrupted = asyncio.Event()

    async def next(self, worker: int, ended: list[End]) -> Record | None:
        """The worker's next record, None if there is no more; and what came of those that it has ended."""
        held = self._with[worker]
        for record_id, state, reason in ended:
            del held[record_id]
            self._summary.count(state, reason)
        source = self._kept_for[worker] or self._waiting
        if self._interrupted.is_set() or not source:
            return None
        record = source.popleft()
        held[record.id] = record
        return record

    async def replace(self, lost: int, by: int) -> None:
        """What a lost worker had not ended is its successor's, who alone knows the replies that it has paid for."""
        self._kept_for[by].extend([*self._with.pop(lost, {}).values(), *self._kept_for.pop(lost, ())])

    async def interrupt(self) -> None:
        """Hand out nothing more, and have the workers stop."""
        self._interrupted.set()

    async def interruption(self) -> None:
        """Returns once the run is interrupted."""
        await self._interrupted.wait()

    async def standing(self) -> Standing:
        """How far the run is."""
        held = any(self._with.values()) or any(self._kept_for.values())
        over = not held and (self._interrupted.is_set() or not self._waiting)
        return Standing(self._summary, over, set(self._with))


class Limiter:
    """The gates and the purse of all workers.

    A worker that dies gives its places in flight back, and what was set aside for its requests counts as spent: they
    were sent, and may be billed.
    """

    def __init__(self, cap: float | None, spent: float) -> None:
        self._sent = 0
        self._ledger = Ledger(cap, spent)
        self._gates: dict[str, Gate] = {}
        self._entering: dict[tuple[int, int], asyncio.Task[Any]] = {}
        self._inside: dict[tuple[int, int], tuple[Gate, Permit]] = {}
        self._aside: defaultdict[int, float] = defaultdict(float)  # dollars, by worker

    async def enter(self, worker: int, ticket: int, model: str, limits: Limits, ask: tuple[str, int]) -> Permit | str:
        """A permit, or why nothing more is to be sent. `ask` is the step, and about how many tokens."""
        gate = self._gates.setdefault(model, Gate(model, limits))
        # The task itself, and not one of its own for the gate: a place that was given just before it is withdrawn
        # would belong to nobody.
        if (task := asyncio.current_task()) is not None:
            self._entering[worker, ticket] = task
        try:
            permit = await gate.enter(*ask)
        except Stop as error:
            return str(error)
        except asyncio.CancelledError:
            return "it was withdrawn"
        finally:
            self._entering.pop((worker, ticket), None)
        self._inside[worker, ticket] = gate, permit
        self._sent += 1
        return permit

    async def sent(self) -> int:
        """How many permits were given."""
        return self._sent

    async def leave(self, worker: int, ticket: int, reply: Reply | None) -> str:
        """Free the place; returns why nothing more is to be sent, or nothing."""
        gate, permit = self._inside.pop((worker, ticket))
        try:
            await gate.leave(permit, reply)
        except Stop as error:
            return str(error)
        return ""

    async def withdraw(self, worker: int, ticket: int) -> None:
        """Who asked for a permit does not want it any more."""
        if (worker, ticket) in self._entering:
            self._entering[worker, ticket].cancel()
        elif (worker, ticket) in self._inside:
            await self.leave(worker, ticket, None)

    async def give_up(self, model: str, reply: Reply) -> str:
        """Count a failed call; returns why nothing more is to be sent, or nothing."""
        try:
            await self._gates[model].give_up(reply)
        except Stop as error:
            return str(error)
        return ""

    async def take(self, worker: int, dollars: float) -> str:
        """Set dollars aside; returns why they are not there, or nothing."""
        try:
            await self._ledger.take(dollars)
        except BudgetSpent as error:
            return str(error)
        self._aside[worker] += dollars
        return ""

    async def put_back(self, worker: int, dollars: float, spent: float) -> None:
        """Settle what was set aside."""
        self._aside[worker] -= dollars
        await self._ledger.put_back(dollars, spent)

    async def bury(self, worker: int) -> None:
        """A worker has died."""
        for lost, ticket in [*self._entering, *self._inside]:
            if lost == worker:
                await self.withdraw(worker, ticket)
        dollars = self._aside.pop(worker, 0.0)
        await self._ledger.put_back(dollars, dollars)


class DealtRecords:
    """The records that the dealer hands to one worker. Several tasks may ask at once."""

    def __init__(self, dealer: Any, worker: int) -> None:
        self._dealer = dealer
        self._worker = worker
        self._ended: list[End] = []

    def end(self, finished: Finished) -> None:
        """Note how a record ended; the dealer hears of it with the next one that is asked for."""
        self._ended.append((finished.record.id, finished.state, finished.reason))

    def __aiter__(self) -> DealtRecords:
        return self

    async def __anext__(self) -> Record:
        ended, self._ended = self._ended, []
        record: Record | None = await self._dealer.next.remote(self._worker, ended)
        if record is None:
            raise StopAsyncIteration
        return record

    async def interruption(self) -> None:
        """Returns once the run is interrupted."""
        await self._dealer.interruption.remote()


@dataclass(frozen=True, slots=True)
class Ticket(Permit):
    """A permit and the number under which the limiter knows it."""

    number: int = 0


@dataclass
class RemoteGate:
    """An `Admission` at the limiter."""

    limiter: Any
    worker: int
    model: str
    limits: Limits
    numbers: Iterator[int] = field(default_factory=itertools.count)

    async def enter(self, step: str, tokens: int) -> Permit:
        """Wait for a permit."""
        number = next(self.numbers)
        try:
            got = await self.limiter.enter.remote(self.worker, number, self.model, self.limits, (step, tokens))
        except asyncio.CancelledError:
            self.limiter.withdraw.remote(self.worker, number)
            raise
        if isinstance(got, str):
            raise Stop(got)
        return Ticket(got.step, got.tokens, got.limit, number)

    async def leave(self, permit: Permit, reply: Reply | None) -> None:
        """Give the permit back."""
        if not isinstance(permit, Ticket):
            raise TypeError("a permit of another gate")
        _stop_for(await self.limiter.leave.remote(self.worker, permit.number, _bare(reply)))

    async def give_up(self, reply: Reply) -> None:
        """Report a failed call."""
        _stop_for(await self.limiter.give_up.remote(self.model, _bare(reply)))


@dataclass(frozen=True)
class RemotePurse:
    """A `Purse` at the limiter."""

    limiter: Any
    worker: int

    async def take(self, dollars: float) -> None:
        """Set dollars aside."""
        if why := await self.limiter.take.remote(self.worker, dollars):
            raise BudgetSpent(why)

    async def put_back(self, dollars: float, spent: float) -> None:
        """Settle what was set aside."""
        await self.limiter.put_back.remote(self.worker, dollars, spent)


def _bare(reply: Reply | None) -> Any:
    return reply and replace(reply, text="", reasoning="")


def _stop_for(why: str) -> None:
    if why:
        raise Stop(why)
