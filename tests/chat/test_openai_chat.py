"""The OpenAI-compatible endpoint on the real client: every failure is a reply, and the key is in none of them."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import orjson
import pytest

from demitasse.chat.model import Capability, Image, Outcome, Reply, Request, Sampling, Text, Turn, Usage, Video
from demitasse.chat.openai import OpenAIChat
from demitasse.chat.server import ChatServer
from demitasse.chat.wire.completions import write_completion, write_error
from demitasse.errors import ConfigError

KEY = "sk-CANARY-0123456789"
HELLO = Request("greet", (Text("hello"),))
GOOD = orjson.dumps(write_completion(Reply(Outcome.SUCCESS, "yes", model="m"), 1))


def ask(base_url: str, request: Request = HELLO, **settings: Any) -> Reply:
    async def once() -> Reply:
        chat = OpenAIChat("teacher", base_url, **settings)
        try:
            return await chat.reply(request)
        finally:
            await chat.close()

    return asyncio.run(once())


def test_a_request_arrives_as_it_was_sent(speaker) -> None:
    request = Request(
        "anomaly_mcq",
        (Video(b"\0" * 100_000, "video/mp4", 2.0), Text("t=1.00 s"), Image(b"jpeg", "image/jpeg", 1.0), Text("?")),
        system="Be brief.",
        schema={"type": "object"},
        sampling=Sampling(0.5, 100, 0.9, 3),
        turns=(Turn("x", "not like that"),),
    )
    model = speaker(lambda _: Reply(Outcome.SUCCESS, "yes", "hm", "real-1", usage=Usage(5, 4, 3, 2)))
    with ChatServer(model) as server:
        reply = ask(server.base_url, request)
    assert model.heard[0].key("m") == request.key("m")
    assert (reply.text, reply.reasoning, reply.model, reply.usage) == ("yes", "hm", "real-1", Usage(5, 4, 3, 2))
    assert (reply.outcome, reply.finish_reason) == (Outcome.SUCCESS, "stop")
    assert reply.latency > 0


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(408, True), (409, True), (429, True), (500, True), (502, True), (503, True), (529, True)]
    + [(400, False), (401, False), (403, False), (404, False), (413, False), (422, False)],
)
def test_a_status_says_whether_the_same_request_may_work_later(raw_server, status: int, retryable: bool) -> None:
    server = raw_server(f"{status} Whatever", orjson.dumps(write_error("the  reason\nis this", status)))
    reply = ask(server.base_url)
    assert (reply.outcome, reply.retryable, reply.status) == (Outcome.ERROR, retryable, status)
    assert reply.error == f"HTTP {status}: the reason is this"
    assert server.requests == 1, "retrying is the engine's business"


def test_an_empty_account_is_not_waited_for(raw_server) -> None:
    body = {"error": {"message": "check your plan", "type": "insufficient_quota", "code": "insufficient_quota"}}
    reply = ask(raw_server("429 Too Many", orjson.dumps(body), "Retry-After: 1\r\n").base_url)
    assert (reply.retryable, reply.retry_after) == (False, None)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        pytest.param("Retry-After: 7", 7.0, id="seconds"),
        pytest.param("Retry-After: 1.5", 1.5, id="fractions"),
        pytest.param("retry-after-ms: 250", 0.25, id="milliseconds"),
        pytest.param("Retry-After: Wed, 21 Oct 2015 07:28:00 GMT", 0.0, id="a_date_that_has_passed"),
        pytest.param("Retry-After: soon", None, id="unreadable"),
        pytest.param("X-Other: 1", None, id="absent"),
    ],
)
def test_the_wait_that_is_asked_for_is_read(raw_server, header: str, seconds: float | None) -> None:
    assert ask(raw_server("429 Too Many", b"{}", f"{header}\r\n").base_url).retry_after == seconds


def test_a_date_to_wait_for_is_read(raw_server) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=600), usegmt=True)
    wait = ask(raw_server("503 Busy", b"", f"Retry-After: {date}\r\n").base_url).retry_after
    assert wait is not None
    assert 500 < wait <= 600


@pytest.mark.parametrize(
    ("body", "told"),
    [
        pytest.param(b"<html>\n<b>Bad gateway</b></html>", "HTTP 502: <html> <b>Bad gateway", id="html"),
        pytest.param(b"", "HTTP 502: no message", id="nothing"),
        pytest.param(b'{"detail":"x"}', "HTTP 502: {'detail': 'x'}", id="another_form"),
        pytest.param(b"x" * 5000 + b" why", "x why", id="too_much_keeps_its_end"),
    ],
)
def test_an_error_without_openais_form_is_told_on_one_line(raw_server, body: bytes, told: str) -> None:
    error = ask(raw_server("502 Bad Gateway", body).base_url).error
    assert told in error
    assert len(error) <= 300


def test_a_body_cut_short_may_be_tried_again(raw_server) -> None:
    reply = ask(raw_server("200 OK", GOOD[:-30]).base_url)
    assert (reply.outcome, reply.retryable) == (Outcome.ERROR, True)


def test_a_connection_that_breaks_off_may_be_tried_again(raw_server) -> None:
    server = raw_server("200 OK", GOOD)
    server.answer = server.answer[:-30]  # fewer bytes than announced
    reply = ask(server.base_url)
    assert (reply.outcome, reply.retryable, reply.status) == (Outcome.ERROR, True, None)
    assert "the connection failed" in reply.error
    assert not reply.unsent


def test_nobody_there_may_be_tried_again() -> None:
    with socket.socket() as deaf:  # it holds the port, so that nobody else comes to listen there
        deaf.bind(("127.0.0.1", 0))
        reply = ask(f"http://127.0.0.1:{deaf.getsockname()[1]}/v1")
    assert (reply.outcome, reply.retryable, reply.unsent, reply.unreached) == (Outcome.ERROR, True, True, True)
    assert "the connection failed" in reply.error


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(rb"sk-abc\/def+ghi==", id="an_escaped_slash"),
        pytest.param(rb"sk-abc/def\u002Bghi\u003d\u003d", id="characters_as_numbers"),
        pytest.param(rb"sk-abc/def+ghi==", id="as_it_is"),
    ],
)
def test_a_key_is_taken_out_however_json_writes_it(raw_server, monkeypatch, written: bytes) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-abc/def+ghi==")
    error = ask(raw_server("401 Unauthorized", b'{"error":{"message":"no such key: %s."}}' % written).base_url).error
    assert error == "HTTP 401: no such key: [key]."


def test_a_reply_that_trickles_in_does_not_outlast_the_timeout(raw_server) -> None:
    reply = ask(raw_server("200 OK", GOOD + b" " * 5000, pause=0.02).base_url, timeout=0.3)
    assert (reply.error, reply.retryable) == ("no whole reply within 0.3 s", True)
    assert reply.latency < 60, "the whole reply takes 100 s"


def test_more_requests_than_httpx_allows_by_default_are_in_flight_at_once(speaker) -> None:
    class Patient(speaker):
        everyone = asyncio.Barrier(150)

        async def reply(self, request: Request) -> Reply:
            await self.everyone.wait()
            return await super().reply(request)

    async def many(base_url: str) -> list[Reply]:
        chat = OpenAIChat("teacher", base_url)
        replies = await asyncio.gather(*(chat.reply(HELLO) for _ in range(150)))
        await chat.close()
        return replies

    with ChatServer(Patient()) as server:
        assert {reply.outcome for reply in asyncio.run(many(server.base_url))} == {Outcome.SUCCESS}
        assert server.counts.peak_in_flight == 150


def test_the_key_is_sent_and_told_to_nobody_else(speaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHER_KEY", f"  {KEY}\n")
    with ChatServer(speaker(), api_key=KEY) as server:
        assert ask(server.base_url, api_key_env="TEACHER_KEY").outcome is Outcome.SUCCESS
        chat = OpenAIChat("teacher", server.base_url, "TEACHER_KEY")
        assert repr(chat) == "OpenAIChat('openai:loopback/teacher')"
        monkeypatch.setenv("TEACHER_KEY", KEY + "-wrong")
        reply = ask(server.base_url, api_key_env="TEACHER_KEY")
    assert (reply.status, reply.error) == (401, "HTTP 401: Incorrect API key provided: [key].")


def test_a_loopback_server_needs_no_key(speaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with ChatServer(speaker(), api_key="EMPTY") as server:
        assert ask(server.base_url.replace("127.0.0.1", "localhost")).outcome is Outcome.SUCCESS


def test_a_placeholder_key_is_not_taken_out_of_words(raw_server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    server = raw_server("400 Bad", orjson.dumps(write_error("EMPTY prompt", 400)))
    assert ask(server.base_url).error == "HTTP 400: EMPTY prompt"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        pytest.param(None, "TEACHER_KEY is not set: put the key for https://example.com/v1 in it", id="missing"),
        pytest.param("  ", "TEACHER_KEY is not set", id="blank"),
        pytest.param("sk-CANARY\nsecond", "TEACHER_KEY holds characters that no key has", id="two_lines"),
        pytest.param("sk-CANARY-é", "TEACHER_KEY holds characters that no key has", id="not_ascii"),
    ],
)
def test_a_key_that_cannot_be_used_is_named_not_shown(
    value: str | None, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TEACHER_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("TEACHER_KEY", value)
    with pytest.raises(ConfigError, match=told) as caught:
        OpenAIChat("teacher", "https://example.com/v1", "TEACHER_KEY")
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize(
    "base_url",
    [
        f"https://user:{KEY}@example.com/v1",
        f"https://example.com/v1?key={KEY}",
        f"https://example.com/v1#{KEY}",
        "example.com/v1",
        "ftp://example.com",
    ],
)
def test_a_base_url_with_more_than_an_address_is_refused_and_not_repeated(base_url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        OpenAIChat("teacher", base_url)
    assert "CANARY" not in str(caught.value)


def test_no_proxy_stands_before_a_loopback_server(speaker, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
    with ChatServer(speaker()) as server:
        assert ask(server.base_url).outcome is Outcome.SUCCESS


def test_openais_own_endpoint_gets_frames_and_its_own_token_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    chat = OpenAIChat("gpt")
    assert (chat.name, chat.capability.video) == ("openai:api.openai.com/gpt", False)
    assert chat._limit_field == "max_completion_tokens"
    assert OpenAIChat("qwen", "http://127.0.0.1:8000/v1").capability == Capability()
