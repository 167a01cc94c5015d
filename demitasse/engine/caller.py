"""Asking a model so that nothing paid for is lost: every reply is in a journal before anyone reads it.

A call that an earlier run has paid for is answered from the journal. What fails for a passing reason is tried
again, what was cut short is asked once more with twice the room, what cannot be used is sent back with what is
wrong, and what is refused or blocked is left alone.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

from demitasse.chat.attach import describe_media
from demitasse.chat.model import ChatModel, Outcome, Reply, Request, Turn, Usage
from demitasse.engine.journal import Journal, Row
from demitasse.engine.limits import Gate, Limits
from demitasse.engine.lock import lock_results
from demitasse.engine.retry import retrying_at
from demitasse.engine.step import Fields, Quarantine

CALLS = "calls.jsonl"

Value = TypeVar("Value")


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
    """

    value: Value
    reply: Reply
    request_key: str
    asked: str
    prompt_hash: str
    request_keys: tuple[str, ...]
    usage: Usage


@dataclass(slots=True)
class Counts:
    """What a caller has done so far."""

    requests: int = 0  # sent, repeated attempts included
    replies: int = 0  # bought
    replayed: int = 0  # answered from the journal
    usage: Usage = field(default_factory=Usage)  # of what was bought


class Caller:
    """Asks models on behalf of steps. To be used from one event loop, that is, for one run.

    Args:
        calls: the journal of replies; `open_caller` opens it.
        limits: for each model that `by_model` does not name.
        by_model: limits by the model's name.
    """

    def __init__(
        self, calls: Journal[str], limits: Limits | None = None, by_model: Mapping[str, Limits] | None = None
    ) -> None:
        self.counts = Counts()
        self._calls = calls
        self._limits = limits or Limits()
        self._by_model = dict(by_model or {})
        self._gates: dict[str, Gate] = {}
        self._in_flight: dict[str, asyncio.Event] = {}

    async def ask(self, model: ChatModel, request: Request, parse: Callable[[str], Value]) -> Answer[Value]:
        """Ask until `parse` takes the reply.

        Args:
            model: whom to ask.
            request: what to ask.
            parse: reads the reply's text (without reasoning) or raises `ParseError`.

        Raises:
            Quarantine: if the model refused, was blocked, failed, was cut short twice, or wrote nothing usable.
            Stop: if it makes no sense to ask anything more.
        """
        gate = self._gate(model.name)
        asked = request
        trail: list[tuple[str, Reply]] = []
        while True:
            request = await self._ask_with_room(gate, model, request, trail)
            key, reply = trail[-1]
            try:
                value = parse(reply.text)
            except ParseError as error:
                if len(request.turns) - len(asked.turns) >= gate.limits.reasks:
                    raise Quarantine(f"{request.step}: no usable reply in {len(trail)} ({error})") from None
                request = replace(request, turns=(*request.turns, Turn(reply.text, str(error))))
                continue
            usage = total_usage(reply.usage for _, reply in trail)
            keys = tuple(key for key, _ in trail)
            return Answer(value, reply, key, model.name, prompt_hash(asked), keys, usage)

    async def _ask_with_room(
        self, gate: Gate, model: ChatModel, request: Request, trail: list[tuple[str, Reply]]
    ) -> Request:
        """Ask, and once more with twice the room if the reply was cut short; returns the request that was answered."""
        reply = await self._reply(gate, model, request, trail)
        if reply.outcome is Outcome.TRUNCATED:
            sampling = replace(request.sampling, max_tokens=2 * request.sampling.max_tokens)
            request = replace(request, sampling=sampling)
            reply = await self._reply(gate, model, request, trail)
        if reply.outcome is not Outcome.SUCCESS:
            raise Quarantine(f"{request.step}: {_verdict(reply, request)}")
        return request

    async def _reply(self, gate: Gate, model: ChatModel, request: Request, trail: list[tuple[str, Reply]]) -> Reply:
        key = request.key(model.name)
        # Two records may ask the same (two alike answers before a judge): the second waits and reads the first's.
        while (asking := self._in_flight.get(key)) is not None:
            await asking.wait()
        row = self._calls.find(key)
        if row is not None:
            self.counts.replayed += 1
            reply = _from_row(row)
        else:
            self._in_flight[key] = asyncio.Event()
            try:
                reply = await self._buy(gate, model, request, key)
            finally:
                self._in_flight.pop(key).set()
        trail.append((key, reply))
        return reply

    async def _buy(self, gate: Gate, model: ChatModel, request: Request, key: str) -> Reply:
        """The reply after as many attempts as it takes, in the journal unless all of them failed."""
        retrying = retrying_at(gate)
        reply: Reply = await retrying(self._send, gate, model, request)
        if reply.outcome is Outcome.ERROR:
            gate.give_up(reply)
            return reply
        attempts = int(retrying.statistics["attempt_number"])
        self._calls.append(_to_row(key, model.name, request, reply, attempts))
        self.counts.replies += 1
        self.counts.usage = total_usage((self.counts.usage, reply.usage))
        return reply

    async def _send(self, gate: Gate, model: ChatModel, request: Request) -> Reply:
        async with gate.admit():
            self.counts.requests += 1
            reply = await model.reply(request)
        gate.note(reply)
        return reply

    def _gate(self, name: str) -> Gate:
        if name not in self._gates:
            self._gates[name] = Gate(name, self._by_model.get(name, self._limits))
        return self._gates[name]


@contextmanager
def open_caller(
    results_dir: Path, limits: Limits | None = None, by_model: Mapping[str, Limits] | None = None
) -> Iterator[Caller]:
    """A caller whose replies are kept in `calls.jsonl` of a results folder, which is locked meanwhile.

    Raises:
        DemitasseError: if another process holds the folder, or the journal is damaged.
    """
    path = results_dir / CALLS
    with lock_results(results_dir), Journal(path, lambda row: str(row["key"]), grows=True) as calls:
        yield Caller(calls, limits, by_model)


def total_usage(usages: Iterator[Usage] | tuple[Usage, ...]) -> Usage:
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
    """What a row tells of the calls behind it: who was asked, who answered, by which requests, for how many tokens."""
    return {
        "asked": sorted({answer.asked for answer in answers}),
        "answered": sorted({answer.reply.model for answer in answers}),
        "prompts": [answer.prompt_hash for answer in answers],
        "requests": [key for answer in answers for key in answer.request_keys],
        "usage": asdict(total_usage(tuple(answer.usage for answer in answers))),
        "time": now(),
    }


def now() -> str:
    """UTC, to the second, in ISO form."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _verdict(reply: Reply, request: Request) -> str:
    if reply.outcome is Outcome.TRUNCATED:
        return f"the reply was cut short at {request.sampling.max_tokens} tokens"
    return f"{reply.outcome.value} ({reply.error or reply.finish_reason})"


def _to_row(key: str, asked: str, request: Request, reply: Reply, attempts: int) -> Row:
    row = asdict(reply)
    for failure in ("error", "retryable", "retry_after", "status"):
        if not row[failure]:
            del row[failure]
    row |= {"latency": round(reply.latency, 3)}
    return {
        "key": key,
        "asked": asked,
        "step": request.step,
        "reply": row,
        "media": describe_media(request.parts),
        "attempts": attempts,
        "time": now(),
    }


def _from_row(row: Row) -> Reply:
    reply = row["reply"]
    return Reply(**{**reply, "outcome": Outcome(reply["outcome"]), "usage": Usage(**reply["usage"])})
