"""Admission: how many at once, how fast, what "later" does to it, and when it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from demitasse.chat.model import Outcome, Reply, Usage
from demitasse.engine.gate import Gate, Permit
from demitasse.engine.limits import Limits
from demitasse.engine.step import Stop
from tests.idle_clock import run_idle

ANSWER = Reply(Outcome.SUCCESS, "yes", usage=Usage(60, 40))
LATER = Reply(Outcome.ERROR, error="HTTP 429", retryable=True, status=429, retry_after=0.0)
OVERLOADED = Reply(Outcome.ERROR, error="HTTP 503", retryable=True, status=503)
BUSY = Reply(Outcome.ERROR, error="HTTP 500", retryable=True, status=500)
UNREACHED = Reply(Outcome.ERROR, error="the connection failed (refused)", retryable=True, unsent=True, unreached=True)


def run(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    return run_idle(work())


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.fixture(autouse=True)
def the_gates_clock_is_the_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demitasse.engine.gate.time", SimpleNamespace(monotonic=now, time=lambda: time.time()))


async def enter_all(gate: Gate, count: int) -> list[Permit]:
    """Permits for as many as may be in flight now."""
    return [await asyncio.wait_for(gate.enter("ask", 0), 0.5) for _ in range(count)]


async def may_enter(gate: Gate) -> bool:
    try:
        await asyncio.wait_for(gate.enter("ask", 0), 0.02)
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize(
    ("reply", "limit"),
    [
        pytest.param(LATER, 12, id="429_takes_a_quarter_off"),
        pytest.param(OVERLOADED, 12, id="503_does"),
        pytest.param(Reply(Outcome.ERROR, retryable=True, status=529), 12, id="529_does"),
        pytest.param(BUSY, 16, id="500_does_not"),
        pytest.param(Reply(Outcome.ERROR, retryable=True), 16, id="a_reset_does_not"),
        pytest.param(ANSWER, 16, id="an_answer_does_not"),
    ],
)
def test_being_told_to_wait_shrinks_the_number_in_flight(reply: Reply, limit: int) -> None:
    async def work() -> int:
        gate = Gate("m", Limits(concurrency=16, cooldown=0))
        await gate.leave((await enter_all(gate, 16))[0], reply)
        return gate.limit

    assert run(work) == limit


def test_a_full_house_that_is_turned_away_shrinks_it_once_and_as_far_as_some_were_taken() -> None:
    async def work() -> list[int]:
        gate = Gate("m", Limits(concurrency=64, cooldown=0))
        limits = []
        for permit in (await enter_all(gate, 64))[:60]:
            await gate.leave(permit, LATER)
            limits.append(gate.limit)
        return limits

    limits = run(work)
    assert (limits[0], limits[11], limits[-1]) == (48, 48, 4)


def test_after_a_storm_it_comes_back_one_for_each_answer_up_to_three_quarters() -> None:
    async def work() -> list[int]:
        gate = Gate("m", Limits(concurrency=16, cooldown=0))
        permits = await enter_all(gate, 16)
        for permit in permits[:14]:
            await gate.leave(permit, LATER)
        limits = [gate.limit]
        for _ in range(20):
            await gate.leave((await enter_all(gate, 1))[0] if not permits[14:] else permits.pop(), ANSWER)
            limits.append(gate.limit)
        return limits

    assert run(work)[:12] == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 12]


def test_it_grows_by_one_after_25_answers_and_never_past_what_was_asked_for() -> None:
    async def work() -> list[int]:
        gate = Gate("m", Limits(concurrency=5, cooldown=0))
        await gate.leave((await enter_all(gate, 5))[0], LATER)
        limits = []
        for _ in range(100):
            await gate.leave(Permit("ask", 0, gate.limit), ANSWER)
            gate._in_flight += 1
            limits.append(gate.limit)
        return limits

    limits = run(work)
    assert (limits[23], limits[24], limits[49], limits[99]) == (3, 4, 5, 5)


def test_a_pause_that_the_endpoint_asks_for_holds_everybody() -> None:
    async def work() -> tuple[bool, float]:
        gate = Gate("m", Limits(concurrency=2))
        first, _ = await enter_all(gate, 2)
        begun = now()
        await gate.leave(first, Reply(Outcome.ERROR, retryable=True, status=429, retry_after=0.1))
        early = await may_enter(gate)
        await gate.leave(Permit("ask", 0, 2), ANSWER)
        await asyncio.wait_for(gate.enter("ask", 0), 1)
        return early, now() - begun

    early, waited = run(work)
    assert not early
    assert 0.1 <= waited <= 0.126


def test_a_pause_without_a_wish_doubles_until_there_is_an_answer() -> None:
    async def work() -> list[float]:
        gate = Gate("m", Limits(concurrency=1, cooldown=0.01, longest_wait=0.04))
        waits = []
        for reply in (OVERLOADED, OVERLOADED, OVERLOADED, OVERLOADED, ANSWER, OVERLOADED):
            await gate.leave(await gate.enter("ask", 0), reply)
            waits.append(max(0.0, gate._closed_until - now()))
        return waits

    waits = run(work)
    least = [0.01, 0.02, 0.04, 0.04, 0.0, 0.01]
    assert all(0.99 * low <= wait <= 1.26 * low for low, wait in zip(least, waits, strict=True)), waits


def test_tokens_per_minute_count_what_the_step_usually_takes() -> None:
    """600 tokens a second: the first call is taken at its estimate, and trued up; then 100 tokens are 1/6 s."""

    async def work() -> list[float]:
        gate = Gate("m", Limits(concurrency=9, tokens_per_minute=36_000))
        begun = now()
        times = []
        for _ in range(4):
            permit = await gate.enter("ask", 300)
            times.append(now() - begun)
            await gate.leave(permit, ANSWER)
        return times

    times = run(work)
    assert [after - before for before, after in zip(times, times[1:], strict=False)] == pytest.approx([1 / 6] * 3)


def test_what_was_turned_away_took_no_tokens() -> None:
    async def work() -> float:
        gate = Gate("m", Limits(concurrency=9, tokens_per_minute=60, cooldown=0))
        begun = now()
        for _ in range(3):
            await gate.leave(await gate.enter("ask", 1000), LATER)
        return now() - begun

    assert run(work) < 0.5


def test_an_endpoint_that_does_not_count_is_taken_at_the_estimate() -> None:
    async def work() -> float:
        gate = Gate("m", Limits(concurrency=9, tokens_per_minute=60_000))
        begun = now()
        for _ in range(3):
            await gate.leave(await gate.enter("ask", 100), Reply(Outcome.SUCCESS, "yes"))
        return now() - begun

    assert run(work) >= 0.2


def test_one_who_stops_waiting_takes_nobodys_place() -> None:
    async def work() -> bool:
        gate = Gate("m", Limits(concurrency=1))
        held = await gate.enter("ask", 0)
        leaving, staying = (asyncio.create_task(gate.enter("ask", 0)) for _ in range(2))
        await asyncio.sleep(0)
        leaving.cancel()
        await gate.leave(held, ANSWER)
        await asyncio.wait_for(staying, 0.5)
        return await may_enter(gate)

    assert run(work) is False


def test_one_who_is_cancelled_just_as_he_is_let_in_gives_the_place_back() -> None:
    async def work() -> bool:
        gate = Gate("m", Limits(concurrency=1))
        held = await gate.enter("ask", 0)
        leaving = asyncio.create_task(gate.enter("ask", 0))
        await asyncio.sleep(0)
        await gate.leave(held, ANSWER)  # lets him in, but he has not run since
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        return await may_enter(gate)

    assert run(work) is True


def test_who_waits_when_the_run_is_stopped_is_told_at_once() -> None:
    async def work() -> list[str]:
        gate = Gate("m", Limits(concurrency=1))
        held = await gate.enter("ask", 0)
        waiting = [asyncio.create_task(gate.enter("ask", 0)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Stop):
            await gate.leave(held, Reply(Outcome.ERROR, error="HTTP 401", status=401))
        return [str(error) for error in await asyncio.gather(*waiting, return_exceptions=True)]

    assert run(work) == ["m refuses the key (HTTP 401): set the right one and run again"] * 3


def test_a_clock_that_is_set_back_or_forward_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([1e9, 0.0, 2e9] * 100)
    monkeypatch.setattr(time, "time", lambda: next(clock))

    async def work() -> float:
        gate = Gate("m", Limits(concurrency=4, requests_per_minute=1200))
        begun = now()
        for _ in range(4):
            await gate.leave(await gate.enter("ask", 0), LATER)
        return now() - begun

    assert run(work) == pytest.approx(0.15), "three times a twentieth of a second"


@pytest.mark.parametrize(
    ("first", "after", "stops"),
    [
        pytest.param(UNREACHED, 11.0, True, id="never_there"),
        pytest.param(UNREACHED, 9.0, False, id="not_there_yet"),
        pytest.param(ANSWER, 11.0, False, id="gone_after_an_answer"),
        pytest.param(BUSY, 11.0, False, id="the_first_miss_a_moment_ago"),
        pytest.param(replace(UNREACHED, unreached=False), 11.0, False, id="an_upload_that_failed_is_another_thing"),
    ],
)
def test_an_endpoint_that_was_never_there_is_not_waited_for(first: Reply, after: float, stops: bool) -> None:
    async def work() -> None:
        gate = Gate("m", Limits(concurrency=2, cooldown=0))
        one, other = await enter_all(gate, 2)
        await gate.leave(one, first)
        await asyncio.sleep(after)
        await gate.leave(other, UNREACHED)

    if stops:
        with pytest.raises(Stop, match="m cannot be reached .*refused.*start it, or mend its address"):
            run(work)
    else:
        run(work)
