"""Money: set aside before it is spent, settled by what came back, and never more than the cap."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from demitasse.chat.model import Outcome, Reply, Request, Sampling, Text, Usage
from demitasse.engine.budget import BudgetSpent, Ledger, Spending, open_purse, spent_in
from demitasse.engine.caller import Caller, open_caller, provenance
from demitasse.engine.journal import read_rows
from demitasse.engine.limits import Limits
from demitasse.engine.outcomes import Summary
from demitasse.engine.runner import run
from demitasse.engine.step import Fields, Quarantine, Record, Step
from demitasse.engine.unite import unite
from demitasse.errors import ConfigError
from demitasse.prices import Entry, Prices
from tests.idle_clock import run_idle

# A dollar a thousand tokens: easy sums. A reply of 100 tokens at most is 0.10 of them, the prompt a little.
PRICES = Prices([Entry("dear", 1000, 1000), Entry("cheap", 10, 10)])
QUICK = Limits(concurrency=8, first_wait=0.001, longest_wait=0.002)
RESET = Reply(Outcome.ERROR, error="the connection failed", retryable=True)
BUSY = Reply(Outcome.ERROR, error="HTTP 500", retryable=True, status=500)


def question(number: int = 0, most: int = 100) -> Request:
    return Request("ask", (Text(f"question {number}"),), sampling=Sampling(max_tokens=most))


def reply(prompt: int = 10, completion: int = 20) -> Reply:
    return Reply(Outcome.SUCCESS, "yes", model="real", usage=Usage(prompt, completion))


def in_turn(*replies: Reply) -> Callable[[Request], Reply]:
    left: Iterator[Reply] = iter(replies)
    return lambda _: next(left)


def annotate(folder: Path, model: Any, count: int, cap: float | None) -> Summary:
    """One question a record, within a cap, as a run does it."""
    budget = Spending(PRICES, open_purse(PRICES, cap, folder, [model.name]))
    with open_caller(folder, QUICK, budget=budget) as caller:

        async def work(fields: Fields) -> Fields:
            answer = await caller.ask(model, question(fields["number"]), str)
            return {"answer": answer.value, "provenance": provenance(answer)}

        step = Step("ask", "answers.jsonl", 1, lambda fields: fields["number"], work)
        records = [Record(str(number), {"number": number}) for number in range(count)]
        return run(records, [step], folder, caller=caller, workers=16, progress=False, grace=5)


def ask(folder: Path, model: Any, budget: Spending, request: Request) -> Any:
    async def work(caller: Caller) -> Any:
        return await caller.ask(model, request, str)

    with open_caller(folder, QUICK, budget=budget) as caller:
        return asyncio.run(work(caller))


def test_a_run_stops_before_its_cap_and_with_nearly_all_of_it_spent(tmp_path: Path, teacher) -> None:
    """A reply costs 0.03 of the 0.2 that are set aside for it, with eight in flight."""
    model = teacher(lambda _: reply(), delay=0.002, name="dear")
    summary = annotate(tmp_path, model, 100, cap=1.0)
    paid = sum(row["cost"] for row in read_rows(tmp_path / "calls.jsonl"))
    assert len(model.asked) * 0.03 == pytest.approx(paid)
    assert 0.8 <= paid <= 1.0
    assert (summary.exit_code, summary.interrupted) == (3, False)
    assert "stopped: the budget of $1.00 is used up: $0." in summary.line()
    assert f"; {100 - summary.done} records are left" in summary.line()


def test_what_earlier_runs_spent_counts_and_a_higher_cap_goes_on(tmp_path: Path, teacher) -> None:
    model = teacher(lambda _: reply(), name="dear")
    annotate(tmp_path, model, 100, cap=0.5)
    bought = len(model.asked)
    assert annotate(tmp_path, model, 100, cap=0.5).halted
    assert len(model.asked) == bought, "with the same cap nothing more is bought"
    summary = annotate(tmp_path, model, 100, cap=10)
    assert (summary.done, summary.halted, len(model.asked)) == (100, "", 100)
    assert spent_in(tmp_path, PRICES) == pytest.approx(3.0)


def test_a_cap_below_one_request_sends_nothing_and_says_what_one_may_cost(tmp_path: Path, teacher) -> None:
    model = teacher(lambda _: reply(), name="dear")
    summary = annotate(tmp_path, model, 5, cap=0.05)
    assert model.asked == []
    assert "the budget of $0.05 is used up: $0.0000 spent, and the next request may cost $0.17" in summary.halted


@pytest.mark.parametrize(
    ("said", "cost"),
    [
        pytest.param(reply(10, 20), 0.03, id="what_the_endpoint_counted"),
        pytest.param(Reply(Outcome.SUCCESS, "yes"), 0.178, id="what_was_set_aside_if_it_did_not_count"),
        pytest.param(
            Reply(Outcome.SUCCESS, "yes", usage=Usage(10, 20, cached=4)), 0.03, id="cached_tokens_at_their_price"
        ),
    ],
)
def test_a_reply_costs(tmp_path: Path, teacher, said: Reply, cost: float) -> None:
    budget = Spending(PRICES, Ledger(9))
    answer = ask(tmp_path, teacher(lambda _: said, name="dear"), budget, question())
    assert answer.cost == pytest.approx(cost, abs=0.01)
    assert provenance(answer)["cost"] == answer.cost
    assert [row["cost"] for row in read_rows(tmp_path / "calls.jsonl")] == [answer.cost]


def test_an_error_with_a_status_is_not_billed_and_a_reset_may_have_been(tmp_path: Path, teacher) -> None:
    model = teacher(in_turn(BUSY, RESET, reply()), name="dear")
    answer = ask(tmp_path, model, Spending(PRICES, Ledger(9)), question())
    assert (answer.cost, answer.attempts) == (0.03, 3)
    (attempt,) = read_rows(tmp_path / "attempts.jsonl")
    assert (attempt["error"], attempt["asked"]) == ("the connection failed", "dear")
    assert spent_in(tmp_path, PRICES) == pytest.approx(0.03 + attempt["cost"])
    assert attempt["cost"] > 0.1


def test_what_is_cut_off_in_flight_may_have_been_billed(tmp_path: Path, teacher) -> None:
    model = teacher(lambda _: reply(), delay=60, name="dear")

    async def work(caller: Caller) -> None:
        asking = asyncio.create_task(caller.ask(model, question(), str))
        while not model.asked:
            await asyncio.sleep(0.01)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    ledger = Ledger(9)
    with open_caller(tmp_path, QUICK, budget=Spending(PRICES, ledger)) as caller:
        asyncio.run(work(caller))
    assert ledger.spent == pytest.approx(spent_in(tmp_path, PRICES)) != 0


def test_a_prompt_that_took_more_than_its_bound_raises_the_next_bounds(tmp_path: Path, teacher) -> None:
    spending = Spending(PRICES, Ledger(None))

    async def work() -> list[float]:
        dollars = []
        for number in range(2):
            reservation = await spending.reserve("dear", question(number))
            dollars.append(reservation.dollars or 0)
            await spending.settle(reservation, reply(prompt=10 * reservation.prompt))
        return dollars

    first, second = asyncio.run(work())
    assert (second - 0.1) == pytest.approx(10 * (first - 0.1), rel=0.01)


def test_several_models_are_paid_from_one_purse_each_at_its_price(tmp_path: Path, teacher) -> None:
    ledger = Ledger(1.0)
    dear, cheap = (teacher(lambda _: reply(), name=name) for name in ("dear", "cheap"))

    async def work(caller: Caller) -> None:
        for number in range(3):
            await caller.ask(dear, question(number), str)
            await caller.ask(cheap, question(number), str)

    with open_caller(tmp_path, QUICK, budget=Spending(PRICES, ledger)) as caller:
        asyncio.run(work(caller))
        assert caller.counts.cost == pytest.approx(3 * 0.03 + 3 * 0.0003)
    assert ledger.spent == pytest.approx(3 * 0.03 + 3 * 0.0003)


def test_a_model_without_a_price_costs_what_nobody_knows_and_cannot_be_capped(tmp_path: Path, teacher) -> None:
    answer = ask(tmp_path, teacher(lambda _: reply(), name="new"), Spending(PRICES), question())
    assert (answer.cost, provenance(answer)["cost"]) == (None, None)
    with pytest.raises(ConfigError, match="budget_usd is 5, but the price table has no price for new: add one"):
        open_purse(PRICES, 5, tmp_path, ["dear", "new"])
    assert open_purse(PRICES, None, tmp_path, ["new"]) is None


def test_replies_bought_before_there_was_a_price_count_at_todays(tmp_path: Path, teacher) -> None:
    with open_caller(tmp_path, QUICK) as caller:
        asyncio.run(caller.ask(teacher(lambda _: reply(), name="dear"), question(), str))
    assert spent_in(tmp_path, PRICES) == pytest.approx(0.03)


def test_what_another_folder_holds_as_well_is_counted_there(tmp_path: Path, teacher) -> None:
    one, all_of_it = tmp_path / "one", tmp_path / "all"
    model = teacher(lambda asked: RESET if asked.text.endswith("2") else reply(), name="dear")
    for folder, numbers in ((one, [1, 2]), (all_of_it, [0])):
        for number in numbers:
            with suppress(Quarantine):
                ask(folder, model, Spending(PRICES), question(number))
    unite([one], all_of_it)
    assert spent_in(all_of_it, PRICES) == pytest.approx(0.03 + spent_in(one, PRICES))
    assert spent_in(all_of_it, PRICES, besides=[one]) == pytest.approx(0.03)


def test_what_never_reached_the_endpoint_is_not_billed(tmp_path: Path, teacher) -> None:
    ledger = Ledger(9)
    with pytest.raises(Quarantine):
        ask(tmp_path, teacher(lambda _: replace(RESET, unsent=True), name="dear"), Spending(PRICES, ledger), question())
    assert ledger.spent == 0
    assert not (tmp_path / "attempts.jsonl").exists()


def test_who_waits_for_room_gets_it_when_others_are_settled() -> None:
    async def work() -> tuple[bool, float]:
        ledger = Ledger(1.0)
        await ledger.take(0.8)
        waiting = asyncio.create_task(ledger.take(0.5))
        await asyncio.sleep(0.01)
        waited = not waiting.done()
        await ledger.put_back(0.8, 0.1)
        await asyncio.wait_for(waiting, 1)
        with pytest.raises(BudgetSpent):
            await asyncio.wait_for(_settled(ledger), 1)
        return waited, ledger.spent

    async def _settled(ledger: Ledger) -> None:
        await ledger.put_back(0.5, 0.5)
        await ledger.take(0.5)

    assert run_idle(work()) == (True, pytest.approx(0.6))


def test_a_failed_call_is_quarantined_and_its_attempts_are_paid(tmp_path: Path, teacher) -> None:
    ledger = Ledger(9)
    with pytest.raises(Quarantine):
        ask(tmp_path, teacher(lambda _: RESET, name="dear"), Spending(PRICES, ledger), question())
    assert len(list(read_rows(tmp_path / "attempts.jsonl"))) == QUICK.attempts
    assert ledger.spent == pytest.approx(spent_in(tmp_path, PRICES))
    assert ledger.spent > 0.5
