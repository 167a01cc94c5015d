"""Asking: bounded, patient, and never paying twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from demitasse.chat.model import Image, Outcome, Reply, Request, Sampling, Text, Turn, Usage
from demitasse.engine.caller import Answer, Caller, ParseError, open_caller, prompt_hash, provenance
from demitasse.engine.journal import read_rows
from demitasse.engine.limits import Limits
from demitasse.engine.step import Quarantine, Stop, Unusable
from demitasse.errors import ConfigError

QUICK = Limits(first_wait=0.001, longest_wait=0.002)
BUSY = Reply(Outcome.ERROR, error="HTTP 500: busy", retryable=True, status=500)
THROTTLED = Reply(Outcome.ERROR, error="HTTP 429: slow down", retryable=True, status=429, retry_after=0.001)
BROKEN = Reply(Outcome.ERROR, error="HTTP 400: bad schema", status=400)
DENIED = Reply(Outcome.ERROR, error="HTTP 401: wrong key", status=401)


def as_is(text: str) -> str:
    return text


def number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ParseError(f"'{text}' is no number. Write digits only.") from None


def ask(folder: Path, limits: Limits, work: Callable[[Caller], Coroutine[Any, Any, Any]]) -> Any:
    with open_caller(folder, limits) as caller:
        return asyncio.run(work(caller))


def in_turn(*replies: str | Reply) -> Callable[[Request], str | Reply]:
    left: Iterator[str | Reply] = iter(replies)
    return lambda _: next(left)


def test_a_reply_is_on_file_before_it_is_read(tmp_path: Path, teacher, request_for) -> None:
    def parse(_: str) -> str:
        rows = list(read_rows(tmp_path / "calls.jsonl"))
        assert [row["reply"]["text"] for row in rows] == ["hello"]
        raise RuntimeError("a parser with a defect")

    model = teacher(lambda _: "hello")
    with pytest.raises(RuntimeError, match="a parser with a defect"):
        ask(tmp_path, QUICK, lambda caller: caller.ask(model, request_for("hi"), parse))


def test_what_was_bought_before_is_not_bought_again(tmp_path: Path, teacher, request_for) -> None:
    def ask_once() -> tuple[Answer[str], int]:
        model = teacher(
            lambda _: Reply(Outcome.SUCCESS, "hello", "because", "real", "stop", Usage(3, 2, 1, 0), 1.23456)
        )
        return ask(tmp_path, QUICK, lambda caller: caller.ask(model, request_for("hi"), as_is)), len(model.asked)

    (first, bought), (second, bought_again) = ask_once(), ask_once()
    assert (bought, bought_again) == (1, 0)
    assert second.value == first.value
    assert second.reply == Reply(Outcome.SUCCESS, "hello", "because", "real", "stop", Usage(3, 2, 1, 0), 1.235)


def test_the_same_request_from_many_records_at_once_is_bought_once(tmp_path: Path, teacher, request_for) -> None:
    model = teacher(lambda _: "hello")

    async def work(caller: Caller) -> list[str]:
        answers = await asyncio.gather(*(caller.ask(model, request_for("hi"), as_is) for _ in range(8)))
        again = await caller.ask(model, request_for("hi"), as_is)
        return [answer.value for answer in (*answers, again)]

    assert ask(tmp_path, QUICK, work) == ["hello"] * 9
    assert len(list(read_rows(tmp_path / "calls.jsonl"))) == 1


def test_a_waiting_record_asks_for_itself_when_the_first_failed(tmp_path: Path, teacher, request_for) -> None:
    replies = in_turn(BROKEN, "hello")
    model = teacher(replies)

    async def work(caller: Caller) -> list[Any]:
        asked = (caller.ask(model, request_for("hi"), as_is) for _ in range(2))
        return await asyncio.gather(*asked, return_exceptions=True)

    first, second = ask(tmp_path, QUICK, work)
    assert isinstance(first, Quarantine)
    assert second.value == "hello"


def test_another_prompt_model_or_setting_is_asked_anew(tmp_path: Path, teacher) -> None:
    requests = [
        Request("greet", (Text("hi"),)),
        Request("greet", (Text("ho"),)),
        Request("greet", (Text("hi"),), sampling=Sampling(temperature=0.7)),
        Request("greet", (Text("hi"),), schema={"type": "object"}),
    ]
    model, other = teacher(lambda _: "hello"), teacher(lambda _: "hello", name="other")

    async def work(caller: Caller) -> None:
        for request in requests:
            await caller.ask(model, request, as_is)
        await caller.ask(other, requests[0], as_is)

    ask(tmp_path, QUICK, work)
    ask(tmp_path, QUICK, work)
    assert (len(model.asked), len(other.asked)) == (4, 1)


def test_a_journal_row_tells_what_was_shown_without_the_bytes(tmp_path: Path, teacher) -> None:
    frames = tuple(Image(bytes([number]) * 1000, "image/jpeg", float(number)) for number in range(3))
    request = Request("look", (*frames, Text("what?")))
    ask(tmp_path, QUICK, lambda caller: caller.ask(teacher(lambda _: "a cat"), request, as_is))
    row = json.loads((tmp_path / "calls.jsonl").read_text())
    told = {"type": "image/jpeg", "count": 3, "bytes": 3000, "size": None, "times": [0.0, 1.0, 2.0]}
    assert row["media"] == [told]
    assert (row["asked"], row["step"], row["attempts"]) == ("teacher", "look", 1)
    assert len((tmp_path / "calls.jsonl").read_bytes()) < 1000


@pytest.mark.parametrize(
    ("replies", "asked", "told"),
    [
        pytest.param([BUSY, BUSY, "7"], 3, None, id="a_passing_failure_is_tried_again"),
        pytest.param([BUSY] * 5, 5, "error \\(HTTP 500: busy\\)", id="attempts_are_bounded"),
        pytest.param([BROKEN], 1, "error \\(HTTP 400: bad schema\\)", id="a_lasting_failure_is_not_tried_again"),
        pytest.param([THROTTLED] * 9 + ["7"], 10, None, id="being_told_to_wait_is_not_a_failed_attempt"),
        pytest.param([Reply(Outcome.REFUSED, error="I cannot")], 1, "refused \\(I cannot\\)", id="refused_once"),
        pytest.param([Reply(Outcome.BLOCKED, finish_reason="filter")], 1, "blocked \\(filter\\)", id="blocked_once"),
        pytest.param([Reply(Outcome.TRUNCATED, "1"), "7"], 2, None, id="a_cut_reply_is_asked_once_more"),
        pytest.param([Reply(Outcome.TRUNCATED, "1")] * 2, 2, "cut short at 8192 tokens", id="and_only_once"),
        pytest.param(
            [Reply(Outcome.TRUNCATED, "1"), BROKEN],
            2,
            "cut short at 4096 tokens; with twice that, error \\(HTTP 400: bad schema\\)",
            id="where_there_is_no_more_room_both_are_told",
        ),
        pytest.param(["x", "y", "7"], 3, None, id="a_useless_reply_is_sent_back"),
        pytest.param(["x", "y", "z"], 3, "no usable reply in 3 \\('z' is no number", id="re_asks_are_bounded"),
    ],
)
def test_every_outcome_has_its_answer(tmp_path: Path, teacher, request_for, replies, asked: int, told) -> None:
    model = teacher(in_turn(*replies))

    def work(caller: Caller) -> Any:
        return caller.ask(model, request_for("how many?"), number)

    if told is None:
        assert ask(tmp_path, QUICK, work).value == 7
    else:
        with pytest.raises(Quarantine, match=f"greet: .*{told}"):
            ask(tmp_path, QUICK, work)
    assert len(model.asked) == asked


def test_a_cut_reply_gets_twice_the_room_and_keeps_it(tmp_path: Path, teacher, request_for) -> None:
    model = teacher(in_turn(Reply(Outcome.TRUNCATED, "1"), "x", "7"))
    ask(tmp_path, QUICK, lambda caller: caller.ask(model, request_for("?"), number))
    assert [request.sampling.max_tokens for request in model.asked] == [4096, 8192, 8192]


def test_a_re_ask_shows_the_reply_and_what_is_wrong_with_it(tmp_path: Path, teacher, request_for) -> None:
    model = teacher(in_turn("x", "y", "7"))
    answer = ask(tmp_path, QUICK, lambda caller: caller.ask(model, request_for("?"), number))
    first, second = (Turn(text, f"'{text}' is no number. Write digits only.") for text in "xy")
    assert [request.turns for request in model.asked] == [(), (first,), (first, second)]
    assert answer.request_key == answer.request_keys[-1] == model.asked[-1].key("teacher")
    assert answer.usage == Usage(30, 15, 6, 3), "the usage of a call is that of all its requests"


def test_a_call_that_needed_re_asks_is_replayed_whole(tmp_path: Path, teacher, request_for) -> None:
    replies = (Reply(Outcome.TRUNCATED, "1"), "x", "7")
    first = ask(tmp_path, QUICK, lambda caller: caller.ask(teacher(in_turn(*replies)), request_for("?"), number))
    second = ask(tmp_path, QUICK, lambda caller: caller.ask(teacher(in_turn()), request_for("?"), number))
    assert second == first


@pytest.mark.parametrize(
    ("replies", "unusable"),
    [
        pytest.param([Reply(Outcome.REFUSED)], True, id="a_refusal_stays"),
        pytest.param([Reply(Outcome.BLOCKED)], True, id="a_block_stays"),
        pytest.param(["x", "y", "z"], True, id="useless_replies_stay"),
        pytest.param([Reply(Outcome.TRUNCATED, "1")] * 2, True, id="what_is_cut_short_twice_stays"),
        pytest.param([BUSY] * 5, False, id="a_failure_may_pass"),
        pytest.param([BROKEN], False, id="a_lasting_failure_is_mended_by_a_person"),
    ],
)
def test_what_a_model_has_answered_is_told_from_what_failed(
    tmp_path: Path, teacher, request_for, replies, unusable: bool
) -> None:
    model = teacher(in_turn(*replies))
    with pytest.raises(Quarantine) as raised:
        ask(tmp_path, QUICK, lambda caller: caller.ask(model, request_for("how many?"), number))
    assert isinstance(raised.value, Unusable) == unusable


def test_a_refusal_is_remembered(tmp_path: Path, teacher, request_for) -> None:
    for replies in ([Reply(Outcome.REFUSED, error="I cannot")], []):
        with pytest.raises(Quarantine, match="refused"):
            ask(tmp_path, QUICK, lambda caller, r=replies: caller.ask(teacher(in_turn(*r)), request_for("?"), as_is))


def many(
    model: Any, requests: int, text: Callable[[int], Request]
) -> Callable[[Caller], Coroutine[Any, Any, list[Any]]]:
    async def work(caller: Caller) -> list[Any]:
        calls = (caller.ask(model, text(number), as_is) for number in range(requests))
        return await asyncio.gather(*calls, return_exceptions=True)

    return work


def test_never_more_in_flight_than_asked_for(tmp_path: Path, teacher, request_for) -> None:
    model = teacher(lambda _: "hello", delay=0.002)
    ask(tmp_path, Limits(concurrency=3), many(model, 30, lambda n: request_for(str(n))))
    assert (model.peak, len(model.asked)) == (3, 30)


def test_each_model_has_limits_of_its_own(tmp_path: Path, teacher, request_for) -> None:
    one, other = (teacher(lambda _: "hello", delay=0.002, name=name) for name in ("one", "other"))

    async def work(caller: Caller) -> None:
        calls = (caller.ask(model, request_for(str(n)), as_is) for n in range(12) for model in (one, other))
        await asyncio.gather(*calls)

    with open_caller(tmp_path, Limits(concurrency=2), {"other": Limits(concurrency=5)}) as caller:
        asyncio.run(work(caller))
    assert (one.peak, other.peak) == (2, 5)


def test_requests_per_minute_are_spaced_evenly(tmp_path: Path, teacher, request_for) -> None:
    async def work(caller: Caller) -> float:
        begun = asyncio.get_running_loop().time()
        await many(teacher(lambda _: "hello"), 6, lambda n: request_for(str(n)))(caller)
        return asyncio.get_running_loop().time() - begun

    assert 0.2 <= ask(tmp_path, Limits(requests_per_minute=1200), work) < 0.6


def test_a_wrong_key_stops_the_run_before_it_is_tried_on_every_record(tmp_path: Path, teacher, request_for) -> None:
    model = teacher(lambda _: DENIED)
    ends = ask(tmp_path, Limits(concurrency=2), many(model, 50, lambda n: request_for(str(n))))
    assert {type(end) for end in ends} == {Stop}
    assert "teacher refuses the key (HTTP 401: wrong key)" in str(ends[0])
    assert len(model.asked) == 2


def test_a_denial_after_the_key_has_worked_is_the_records_own(tmp_path: Path, teacher, request_for) -> None:
    model = teacher(in_turn("hello", DENIED, "hello"))
    ends = ask(tmp_path, Limits(concurrency=1), many(model, 3, lambda n: request_for(str(n))))
    assert [type(end) for end in ends] == [Answer, Quarantine, Answer]


def test_an_endpoint_that_is_down_stops_the_run(tmp_path: Path, teacher, request_for) -> None:
    model = teacher(lambda _: BUSY)

    async def work(caller: Caller) -> None:
        for text in "ab":
            with pytest.raises(Quarantine):
                await caller.ask(model, request_for(text), as_is)
        for text in "cd":
            with pytest.raises(Stop, match="failed 3 calls in a row, the last with: HTTP 500: busy"):
                await caller.ask(model, request_for(text), as_is)

    ask(tmp_path, Limits(attempts=2, failures_in_a_row=3, first_wait=0.001), work)
    assert len(model.asked) == 6, "once the breaker has tripped nothing more is sent"


def test_one_success_makes_the_failures_before_it_forgotten(tmp_path: Path, teacher, request_for) -> None:
    model = teacher(lambda request: "hello" if int(request.text) % 3 == 2 else BROKEN)
    limits = Limits(concurrency=1, failures_in_a_row=3)
    ends = ask(tmp_path, limits, many(model, 30, lambda n: request_for(str(n))))
    assert not any(isinstance(end, Stop) for end in ends)


def test_an_endpoint_that_only_says_later_is_given_up_in_time(tmp_path: Path, teacher, request_for) -> None:
    limits = Limits(patience=0.05)
    model = teacher(lambda _: THROTTLED)
    ends = ask(tmp_path, limits, many(model, 4, lambda n: request_for(str(n))))
    assert any(isinstance(end, Stop) and "the last with: HTTP 429: slow down" in str(end) for end in ends)


def test_a_wait_longer_than_our_patience_ends_the_run_and_says_how_long(tmp_path: Path, teacher, request_for) -> None:
    tomorrow = Reply(Outcome.ERROR, error="HTTP 429: quota", retryable=True, status=429, retry_after=86_400)
    with pytest.raises(Stop, match="says 'later', 86400 s from now, and more than 300 s .* HTTP 429: quota"):
        ask(tmp_path, QUICK, lambda caller: caller.ask(teacher(in_turn(tomorrow)), request_for("?"), as_is))


def test_when_one_is_told_to_wait_all_wait(tmp_path: Path, teacher, request_for) -> None:
    times: list[float] = []

    def say(_: Request) -> str | Reply:
        times.append(asyncio.get_running_loop().time())
        throttled = Reply(Outcome.ERROR, error="later", retryable=True, status=429, retry_after=0.2)
        return throttled if len(times) == 1 else "hello"

    ask(tmp_path, Limits(concurrency=1, first_wait=0.0), many(teacher(say), 5, lambda n: request_for(str(n))))
    assert times[1] - times[0] >= 0.19


def test_a_failure_is_never_kept_as_an_answer(tmp_path: Path, teacher, request_for) -> None:
    with pytest.raises(Quarantine):
        ask(tmp_path, QUICK, lambda caller: caller.ask(teacher(in_turn(BROKEN)), request_for("?"), as_is))
    assert list(read_rows(tmp_path / "calls.jsonl")) == []
    answer = ask(tmp_path, QUICK, lambda caller: caller.ask(teacher(in_turn("7")), request_for("?"), as_is))
    assert answer.value == "7"


def test_provenance_tells_of_every_call(tmp_path: Path, teacher, request_for) -> None:
    async def work(caller: Caller) -> dict[str, Any]:
        model, other = teacher(in_turn("x", "7")), teacher(in_turn("8"), name="other")
        answers = [await caller.ask(one, request_for("?"), number) for one in (model, other)]
        told = provenance(*answers)
        assert told["requests"] == [*answers[0].request_keys, answers[1].request_key]
        return told

    told = ask(tmp_path, QUICK, work)
    assert (told["asked"], told["answered"]) == (["other", "teacher"], ["real"])
    assert told["usage"] == {"prompt": 30, "completion": 15, "reasoning": 6, "cached": 3}
    assert told["prompts"] == [prompt_hash(request_for("?"))] * 2
    assert told["time"].endswith("+00:00")


def test_a_prompts_hash_is_the_same_for_every_video() -> None:
    one, other = (Request("look", (Image(data, "image/png"), Text("what?"))) for data in (b"1", b"2"))
    assert prompt_hash(one) == prompt_hash(other) != prompt_hash(Request("look", (Text("why?"),)))


def test_counts_tell_bought_from_replayed(tmp_path: Path, teacher, request_for) -> None:
    async def work(caller: Caller) -> tuple[int, int, int, int]:
        await caller.ask(teacher(in_turn(BUSY, "7")), request_for("?"), number)
        counts = caller.counts
        return counts.requests, counts.replies, counts.replayed, counts.usage.prompt

    assert ask(tmp_path, QUICK, work) == (2, 1, 0, 10)
    assert ask(tmp_path, QUICK, work) == (0, 0, 1, 0)


@pytest.mark.parametrize(
    "setting", [{"concurrency": 0}, {"attempts": 0}, {"reasks": -1}, {"requests_per_minute": 0.0}, {"patience": -1.0}]
)
def test_a_limit_out_of_range_is_named(setting: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(setting))):
        Limits(**setting)


def test_a_request_that_alone_is_always_turned_away_ends_and_the_others_go_on(
    tmp_path: Path, teacher, request_for
) -> None:
    model = teacher(lambda request: THROTTLED if "too large" in request.text else request.text)

    async def work(caller: Caller) -> tuple[Any, list[str]]:
        refused = asyncio.create_task(caller.ask(model, request_for("too large"), as_is))
        answers: list[str] = []
        while not refused.done() and len(answers) < 1000:
            answers.append((await caller.ask(model, request_for(f"number {len(answers)}"), as_is)).value)
        return (await asyncio.gather(refused, return_exceptions=True))[0], answers

    limits = Limits(concurrency=2, first_wait=0.001, longest_wait=0.002)
    end, answers = ask(tmp_path, limits, work)
    assert isinstance(end, Quarantine) and "HTTP 429: slow down" in str(end)
    assert answers == [f"number {number}" for number in range(len(answers))]
