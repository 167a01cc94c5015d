"""Asking judges about exchanges through the engine, so that no reply is bought twice and none is taken for another.

One call goes: ask; a reply without a verdict is sent back once, for the score only; then the question is put once more
with twice the room; then the vote is unscored, with its kind. A reply that was cut short is asked for with twice the
room first. A judge that declines in words even when sent back lacks no room, and is not asked a third time; what the
endpoint itself says is refused or blocked is not asked again at all. A valid verdict, however low, neither.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from demitasse.answers import split_reasoning
from demitasse.answers.parsed import is_refusal
from demitasse.chat.model import Sampling
from demitasse.engine.budget import CALLS, Spending, open_purse, spent_in
from demitasse.engine.caller import Caller, Counts, ParseError, open_caller, provenance
from demitasse.engine.limits import Limits
from demitasse.engine.runner import Finished, run
from demitasse.engine.step import Fields, Quarantine, Record, Step, Unusable
from demitasse.errors import MediaError
from demitasse.prices import Prices
from evaluate.judging.breaker import Breaker
from evaluate.judging.door import Door
from evaluate.judging.profile import Marks
from evaluate.judging.protocol import Exchange, Judge, Protocol
from evaluate.judging.votes import FAILED, UNREADABLE, UNSEEN, Vote
from evaluate.records import Fault

ROWS = "rows.jsonl"
VERSION = 3
LIMITS = Limits(reasks=1)


@dataclass(frozen=True, slots=True)
class Money:
    """What judges cost. `cap` is in dollars, `elsewhere` what was spent of it in other folders."""

    prices: Prices = field(default_factory=lambda: Prices([]))
    cap: float | None = None
    elsewhere: float = 0.0


@dataclass(frozen=True, slots=True)
class Gathered:
    """The votes, in the order of their ends, and what they took.

    `kept` votes are of earlier runs, `halted` says why it ended early; `spent` are dollars of all runs in this folder,
    as far as prices are known.
    """

    votes: Sequence[Vote]
    counts: Counts
    spent: float
    kept: int
    interrupted: bool
    halted: str


def gather_votes(
    exchanges: Sequence[Exchange],
    judges: Sequence[Judge],
    protocol: Protocol,
    work: Path,
    limits: Limits,
    money: Money | None,
    progress: bool,
) -> Gathered:
    """Every judge's word on every exchange, `protocol.repeats` times.

    Args:
        exchanges: what they are given.
        judges: each once.
        protocol: how they are asked.
        work: the folder of the journals; a second run there asks only what is new, changed or failed.
        limits: concurrency and attempts, for each judge.
        money: prices, and the most that may be spent.
        progress: show a bar.

    Raises:
        ConfigError: if there is a cap and a judge without a price.
        DemitasseError: if a judge cannot be reached at all, or another process works in the folder.
    """
    money = money or Money()
    names = [judge.name for judge in judges]
    purse = open_purse(money.prices, money.cap, work, names)
    if purse is not None:
        purse.spent += money.elsewhere
    bench = _Bench(protocol)
    with open_caller(work, limits, budget=Spending(money.prices, purse)) as caller:
        summary = run(
            [Record(one.id, {"exchange": one}) for one in exchanges],
            [bench.step(caller, judge, repeat) for judge in judges for repeat in range(protocol.repeats)],
            work,
            workers=2 * limits.concurrency,
            progress=progress,
            caller=caller,
            models=[judge.model for judge in judges],
            on_finished=bench.take,
            id_field="item_id",
        )
    spent = spent_in(work, money.prices) if (work / CALLS).is_file() else 0.0
    return Gathered(bench.votes, caller.counts, spent, bench.kept, summary.interrupted, summary.halted)


def make_step(
    protocol: Protocol, judge: str, sampling: Sampling, repeat: int, ask: Callable[[Fields], Awaitable[Fields]]
) -> Step:
    """The engine's step for one judge's word on an exchange, once; `ask` comes by it.

    Its row is current as long as the request, the judge and what is seen of the video are the same.
    """

    def inputs(fields: Fields) -> Any:
        exchange: Exchange = fields["exchange"]
        seen = protocol.sight and protocol.sight.content(exchange.asked)
        return [judge, protocol.request(exchange, sampling, repeat).key(judge), seen]

    name = f"{judge}#{repeat}"
    return Step(name=name, file=ROWS, part=name, version=VERSION, inputs=inputs, run=ask)


class _Bench:
    """The judges at work: how each is asked once, and what they have said."""

    def __init__(self, protocol: Protocol) -> None:
        self.votes: list[Vote] = []
        self.kept = 0
        self._protocol = protocol
        self._seats: dict[str, tuple[str, int]] = {}  # judge and repeat, by the step's name
        self._breakers: dict[str, Breaker] = {}
        self._doors: dict[str, Door] = {}
        self._asked: set[tuple[str, str]] = set()  # exchange and step, in this run
        self._faults: dict[tuple[str, str], tuple[Fault, str, str]] = {}

    def step(self, caller: Caller, judge: Judge, repeat: int) -> Step:
        """The engine's step: one judge's word on one exchange, once."""
        step = make_step(
            self._protocol, judge.name, judge.sampling, repeat, partial(self._judge, caller, judge, repeat)
        )
        self._seats[step.name] = judge.name, repeat
        self._breakers.setdefault(judge.name, Breaker(judge.name))
        self._doors.setdefault(judge.name, Door(judge.model))
        return step

    def take(self, finished: Finished) -> None:
        """Keep an exchange's votes, faults included."""
        exchange: Exchange = finished.record.fields["exchange"]
        asked = exchange.asked
        for step, (judge, repeat) in self._seats.items():
            told = asked.item_id, asked.video_id, exchange.of, judge, repeat
            row = finished.rows.get(step)
            if row is not None:
                self.kept += (exchange.id, step) not in self._asked
                took = row["provenance"]
                more = {"answered": tuple(took["answered"]), "cost": took["cost"], "latency": took["latency"]}
                self.votes.append(Vote(*told, row["marks"], row["reason"], control=exchange.control, **more))
            elif (exchange.id, step) in self._faults:
                fault, kind, reason = self._faults[exchange.id, step]
                self.votes.append(Vote(*told, None, reason, fault, kind, control=exchange.control))

    async def _judge(self, caller: Caller, judge: Judge, repeat: int, fields: Fields) -> Fields:
        exchange: Exchange = fields["exchange"]
        place = exchange.id, f"{judge.name}#{repeat}"
        breaker = self._breakers[judge.name]
        self._asked.add(place)
        try:
            async with self._doors[judge.name].enter():
                answer = await self._ask(caller, judge, repeat, exchange)
        except (Quarantine, MediaError) as error:
            fault, kind = _told(error)
            self._faults[place] = fault, kind, str(error)
            if kind != UNSEEN:  # the judge was not even asked
                breaker.note(kind, str(error))
            raise
        breaker.note("", "")
        (marks, reason), took = answer
        return {"marks": dict(marks), "reason": reason, "provenance": took}

    async def _ask(
        self, caller: Caller, judge: Judge, repeat: int, exchange: Exchange
    ) -> tuple[tuple[Marks, str], Fields]:
        """Marks and reason, and how they were come by."""
        request = self._protocol.request(exchange, judge.sampling, repeat)
        if self._protocol.sight:
            shown = await asyncio.to_thread(self._protocol.sight.parts, exchange.asked)
            request = replace(request, parts=(*request.parts, *shown))
        complaints: list[str] = []
        read = partial(self._read, complaints, exchange.response)
        answers = [await caller.ask(judge.model, request, read)]
        if answers[0].value is None and not is_refusal(split_reasoning(answers[0].reply.text).final):
            room = 2 * request.sampling.max_tokens
            roomy = replace(request, sampling=replace(request.sampling, max_tokens=room))
            answers.append(await caller.ask(judge.model, roomy, read))
        value = answers[-1].value
        if value is None:
            raise Unusable(f"no verdict in {len(complaints)} replies, the last of which was told: {complaints[-1]}")
        return value, provenance(*answers)

    def _read(self, complaints: list[str], judged: str, text: str) -> tuple[Marks, str] | None:
        """What the profile reads. The first reply that it cannot read is sent back; after that there is none."""
        try:
            return self._protocol.profile.read(text, judged)
        except ParseError as fault:
            complaints.append(str(fault))
            if len(complaints) == 1:
                raise
            return None


def _told(error: Quarantine | MediaError) -> tuple[Fault, str]:
    """The state and the kind of a vote that there is not."""
    if isinstance(error, MediaError):
        return Fault.JUDGE_API, UNSEEN
    outcome = error.outcome.value if error.outcome else ""
    if isinstance(error, Unusable) and not outcome:
        return Fault.JUDGE_PARSE, UNREADABLE
    return Fault.JUDGE_API, outcome or FAILED
