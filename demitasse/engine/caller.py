"""Asking a model so that nothing paid for is lost: every reply is in a journal before anyone reads it.

A call that an earlier run has paid for is answered from the journal. What fails for a passing reason is tried
again, what was cut short is asked once more with twice the room, what cannot be used is sent back with what is
wrong, and what is refused or blocked is left alone.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

from demitasse.chat.attach import describe_media
from demitasse.chat.batch import UNANSWERED, CutOff
from demitasse.chat.model import ChatModel, Outcome, Reply, Request, Turn, Usage
from demitasse.chat.tokens import estimate_tokens
from demitasse.engine.budget import ATTEMPTS, CALLS, Budget
from demitasse.engine.gate import Admission, Gate
from demitasse.engine.journal import Journal, Row, Rows
from demitasse.engine.limits import Limits
from demitasse.engine.lock import lock_results
from demitasse.engine.retry import send_patiently
from demitasse.engine.step import Fields, Quarantine, Unusable

Value = TypeVar("Value")
_REPLY_FIELDS = tuple(one.name for one in fields(Reply))


class ParseError(Exception):
    """A reply that cannot be used. The message is for the model: what is wrong, and what to write instead."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[Value]):
    """A parsed reply and how it was come by.

    Attributes:
        value: what `parse` made of the reply's text.
        reply: the reply that was used, with its own usage.
        request_key: key of the request it answers, in the journal of calls.
        asked: name of the model that was asked; `reply.model` answered.
        prompt_hash: of the first request's texts, media aside.
        request_keys: of all requests, re-asks included, in order; the last is `request_key`.
        usage: of all of them together, whether paid for in this run or an earlier one.
        cost: of all of them together in dollars; None where a price is not known.
        latency: of all of them together, in seconds, without the waits between them.
        attempts: requests that were sent for all of them, those that failed included.
    """

    value: Value
    reply: Reply
    request_key: str
    asked: str
    prompt_hash: str
    request_keys: tuple[str, ...]
    usage: Usage
    cost: float | None
    latency: float
    attempts: int


@dataclass(frozen=True, slots=True)
class _Call:
    """One request's final reply."""

    key: str
    reply: Reply
    cost: float | None = None
    attempts: int = 1


@dataclass(slots=True)
class Counts:
    """What a caller has done so far."""

    requests: int = 0  # sent, repeated attempts included
    replies: int = 0  # bought
    replayed: int = 0  # answered from the journal
    usage: Usage = field(default_factory=Usage)  # of what was bought
    cost: float = 0.0  # dollars in this run, as far as prices are known


class Caller:
    """Asks models on behalf of steps. To be used from one event loop, that is, for one run.

    Args:
        calls: the journal of replies; `open_caller` opens it.
        limits: for each model that `by_model` does not name.
        by_model: limits by the model's name.
        gates: makes what stands before a model, from its name and limits.
        budget: who pays; None where nobody counts.
    """

    def __init__(
        self,
        calls: Journal[str],
        limits: Limits | None = None,
        by_model: Mapping[str, Limits] | None = None,
        gates: Callable[[str, Limits], Admission] = Gate,
        budget: Budget | None = None,
    ) -> None:
        self.counts = Counts()
        self._calls = calls
        self._limits = limits or Limits()
        self._by_model = dict(by_model or {})
        self._make_gate = gates
        self._budget = budget
        self._gates: dict[str, Admission] = {}
        self._in_flight: dict[str, asyncio.Event] = {}

    async def ask(self, model: ChatModel, request: Request, parse: Callable[[str], Value]) -> Answer[Value]:
        """Ask until `parse` takes the reply.

        Args:
            model: whom to ask.
            request: what to ask.
            parse: reads the reply's text (without reasoning) or raises `ParseError`.

        Raises:
            Unusable: if the model refused, was blocked, was cut short twice, or wrote nothing usable.
            Quarantine: if it failed.
            Stop: if it makes no sense to ask anything more.
        """
        gate = self._gate(model.name)
        asked = request
        trail: list[_Call] = []
        while True:
            request = await self._ask_with_room(gate, model, request, trail)
            reply = trail[-1].reply
            try:
                value = parse(reply.text)
            except ParseError as error:
                if len(request.turns) - len(asked.turns) >= gate.limits.reasks:
                    raise Unusable(f"{request.step}: no usable reply in {len(trail)} ({error})") from None
                request = replace(request, turns=(*request.turns, Turn(reply.text, str(error))))
                continue
            return _answer(value, model.name, asked, trail)

    async def ask_once(self, model: ChatModel, request: Request) -> Reply:
        """The reply as it came, however it ended: what was cut short is not asked again with more room.

        What fails for a passing reason is tried again, and what an earlier run has paid for is not bought again.

        Raises:
            Stop: if it makes no sense to ask anything more.
        """
        return await self._reply(self._gate(model.name), model, request, [])

    async def _ask_with_room(self, gate: Admission, model: ChatModel, request: Request, trail: list[_Call]) -> Request:
        """Ask, and once more with twice the room if the reply was cut short; returns the request that was answered."""
        reply = await self._reply(gate, model, request, trail)
        if reply.outcome is Outcome.TRUNCATED:
            cut, sampling = request, replace(request.sampling, max_tokens=2 * request.sampling.max_tokens)
            request = replace(request, sampling=sampling)
            reply = await self._reply(gate, model, request, trail)
            if reply.outcome is Outcome.ERROR:  # the model's context may hold no more
                first = _verdict(trail[-2].reply, cut)
                raise _ended(Quarantine(f"{request.step}: {first}; with twice that, {_verdict(reply, request)}"), reply)
        if reply.outcome is not Outcome.SUCCESS:
            kind = Quarantine if reply.outcome is Outcome.ERROR else Unusable  # an error may pass, a refusal stays
            raise _ended(kind(f"{request.step}: {_verdict(reply, request)}"), reply)
        return request

    async def _reply(self, gate: Admission, model: ChatModel, request: Request, trail: list[_Call]) -> Reply:
        key = request.key(model.name)
        # Two records may ask the same (two alike answers before a judge): the second waits and reads the first's.
        while (asking := self._in_flight.get(key)) is not None:
            await asking.wait()
        row = self._calls.find(key)
        if row is not None:
            self.counts.replayed += 1
            call = _from_row(row)
        else:
            self._in_flight[key] = asyncio.Event()
            try:
                call = await self._buy(gate, model, request, key)
            finally:
                self._in_flight.pop(key).set()
        trail.append(call)
        return call.reply

    async def _buy(self, gate: Admission, model: ChatModel, request: Request, key: str) -> _Call:
        """The reply after as many attempts as it takes, in the journal unless all of them failed."""
        costs: list[float | None] = []
        reply, attempts = await send_patiently(
            lambda: self._send(gate, model, request, key, costs), gate.limits, lambda: self.counts.replies
        )
        call = _Call(key, reply, costs[-1], attempts)
        if reply.outcome is Outcome.ERROR:
            await gate.give_up(reply)
            return call
        self._calls.append(_to_row(call, model.name, request))
        self.counts.replies += 1
        self.counts.usage = total_usage((self.counts.usage, reply.usage))
        return call

    async def _send(
        self, gate: Admission, model: ChatModel, request: Request, key: str, costs: list[float | None]
    ) -> Reply:
        """One attempt; what it cost is added to `costs`."""
        tokens = estimate_tokens(request) if gate.limits.tokens_per_minute else 0
        permit = await gate.enter(request.step, tokens)
        reply: Reply | None = None
        try:
            self._calls.refuse_if_broken()  # what cannot be kept must not be bought
            reply, cost = await self._send_within_budget(model, request, key)
        finally:
            await gate.leave(permit, reply)
        costs.append(cost)
        return reply

    async def _send_within_budget(self, model: ChatModel, request: Request, key: str) -> tuple[Reply, float | None]:
        if self._budget is None:
            self.counts.requests += 1
            return await model.reply(request), None
        reservation = await self._budget.reserve(model.name, request)
        reply: Reply | None = None
        cost: float | None = None
        self.counts.requests += 1
        try:
            reply = await model.reply(request)
        except CutOff:
            reply = Reply(Outcome.ERROR, status=UNANSWERED)
            raise
        finally:
            cost = await self._budget.settle(reservation, reply)
            self.counts.cost += cost or 0.0
            if cost and (reply is None or reply.outcome is Outcome.ERROR):
                self._note_attempt(model.name, request, key, reply, cost)
        return reply, cost

    def _note_attempt(self, asked: str, request: Request, key: str, reply: Reply | None, cost: float) -> None:
        """Write down what may have been paid for without an answer: after a restart it counts as spent."""
        error = "cut off" if reply is None else reply.error
        time = datetime.now(UTC).isoformat(timespec="microseconds")  # or two would be one where folders are united
        row = {"key": key, "asked": asked, "step": request.step, "error": error, "cost": cost, "time": time}
        with Journal[None](self._calls.path.with_name(ATTEMPTS), lambda _: None) as attempts:
            attempts.append(row)

    def _gate(self, name: str) -> Admission:
        if name not in self._gates:
            self._gates[name] = self._make_gate(name, self._by_model.get(name, self._limits))
        return self._gates[name]


def _answer(value: Value, asked: str, request: Request, trail: list[_Call]) -> Answer[Value]:
    last = trail[-1]
    return Answer(
        value,
        last.reply,
        last.key,
        asked,
        prompt_hash(request),
        tuple(call.key for call in trail),
        total_usage(call.reply.usage for call in trail),
        _total_cost(call.cost for call in trail),
        sum(call.reply.latency for call in trail),
        sum(call.attempts for call in trail),
    )


def _total_cost(costs: Iterable[float | None]) -> float | None:
    known = list(costs)
    return None if None in known else sum(cost for cost in known if cost)


@contextmanager
def open_caller(
    results_dir: Path,
    limits: Limits | None = None,
    by_model: Mapping[str, Limits] | None = None,
    gates: Callable[[str, Limits], Admission] = Gate,
    budget: Budget | None = None,
    beneath: Path | None = None,
) -> Iterator[Caller]:
    """A caller whose replies are kept in `calls.jsonl` of a results folder, which is locked meanwhile.

    What is in the `calls.jsonl` of the folder `beneath` is not bought again either.

    Raises:
        DemitasseError: if another process holds the folder, or the journal is damaged.
    """

    def key(row: Row) -> str:
        return str(row["key"])

    with (
        lock_results(results_dir),
        Rows([beneath / CALLS] if beneath is not None else [], key) as lower,
        Journal(results_dir / CALLS, key, grows=True, beneath=lower) as calls,
    ):
        yield Caller(calls, limits, by_model, gates, budget)


def total_usage(usages: Iterable[Usage]) -> Usage:
    """The sum of several requests' tokens."""
    total = Usage()
    for usage in usages:
        total = Usage(
            total.prompt + usage.prompt,
            total.completion + usage.completion,
            total.reasoning + usage.reasoning,
            total.cached + usage.cached,
        )
    return total


def prompt_hash(request: Request) -> str:
    """Hash of a request's texts: system and parts, without media, so that equal prompts on other videos are equal."""
    text = "\0".join((request.step, request.system, request.text))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def provenance(*answers: Answer[Any]) -> Fields:
    """What a row tells of the calls behind it: who was asked, who answered, by which requests, and what it took."""
    return {
        "asked": sorted({answer.asked for answer in answers}),
        "answered": sorted({answer.reply.model for answer in answers}),
        "prompts": [answer.prompt_hash for answer in answers],
        "requests": [key for answer in answers for key in answer.request_keys],
        "usage": _usage_fields(total_usage(answer.usage for answer in answers)),
        "cost": _total_cost(answer.cost for answer in answers),
        "latency": round(sum(answer.latency for answer in answers), 3),
        "attempts": sum(answer.attempts for answer in answers),
        "time": now(),
    }


def now() -> str:
    """UTC, to the second, in ISO form."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _ended(fault: Quarantine, reply: Reply) -> Quarantine:
    fault.outcome = reply.outcome
    return fault


def _verdict(reply: Reply, request: Request) -> str:
    if reply.outcome is Outcome.TRUNCATED:
        return f"the reply was cut short at {request.sampling.max_tokens} tokens"
    return f"{reply.outcome.value} ({reply.error or reply.finish_reason})"


def _usage_fields(usage: Usage) -> dict[str, int]:
    return {
        "prompt": usage.prompt,
        "completion": usage.completion,
        "reasoning": usage.reasoning,
        "cached": usage.cached,
    }


def _to_row(call: _Call, asked: str, request: Request) -> Row:
    reply = {name: getattr(call.reply, name) for name in _REPLY_FIELDS}  # asdict would copy every text
    for failure in ("error", "retryable", "retry_after", "status", "unsent", "unreached"):
        if not reply[failure]:
            del reply[failure]
    reply |= {"latency": round(call.reply.latency, 3), "usage": _usage_fields(call.reply.usage)}
    return {
        "key": call.key,
        "asked": asked,
        "step": request.step,
        "round": request.round,
        "reply": reply,
        "media": describe_media(request.parts),
        "attempts": call.attempts,
        "cost": call.cost,  # dollars, of the attempt that was answered; null where the price is not known
        "time": now(),
    }


def _from_row(row: Row) -> _Call:
    reply = row["reply"]
    bought = Reply(**{**reply, "outcome": Outcome(reply["outcome"]), "usage": Usage(**reply["usage"])})
    return _Call(row["key"], bought, row.get("cost"), row.get("attempts", 1))
