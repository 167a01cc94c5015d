"""The stand-in server: it serves what it is given, and fails as it is told to."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from typing import Any

import pytest

from demitasse.chat.faults import Fault, Faults
from demitasse.chat.model import Outcome, Reply, Request, Text
from demitasse.chat.openai import OpenAIChat
from demitasse.chat.server import ChatServer
from demitasse.cli import main
from demitasse.errors import ConfigError, DemitasseError


def ask_many(server: ChatServer, count: int, at_once: bool = False) -> list[Reply]:
    async def work() -> list[Reply]:
        chat = OpenAIChat("teacher", server.base_url)
        requests = [Request("greet", (Text(str(number)),)) for number in range(count)]
        if at_once:
            replies = await asyncio.gather(*(chat.reply(request) for request in requests))
        else:
            replies = [await chat.reply(request) for request in requests]
        await chat.close()
        return replies

    return asyncio.run(work())


def fetch(server: ChatServer, path: str, data: bytes | None = None) -> tuple[int, Any]:
    request = urllib.request.Request(server.base_url.removesuffix("/v1") + path, data)
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_requests_are_counted_by_status_and_step(speaker) -> None:
    with ChatServer(speaker()) as server:
        replies = ask_many(server, 3)
    assert [reply.text for reply in replies] == ["about greet"] * 3
    counts = server.counts
    assert (counts.requests, counts.statuses, counts.steps) == (3, {200: 3}, {"greet": 3})
    assert (counts.in_flight, counts.peak_in_flight) == (0, 1)
    assert counts.bytes > 3 * 100


def test_the_models_list_names_who_answers(speaker) -> None:
    with ChatServer(speaker()) as server:
        status, body = fetch(server, "/v1/models")
    assert (status, [model["id"] for model in body["data"]]) == (200, ["speaker"])
    assert server.counts.requests == 0


@pytest.mark.parametrize(
    ("path", "data", "status", "told"),
    [
        pytest.param("/v1/other", None, 404, "only POST", id="another_path"),
        pytest.param("/v1/chat/completions", None, 404, "only POST", id="another_method"),
        pytest.param("/v1/chat/completions", b"{", 400, "unexpected", id="broken_json"),
        pytest.param("/v1/chat/completions", b"[]", 400, "must be a JSON object", id="a_list"),
        pytest.param("/v1/chat/completions", b"{}", 400, "messages: ", id="no_messages"),
    ],
)
def test_a_bad_request_is_told_in_openais_form(speaker, path: str, data: bytes | None, status: int, told: str) -> None:
    with ChatServer(speaker()) as server:
        code, body = fetch(server, path, data)
    assert (code, body["error"]["type"]) == (status, "invalid_request_error")
    assert told in body["error"]["message"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(b"hello\r\n\r\n", b"400", id="not_http"),
        pytest.param(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"400", id="bad_length"),
        pytest.param(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"400", id="no_length"),
        pytest.param(b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", b"400", id="endless_header"),
        pytest.param(b"GET /v1/models?x=1 HTTP/1.1\r\nExpect: 100-continue\r\n\r\n", b"100", id="continue"),
    ],
)
def test_bytes_that_are_no_request_do_not_end_the_server(speaker, sent: bytes, status: bytes) -> None:
    with ChatServer(speaker()) as server:
        port = int(server.base_url.split(":")[2].removesuffix("/v1"))
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(sent)
            assert connection.recv(100).split(b" ")[1] == status
        assert ask_many(server, 1)[0].outcome is Outcome.SUCCESS


@pytest.mark.parametrize(
    ("said", "status"),
    [
        pytest.param(Reply(Outcome.ERROR, error="busy", retryable=True), 500, id="retryable"),
        pytest.param(Reply(Outcome.ERROR, error="busy", retryable=True, retry_after=2.0), 429, id="retry_after"),
        pytest.param(Reply(Outcome.ERROR, error="no such step"), 400, id="lasting"),
        pytest.param(Reply(Outcome.ERROR, error="gone", status=404), 404, id="its_own_status"),
    ],
)
def test_an_error_of_the_model_keeps_its_meaning(speaker, said: Reply, status: int) -> None:
    with ChatServer(speaker(lambda _: said)) as server:
        (reply,) = ask_many(server, 1)
    assert (reply.status, reply.retryable, reply.retry_after) == (status, said.retryable, said.retry_after)
    assert said.error in reply.error


def test_a_defect_of_the_model_is_a_500_that_names_it(speaker) -> None:
    with ChatServer(speaker(lambda _: 1 / 0)) as server:
        (reply,) = ask_many(server, 1)
    assert (reply.status, reply.error) == (500, "HTTP 500: ZeroDivisionError: division by zero")


@pytest.mark.parametrize(
    ("faults", "status"),
    [
        pytest.param(Faults(error_rates={503: 1.0}), 503, id="status"),
        pytest.param(Faults(cut_rate=1.0), "cut", id="cut"),
        pytest.param(Faults(reset_rate=1.0), "reset", id="reset"),
        pytest.param(Faults(limit_every=1, retry_after="3"), 429, id="limit"),
    ],
)
def test_every_fault_reaches_the_client_as_something_to_try_again(speaker, faults: Faults, status: int | str) -> None:
    with ChatServer(speaker(), faults=faults) as server:
        (reply,) = ask_many(server, 1)
        assert server.counts.statuses == {status: 1}
        assert (reply.outcome, reply.retryable) == (Outcome.ERROR, True)
        assert reply.retry_after == (3.0 if status == 429 else None)
        server.faults = Faults()
        assert ask_many(server, 1)[0].outcome is Outcome.SUCCESS, "faults may be replaced while it runs"


def test_every_nth_request_is_limited(speaker) -> None:
    with ChatServer(speaker(), faults=Faults(limit_every=3)) as server:
        assert [reply.status for reply in ask_many(server, 6)] == [None, None, 429, None, None, 429]


def test_beyond_its_capacity_it_answers_429(speaker) -> None:
    class Held(speaker):
        """Answers when all that come too many have been turned away."""

        async def reply(self, request: Request) -> Reply:
            while server.counts.statuses[429] < 6:
                await asyncio.sleep(0.01)
            return await super().reply(request)

    with ChatServer(Held(), faults=Faults(capacity=4)) as server:
        replies = ask_many(server, 10, at_once=True)
    assert Counter(reply.status for reply in replies) == {None: 4, 429: 6}


def test_faults_come_by_their_rates_and_the_same_each_time() -> None:
    faults = Faults(error_rates={500: 0.2, 503: 0.1}, cut_rate=0.1, reset_rate=0.1, latency=1.0, jitter=0.5)
    drawn = [faults.draw(number) for number in range(4000)]
    assert drawn == [faults.draw(number) for number in range(4000)]
    assert drawn != [Faults(faults.latency, faults.jitter, 1, faults.error_rates).draw(n) for n in range(4000)]
    shares = {fault: count / 4000 for fault, count in Counter(fault for _, fault in drawn).items()}
    expected = {500: 0.2, 503: 0.1, Fault.CUT: 0.1, Fault.RESET: 0.1, None: 0.5}
    assert shares == pytest.approx(expected, abs=0.03)
    assert 0.5 <= min(latency for latency, _ in drawn) < 0.6
    assert 1.4 < max(latency for latency, _ in drawn) <= 1.5


@pytest.mark.parametrize(
    "setting", [{"error_rates": {500: 0.6}, "cut_rate": 0.5}, {"reset_rate": -0.1}, {"jitter": 2.0}, {"latency": -1.0}]
)
def test_faults_that_cannot_be_are_refused(setting: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Faults(**setting)


def test_a_port_in_use_is_named(speaker) -> None:
    with ChatServer(speaker()) as server:
        port = int(server.base_url.split(":")[2].removesuffix("/v1"))
        with pytest.raises(DemitasseError, match=f"port {port} of 127.0.0.1 cannot be served"):
            ChatServer(speaker(), port).__enter__()


def test_a_server_that_has_stopped_is_gone(speaker) -> None:
    with ChatServer(speaker()) as server:
        pass
    assert ask_many(server, 1)[0].error.startswith("the connection failed")


def test_stopping_does_not_wait_for_open_requests(speaker) -> None:
    async def work() -> Reply:
        with ChatServer(speaker(), faults=Faults(latency=60)) as server:
            chat = OpenAIChat("teacher", server.base_url)
            asked = asyncio.create_task(chat.reply(Request("greet", (Text("?"),))))
            await asyncio.sleep(0.2)
        reply = await asked
        await chat.close()
        return reply

    assert asyncio.run(work()).error.startswith("the connection failed")


def test_it_runs_as_a_command_until_interrupted() -> None:
    command = [sys.executable, "-m", "demitasse.chat.server", "--port", "0", "--error", "503=1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        base_url, _, told = process.stdout.readline().partition(" ")
        assert told.startswith("answers as scripted")
        with pytest.raises(urllib.error.HTTPError, match="503"):
            urllib.request.urlopen(f"{base_url}/chat/completions", b"{}")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def test_a_fault_that_is_not_understood_is_named() -> None:
    command = [sys.executable, "-m", "demitasse.chat.server", "--port", "0", "--error", "often"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (2, "demitasse: --error often: write STATUS=RATE, as in 503=0.1\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["--port", "99999"], "port 99999 of 127.0.0.1 cannot be served", id="no_port"),
        pytest.param(["--limit-every", "-1"], "limit_every -1", id="a_negative_period"),
        pytest.param(["--batch-delay", "-1"], "--batch-delay is -1", id="a_negative_delay"),
        pytest.param(["--capacity", "-1"], "capacity -1", id="a_negative_capacity"),
        pytest.param(["--latency", "nan"], "latency nan", id="no_number"),
        pytest.param(["--error", "503=nan"], "not nan", id="a_rate_that_is_none"),
        pytest.param(["--error", "200=0.5"], "200 is no status of an error", id="an_error_that_is_none"),
    ],
)
def test_a_server_that_cannot_be_is_refused_in_one_line(arguments: list[str], said: str, capsys) -> None:
    assert main(["serve", *arguments]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
