"""A hard cap on money: what a request may cost at most is set aside before it is sent.

Near the cap requests wait for others to be settled, which is mostly for less than was set aside; the run stops when
even with nothing in flight the next request does not fit.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import orjson

from demitasse.chat.model import Outcome, Reply, Request, Usage
from demitasse.chat.tokens import most_tokens
from demitasse.engine.journal import Row, Rows, read_rows
from demitasse.engine.shard import Shard, find_shards
from demitasse.engine.step import Stop
from demitasse.errors import ConfigError
from demitasse.prices import FREE, Prices

CALLS = "calls.jsonl"
ATTEMPTS = "attempts.jsonl"


class BudgetSpent(Stop):
    """The next request does not fit under the cap. What was answered is kept."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """What one request may take at most: tokens of the prompt, and dollars, None where its model has no price."""

    model: str
    prompt: int
    dollars: float | None


class Budget(Protocol):
    """Who pays for requests."""

    async def reserve(self, model: str, request: Request) -> Reservation:
        """Set aside what the request may cost; waits while others have set too much aside.

        Raises:
            BudgetSpent: if it does not fit any more.
        """
        ...

    async def settle(self, reservation: Reservation, reply: Reply | None) -> float | None:
        """Say how it ended (None: it was cut off); returns what it cost in dollars, None where that is not known.

        To be called once for each reservation.
        """
        ...


class Purse(Protocol):
    """Where the money of a budget is kept: in this process a `Ledger`."""

    async def take(self, dollars: float) -> None:
        """Set dollars aside. Raises `BudgetSpent`."""
        ...

    async def put_back(self, dollars: float, spent: float) -> None:
        """What was set aside, and what was spent of it."""
        ...


class Ledger:
    """The money of one run, or of all that share it. Dollars.

    Args:
        cap: never to be passed; None for none.
        spent: by earlier runs.
    """

    def __init__(self, cap: float | None, spent: float = 0.0) -> None:
        self.cap = cap
        self.spent = spent
        self._aside = 0.0
        self._changed = asyncio.Condition()
        self._full = ""  # why, once a request did not fit

    async def take(self, dollars: float) -> None:
        """Set dollars aside; waits for others to be settled where that may make room."""
        if self.cap is None or not dollars:
            return
        async with self._changed:
            while not self._full and self.spent + self._aside + dollars > self.cap:
                if not self._aside:
                    self._full = self._sentence(dollars)
                    self._changed.notify_all()
                    break
                await self._changed.wait()
            if self._full:
                raise BudgetSpent(self._full)
            self._aside += dollars

    async def put_back(self, dollars: float, spent: float) -> None:
        """Settle what `take` set aside."""
        self.spent += spent
        if self.cap is None or not dollars:
            return
        async with self._changed:
            # Sums of floats leave a rest that would be waited for in vain.
            self._aside = self._aside - dollars if self._aside - dollars > 1e-9 else 0.0
            self._changed.notify_all()

    def _sentence(self, dollars: float) -> str:
        return (
            f"the budget of ${self.cap:,.2f} is used up: ${self.spent:,.4f} spent, and the next request may cost "
            f"${dollars:,.4f}; raise the budget and run again, what was answered is kept"
        )


class Spending:
    """A `Budget`: prices, and a purse that it is paid from.

    Args:
        prices: a model that is in none of them costs what nobody knows.
        purse: None counts the costs and limits nothing.
    """

    def __init__(self, prices: Prices, purse: Purse | None = None) -> None:
        self._prices = prices
        self._purse = purse or Ledger(None)
        self._short: dict[str, float] = {}  # by model: how many times more than the bound a prompt has taken

    async def reserve(self, model: str, request: Request) -> Reservation:
        """Set aside the price of the longest prompt and the longest reply that this can be."""
        price = self._prices.find(model)
        if price is None:
            return Reservation(model, 0, None)
        if price == FREE:
            return Reservation(model, 0, 0.0)
        prompt = most_tokens(request, price.tokens)
        longest = math.ceil(prompt * self._short.get(model, 1.0))
        dollars = price.cost(Usage(longest, request.sampling.max_tokens))
        await self._purse.take(dollars)
        return Reservation(model, prompt, dollars)

    async def settle(self, reservation: Reservation, reply: Reply | None) -> float | None:
        """Pay what it cost; where the endpoint did not say, as much as was set aside."""
        if reservation.dollars is None:
            return None
        dollars = self._cost(reservation, reply)
        await self._purse.put_back(reservation.dollars, dollars)
        return dollars

    def _cost(self, reservation: Reservation, reply: Reply | None) -> float:
        most = reservation.dollars or 0.0
        if reply is None or reply.usage == Usage():
            # An error with a status was not billed, nor what never got there. A reset or a timeout may have been.
            failed = reply is not None and reply.outcome is Outcome.ERROR
            return 0.0 if reply is not None and failed and (reply.unsent or reply.status is not None) else most
        if reply.usage.prompt > reservation.prompt > 0:
            short = reply.usage.prompt / reservation.prompt
            self._short[reservation.model] = max(short, self._short.get(reservation.model, 1.0))
        return self._prices.cost(reservation.model, reply.usage) or 0.0


def spent_in(results_dir: Path, prices: Prices, besides: Sequence[Path] = ()) -> float:
    """Dollars that earlier runs have spent in a results folder, failed attempts that may have been billed included.

    A reply that was bought without a price is counted at today's. What the folders `besides` hold as well is not
    counted: it was spent there.

    Raises:
        DataError: if a journal is damaged.
    """
    total = 0.0
    for name in (CALLS, ATTEMPTS):
        path = results_dir / name
        with Rows([folder / name for folder in besides], _spending) as elsewhere:
            for row in read_rows(path) if path.exists() else ():
                total += 0.0 if besides and _spending(row) in elsewhere else _spent(row, prices)
    return total


def _spending(row: Row) -> Hashable:
    """What tells one reply or attempt from another."""
    return row["key"] if "reply" in row else orjson.dumps(row)


def _spent(row: Row, prices: Prices) -> float:
    cost: float | None = row.get("cost")
    if cost is None and "reply" in row:
        cost = prices.cost(row["asked"], Usage(**row["reply"]["usage"]))
    return cost or 0.0


def open_purse(
    prices: Prices, cap: float | None, folder: Path, models: Iterable[str], shard: Shard | None = None
) -> Ledger | None:
    """The money of a run; None where there is no cap.

    Args:
        prices: of the models.
        cap: dollars.
        folder: the results folder; what earlier runs in it have spent counts.
        models: names of those that will be asked.
        shard: whose part it is: an equal one of what runs of the whole folder have left, less what it has spent.

    Raises:
        ConfigError: if a model's price is not known: a cap that does not see all costs is none.
    """
    if cap is None:
        return None
    for model in models:
        if prices.find(model) is None:
            raise ConfigError(
                f"budget_usd is {cap:g}, but {prices.source} has no price for {model}: add one, or leave the budget out"
            )
    if shard is None:
        return Ledger(cap, spent_in(folder, prices))
    left = cap - spent_in(folder, prices, besides=[other for other, _ in find_shards(folder)])
    return Ledger(max(0.0, left) / shard.count, spent_in(shard.folder(folder), prices))
