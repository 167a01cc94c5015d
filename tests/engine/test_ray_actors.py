"""What the workers of a cluster share, without a cluster: an actor is an object whose methods are called later."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from demitasse.chat.model import Outcome, Reply
from demitasse.engine.budget import BudgetSpent
from demitasse.engine.limits import Limits
from demitasse.engine.outcomes import State
from demitasse.engine.ray_actors import Dealer, DealtRecords, Limiter, RemoteGate, RemotePurse
from demitasse.engine.runner import Finished
from demitasse.engine.step import Record, Stop
from tests.idle_clock import run_idle

ANSWER = Reply(Outcome.SUCCESS, "a long text", "long thoughts")


class Actor:
    """`actor.method.remote(...)` as Ray has it: the call goes on whether or not it is waited for."""

    def __init__(self, target: Any) -> None:
        self.target = target
        self.calls: list[asyncio.Task[Any]] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.target, name)

        class Method:
            @staticmethod
            def remote(*args: Any) -> Any:
                call = asyncio.ensure_future(method(*args))
                self.calls.append(call)
                return asyncio.shield(call)

        return Method


def records(*names: str) -> list[Record]:
    return [Record(name, {}) for name in names]


async def deal(dealt: DealtRecords) -> list[str]:
    return [record.id async for record in dealt]


def test_each_record_is_dealt_once_to_whoever_asks() -> None:
    async def run() -> tuple[list[str], list[str]]:
        dealer = Actor(Dealer(records(*"abcdef")))
        one, two = DealtRecords(dealer, 1), DealtRecords(dealer, 2)
        first = (await anext(one)).id
        others = await deal(two)
        return [first, *await deal(one)], others

    one, two = run_idle(run())
    assert (one, two) == (["a"], ["b", "c", "d", "e", "f"]), "who holds a slow one does not hold up the rest"


def test_ends_are_counted_once_and_the_run_is_over_when_all_have_ended() -> None:
    async def run() -> None:
        dealer = Dealer(records("a", "b", "c"))
        dealt = DealtRecords(Actor(dealer), 1)
        for state, reason in ((State.DONE, ""), (State.SKIPPED, "too long"), (State.QUARANTINED, "bad")):
            record = await anext(dealt)
            assert not (await dealer.standing()).over
            dealt.end(Finished(record, {}, state, reason))
        assert await deal(dealt) == []
        standing = await dealer.standing()
        assert standing.over and standing.begun == {1}
        assert standing.summary.line() == "1 done, 1 skipped (too long: 1), 1 quarantined (quarantine.jsonl says why)"

    run_idle(run())


def test_what_a_lost_worker_had_is_its_successors_alone() -> None:
    async def run() -> None:
        dealer = Dealer(records("a", "b", "c", "d"))
        lost, other, successor = (DealtRecords(Actor(dealer), number) for number in range(3))
        lost.end(Finished(await anext(lost), {}, State.DONE))
        assert (await anext(lost)).id == "b" and (await anext(lost)).id == "c"
        await dealer.replace(0, by=2)
        assert await deal(other) == ["d"]
        assert not (await dealer.standing()).over
        assert await deal(successor) == ["b", "c"]
        assert (await dealer.standing()).summary.done == 1

    run_idle(run())


def test_after_an_interruption_nothing_is_dealt_and_everyone_hears_of_it() -> None:
    async def run() -> None:
        dealer = Dealer(records("a", "b"))
        dealt = DealtRecords(Actor(dealer), 1)
        waiting = asyncio.create_task(dealt.interruption())
        await anext(dealt)
        assert not waiting.done()
        await dealer.interrupt()
        await asyncio.wait_for(waiting, 1)
        assert await deal(dealt) == []

    run_idle(run())


def gates(limiter: Limiter, concurrency: int, count: int = 2, **limits: Any) -> tuple[Actor, list[RemoteGate]]:
    actor = Actor(limiter)
    return actor, [RemoteGate(actor, worker, "model", Limits(concurrency, **limits)) for worker in range(count)]


def test_the_number_in_flight_is_that_of_all_workers_together() -> None:
    async def run() -> None:
        _, (one, two) = gates(Limiter(None, 0.0), concurrency=2)
        first, _ = await one.enter("step", 1), await two.enter("step", 1)
        third = asyncio.create_task(two.enter("step", 1))
        await asyncio.sleep(0.01)
        assert not third.done()
        await one.leave(first, ANSWER)
        await asyncio.wait_for(third, 1)

    run_idle(run())


def test_a_worker_that_dies_gives_its_places_back() -> None:
    async def run() -> None:
        limiter = Limiter(None, 0.0)
        _, (one, two) = gates(limiter, concurrency=1)
        await one.enter("step", 1)
        dead = asyncio.ensure_future(limiter.enter(0, 99, "model", Limits(1), ("step", 1)))  # it waits, too
        await asyncio.sleep(0.01)
        waiting = asyncio.create_task(two.enter("step", 1))
        await asyncio.sleep(0.01)
        await limiter.bury(0)
        await asyncio.wait_for(waiting, 1)
        assert isinstance(await dead, str)

    run_idle(run())


@pytest.mark.parametrize("turns", range(4))
def test_a_place_given_just_before_it_is_withdrawn_is_given_back(turns: int) -> None:
    async def run() -> None:
        limiter = Limiter(None, 0.0)
        await limiter.enter(0, 0, "model", Limits(1), ("step", 1))
        dead = asyncio.ensure_future(limiter.enter(1, 0, "model", Limits(1), ("step", 1)))
        await asyncio.sleep(0.01)
        leaving = asyncio.ensure_future(limiter.leave(0, 0, ANSWER))
        for _ in range(turns):
            await asyncio.sleep(0)
        await limiter.bury(1)
        await asyncio.gather(leaving, dead)
        await asyncio.wait_for(limiter.enter(2, 0, "model", Limits(1), ("step", 1)), 1)

    run_idle(run())


def test_who_is_cancelled_while_waiting_takes_no_place() -> None:
    async def run() -> None:
        actor, (one, two) = gates(Limiter(None, 0.0), concurrency=1)
        permit = await one.enter("step", 1)
        waiting = asyncio.create_task(two.enter("step", 1))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await one.leave(permit, ANSWER)
        await asyncio.sleep(0.01)
        await asyncio.wait_for(one.enter("step", 1), 1)
        assert all(call.done() for call in actor.calls)

    run_idle(run())


def test_the_breaker_is_one_for_all() -> None:
    async def run() -> None:
        _, (one, two) = gates(Limiter(None, 0.0), concurrency=2, failures_in_a_row=2)
        failed = Reply(Outcome.ERROR, error="HTTP 500", status=500)
        permits = [await one.enter("step", 1), await two.enter("step", 1)]
        for gate, permit in zip((one, two), permits, strict=True):
            await gate.leave(permit, failed)
        await one.give_up(failed)
        with pytest.raises(Stop, match="failed 2 calls in a row"):
            await two.give_up(failed)
        with pytest.raises(Stop, match="failed 2 calls in a row"):
            await one.enter("step", 1)

    run_idle(run())


def test_a_wrong_key_stops_everyone_at_the_first_reply() -> None:
    async def run() -> None:
        _, (one, two) = gates(Limiter(None, 0.0), concurrency=2)
        with pytest.raises(Stop, match="refuses the key"):
            await one.leave(await one.enter("step", 1), Reply(Outcome.ERROR, error="HTTP 401", status=401))
        with pytest.raises(Stop, match="refuses the key"):
            await two.enter("step", 1)

    run_idle(run())


def test_only_counts_travel_to_the_limiter_never_what_was_said() -> None:
    seen: list[Any] = []

    class Spy(Limiter):
        async def leave(self, worker: int, ticket: int, reply: Reply | None) -> str:
            seen.append(reply)
            return await super().leave(worker, ticket, reply)

    async def run() -> None:
        _, (one, _) = gates(Spy(None, 0.0), concurrency=1)
        await one.leave(await one.enter("step", 1), ANSWER)

    run_idle(run())
    assert seen == [Reply(Outcome.SUCCESS)]


def test_the_cap_is_on_what_all_workers_spend() -> None:
    async def run() -> None:
        limiter = Actor(Limiter(cap=1.0, spent=0.2))
        one, two = RemotePurse(limiter, 1), RemotePurse(limiter, 2)
        await one.take(0.5)
        await one.put_back(0.5, spent=0.4)
        await two.take(0.3)
        await two.put_back(0.3, spent=0.3)
        with pytest.raises(BudgetSpent, match=r"budget of \$1\.00 is used up"):
            await one.take(0.2)

    run_idle(run())


def test_what_a_dead_worker_had_set_aside_counts_as_spent() -> None:
    async def run() -> None:
        limiter = Limiter(cap=1.0, spent=0.0)
        dead, other = RemotePurse(Actor(limiter), 1), RemotePurse(Actor(limiter), 2)
        await dead.take(0.7)
        await limiter.bury(1)
        await other.take(0.3)
        await other.put_back(0.3, spent=0.3)
        with pytest.raises(BudgetSpent):
            await other.take(0.1)

    run_idle(run())
