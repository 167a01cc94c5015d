"""Engine, real client and a faulty endpoint together: nothing lost, everything bounded, the key nowhere."""

from __future__ import annotations

import asyncio
import io
import logging
import time
from collections import deque
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import orjson
import pytest

from demitasse.chat.faults import Faults
from demitasse.chat.http import Message, Response
from demitasse.chat.model import Image, Outcome, Reply, Request, Text
from demitasse.chat.openai import OpenAIChat
from demitasse.chat.server import ChatServer
from demitasse.engine.caller import ParseError, open_caller, provenance
from demitasse.engine.journal import read_rows
from demitasse.engine.limits import Limits
from demitasse.engine.outcomes import Summary
from demitasse.engine.runner import run
from demitasse.engine.step import Fields, Record, Step, Stop

KEY = "sk-CANARY-0123456789"
QUICK = Limits(concurrency=8, first_wait=0.02, longest_wait=0.1)


def parse(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ParseError(f"Not JSON: {error}. Write one JSON value.") from None


def annotate(
    base_url: str, folder: Path, count: int, limits: Limits = QUICK, workers: int = 16, **settings: Any
) -> Summary:
    """One question a record, through the real client."""
    chat = OpenAIChat("teacher", base_url, **settings)
    with open_caller(folder, limits) as caller:

        async def work(fields: Fields) -> Fields:
            frame = Image(b"a picture that must not be stored", "image/jpeg")
            request = Request("ask", (frame, Text(f"question {fields['number']}")))
            answer = await caller.ask(chat, request, parse)
            return {"answer": answer.value, "provenance": provenance(answer)}

        step = Step("ask", "answers.jsonl", 1, lambda fields: [chat.name, fields["number"]], work)
        records = (Record(str(number), {"number": number}) for number in range(count))
        return run(records, [step], folder, caller=caller, models=[chat], workers=workers, progress=False, grace=5)


def answers(folder: Path) -> list[int]:
    return sorted(int(row["video"]) for row in read_rows(folder / "answers.jsonl"))


@pytest.mark.parametrize(
    ("faults", "most"),
    [
        pytest.param(Faults(), 60, id="none"),
        pytest.param(Faults(limit_every=3, retry_after="0.05"), 95, id="every_third_request_is_limited"),
        pytest.param(Faults(error_rates={500: 0.2, 503: 0.1}), 120, id="three_in_ten_fail"),
        pytest.param(Faults(cut_rate=0.3), 120, id="three_in_ten_are_cut"),
        pytest.param(Faults(reset_rate=0.3), 120, id="three_in_ten_are_reset"),
    ],
)
def test_nothing_is_lost_to_a_faulty_endpoint(tmp_path: Path, speaker, faults: Faults, most: int) -> None:
    limits = Limits(concurrency=8, first_wait=0.02, longest_wait=0.1, attempts=8)
    with ChatServer(speaker(lambda _: "1"), faults=faults) as server:
        summary = annotate(server.base_url, tmp_path, 60, limits)
    assert (summary.done, summary.exit_code) == (60, 0)
    assert answers(tmp_path) == list(range(60))
    assert 60 <= server.counts.requests <= most
    assert server.counts.peak_in_flight <= 8


def test_a_storm_of_429_settles_at_what_the_endpoint_takes(tmp_path: Path, speaker) -> None:
    """64 may be in flight, the endpoint takes four: no more than twice the requests, nothing lost, three to five."""
    faults, count = Faults(latency=0.02, capacity=4, retry_after="0.05"), 300
    at_once: list[int] = []

    def say(_: Request) -> str:
        at_once.append(server.counts.in_flight)
        return "1"

    with ChatServer(speaker(say), faults=faults) as server:
        summary = annotate(server.base_url, tmp_path, count, Limits(concurrency=64), workers=128)
    assert (summary.done, summary.quarantined) == (count, 0)
    assert answers(tmp_path) == list(range(count))
    assert server.counts.statuses[200] == count
    assert server.counts.requests <= 1.5 * count
    assert 1.5 <= sum(at_once[count // 2 :]) / (count / 2) <= 5


def test_an_endpoint_that_always_says_429_ends_the_run_in_time(tmp_path: Path, speaker) -> None:
    limits = Limits(patience=0.3, first_wait=0.05, longest_wait=0.1, failures_in_a_row=5)
    begun = time.monotonic()
    with (
        ChatServer(speaker(lambda _: "1"), faults=Faults(limit_every=1, retry_after="0.05")) as server,
        pytest.raises(Stop, match="says 'later'.* the last with: HTTP 429: too many requests"),
    ):
        annotate(server.base_url, tmp_path, 100, limits)
    assert time.monotonic() - begun < 60
    assert server.counts.requests < 50
    with ChatServer(speaker(lambda _: "1")) as server:
        assert annotate(server.base_url, tmp_path, 100).done == 100


def test_a_wrong_key_stops_at_once_and_appears_nowhere(
    tmp_path: Path, speaker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TEACHER_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    said = io.StringIO()

    class Counting(ChatServer):
        asked = 0

        async def _answer(self, message: Message) -> Response | None:
            self.asked += 1
            return await super()._answer(message)

    with (
        Counting(speaker(), api_key="another") as server,
        redirect_stdout(said),
        redirect_stderr(said),
        pytest.raises(Stop, match=r"refuses the key \(HTTP 401: Incorrect API key provided: \[key\]") as caught,
    ):
        annotate(server.base_url, tmp_path, 500, api_key_env="TEACHER_KEY")
    assert 1 <= server.asked <= QUICK.concurrency
    assert canaries(tmp_path, said.getvalue(), caplog.text, repr(caught.value)) == []


def test_the_key_is_in_no_file_of_a_run_that_worked_and_failed(
    tmp_path: Path, speaker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TEACHER_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    replies: list[str | Reply] = [
        "1",
        "not json",
        Reply(Outcome.REFUSED, error="I cannot"),
        Reply(Outcome.ERROR, error=f"bad request with {KEY}", status=400),
    ]

    def say(request: Request) -> str | Reply:
        return replies[int(request.text.split()[-1]) % len(replies)]

    faults = Faults(error_rates={500: 0.1}, reset_rate=0.1, cut_rate=0.1)
    with ChatServer(speaker(say), faults=faults, api_key=KEY) as server:
        summary = annotate(server.base_url, tmp_path, 40, api_key_env="TEACHER_KEY")
    assert (summary.done, summary.quarantined) == (10, 30)
    assert canaries(tmp_path, summary.line(), caplog.text) == []
    assert b"must not be stored" not in b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


def canaries(folder: Path, *texts: str) -> list[str]:
    files = {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    assert files, "a run leaves files"
    told = {f"text {number}": text.encode() for number, text in enumerate(texts)}
    return [name for name, content in (files | told).items() if b"CANARY" in content]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        pytest.param(Reply(Outcome.REFUSED, error="I cannot"), "ask: refused (I cannot)", id="refusal"),
        pytest.param(Reply(Outcome.BLOCKED), "ask: blocked (the endpoint's content filter withheld", id="filter"),
    ],
)
def test_a_refusal_costs_one_request_in_all_runs_together(tmp_path: Path, speaker, said: Reply, reason: str) -> None:
    with ChatServer(speaker(lambda _: said)) as server:
        for _ in range(2):
            assert annotate(server.base_url, tmp_path, 1).quarantined == 1
        assert server.counts.requests == 1
    (row,) = read_rows(tmp_path / "quarantine.jsonl")
    assert row["reason"].startswith(reason)


def test_a_cut_reply_gets_more_room(tmp_path: Path, speaker) -> None:
    def say(request: Request) -> str | Reply:
        return "1" if request.sampling.max_tokens > 4096 else Reply(Outcome.TRUNCATED, "[1, ")

    with ChatServer(speaker(say)) as server:
        assert annotate(server.base_url, tmp_path, 2).done == 2
        assert server.counts.requests == 4


def test_a_useless_reply_is_asked_again_with_the_complaint(tmp_path: Path, speaker) -> None:
    def say(request: Request) -> str:
        return "1" if request.turns and "Not JSON" in request.turns[0].correction else "one"

    with ChatServer(speaker(say)) as server:
        assert annotate(server.base_url, tmp_path, 1).done == 1
        assert annotate(server.base_url, tmp_path, 1).done == 1
        assert server.counts.requests == 2
    (row,) = read_rows(tmp_path / "answers.jsonl")
    assert len(row["provenance"]["requests"]) == 2
    assert row["provenance"]["answered"] == ["speaker-2"]


def test_requests_are_in_flight_as_many_as_allowed_all_the_time(tmp_path: Path, speaker) -> None:
    """One at a time is answered, once eight are there: who waits for the other seven before the next waits for ever."""

    class Full(speaker):
        waiting: deque[asyncio.Event] = deque()

        async def reply(self, request: Request) -> Reply:
            self.waiting.append(mine := asyncio.Event())
            if server.counts.requests == 160:
                for other in self.waiting:
                    other.set()
            elif len(self.waiting) == 8:
                self.waiting.popleft().set()
            await asyncio.wait_for(mine.wait(), 60)
            return await super().reply(request)

    with ChatServer(Full(lambda _: "1")) as server:
        assert annotate(server.base_url, tmp_path, 160).done == 160
        assert (server.counts.requests, server.counts.peak_in_flight) == (160, 8)
