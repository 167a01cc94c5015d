"""Gemini on the real google-genai client: every way to end is a reply, videos are uploaded once, the key is nowhere."""

from __future__ import annotations

import asyncio
import io
import logging
import time
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import orjson
import pytest
from google.genai import errors, types

from demitasse.chat.faults import Faults
from demitasse.chat.gemini import GeminiChat, _KeylessClient
from demitasse.chat.gemini_files import Uploads
from demitasse.chat.gemini_server import GeminiServer
from demitasse.chat.kinds import GEMINI
from demitasse.chat.model import Image, Outcome, Reply, Request, Sampling, Text, Turn, Usage, Video
from demitasse.errors import ConfigError
from demitasse.toyworld.render import render_clip

KEY = "AIza-CANARY-0123456789"
HELLO = Request("greet", (Text("hello"),))
UPLOADING = replace(GEMINI, max_inline_bytes=100)


def ask_all(base_url: str, requests: Sequence[Request], **settings: Any) -> list[Reply]:
    """All at once, through one client."""

    async def all_of_them() -> list[Reply]:
        chat = GeminiChat("gemini-toy", base_url, **settings)
        try:
            return await asyncio.gather(*(chat.reply(request) for request in requests))
        finally:
            await chat.close()

    return asyncio.run(all_of_them())


def ask(base_url: str, request: Request = HELLO, **settings: Any) -> Reply:
    return ask_all(base_url, [request], **settings)[0]


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Video:
    path = render_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", 0)
    return Video(path.read_bytes(), "video/mp4", 2.0)


def test_a_request_arrives_as_it_was_sent(speaker, clip: Video) -> None:
    settings = {"media_resolution": "MEDIA_RESOLUTION_HIGH", "thinking_config": {"thinking_budget": 0}}
    request = Request(
        "anomaly_mcq",
        (replace(clip, span=(0.5, 1.5)), Text("t=1.00 s"), Image(b"jpeg", "image/jpeg", 1.0), Text("?")),
        system="Be brief.",
        schema={"type": "object", "properties": {"fileUri": {"type": "string"}}, "required": ["fileUri"]},
        sampling=Sampling(0.5, 100, 0.9, 3, 4.0, settings),
        turns=(Turn("x", "not like that"),),
    )
    model = speaker(lambda _: Reply(Outcome.SUCCESS, "yes", "hm", "gemini-toy-001", usage=Usage(5, 4, 3, 2)))
    with GeminiServer(model) as server:
        reply = ask(server.base_url, request)
    assert model.heard[0].key("m") == request.key("m")
    assert (reply.text, reply.reasoning, reply.model, reply.usage) == ("yes", "hm", "gemini-toy-001", Usage(5, 4, 3, 2))
    assert (reply.outcome, reply.finish_reason) == (Outcome.SUCCESS, "STOP")
    assert reply.latency > 0


def test_safety_settings_and_schema_words_that_gemini_has_not_are_sent_as_it_takes_them(speaker) -> None:
    safety = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]
    schema = {"type": "object", "properties": {"const": {"const": "yes", "pattern": "^y"}}, "pattern": "x"}
    model = speaker()
    with GeminiServer(model) as server:
        ask(server.base_url, replace(HELLO, schema=schema, sampling=Sampling(extra={"safety_settings": safety})))
    assert model.heard[0].sampling.extra == {"safety_settings": safety}
    assert model.heard[0].schema == {"type": "object", "properties": {"const": {"enum": ["yes"]}}}


def test_where_no_schema_is_taken_it_is_told_in_words(speaker) -> None:
    model = speaker()
    with GeminiServer(model) as server:
        ask(server.base_url, replace(HELLO, schema={"type": "object"}), capability=replace(GEMINI, json_schema=False))
    assert model.heard[0].schema is None
    assert '"type": "object"' in model.heard[0].system


@pytest.mark.parametrize(
    ("said", "outcome", "error"),
    [
        *(
            pytest.param(
                Reply(Outcome.BLOCKED, finish_reason=reason),
                Outcome.BLOCKED,
                f"the reply was withheld: {reason}",
                id=f"blocked_by_{reason.lower()}",
            )
            for reason in (
                "SAFETY RECITATION LANGUAGE BLOCKLIST PROHIBITED_CONTENT SPII IMAGE_SAFETY OTHER".split()  # noqa: SIM905
            )
        ),
        *(
            pytest.param(
                Reply(Outcome.BLOCKED, finish_reason=f"PROMPT_{reason}"),
                Outcome.BLOCKED,
                f"the prompt was blocked: {reason}",
                id=f"prompt_blocked_by_{reason.lower()}",
            )
            for reason in ("SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT")
        ),
        pytest.param(
            Reply(Outcome.SUCCESS, ""), Outcome.BLOCKED, "the model stopped without writing anything", id="empty_stop"
        ),
        pytest.param(
            Reply(Outcome.SUCCESS, "", "only thoughts"),
            Outcome.BLOCKED,
            "the model stopped without writing anything",
            id="thoughts_are_no_text",
        ),
        pytest.param(Reply(Outcome.TRUNCATED, ""), Outcome.TRUNCATED, "", id="thoughts_took_all_the_room"),
        pytest.param(Reply(Outcome.TRUNCATED, "half a"), Outcome.TRUNCATED, "", id="max_tokens"),
        pytest.param(
            Reply(Outcome.BLOCKED, finish_reason="MALFORMED_RESPONSE"),
            Outcome.ERROR,
            "the reply ended with MALFORMED_RESPONSE",
            id="malformed",
        ),
    ],
)
def test_how_a_reply_ended_is_told_by_enum_members(speaker, said: Reply, outcome: Outcome, error: str) -> None:
    with GeminiServer(speaker(lambda _: said)) as server:
        reply = ask(server.base_url)
    assert (reply.outcome, reply.error) == (outcome, error)
    assert not reply.retryable


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        pytest.param('{"a": 1}' + "\n" * 400, Outcome.SUCCESS, id="a_loop_of_white_space"),
        pytest.param('{"a": "a long', Outcome.TRUNCATED, id="words_that_were_cut"),
    ],
)
def test_a_loop_of_white_space_under_a_schema_is_not_bought_twice(speaker, text: str, outcome: Outcome) -> None:
    with GeminiServer(speaker(lambda _: Reply(Outcome.TRUNCATED, text))) as server:
        assert ask(server.base_url, replace(HELLO, schema={"type": "object"})).outcome is outcome


def test_thoughts_within_the_text_are_taken_out_of_it(speaker) -> None:
    with GeminiServer(speaker(lambda _: Reply(Outcome.SUCCESS, "<think>hm</think>\nyes"))) as server:
        reply = ask(server.base_url)
    assert (reply.text, reply.reasoning) == ("yes", "hm")


def test_a_reason_that_nobody_knows_yet_is_an_error_and_named(speaker) -> None:
    with (
        GeminiServer(speaker(lambda _: Reply(Outcome.BLOCKED, finish_reason="NEW_REASON"))) as server,
        pytest.warns(UserWarning, match="NEW_REASON"),
    ):
        reply = ask(server.base_url)
    assert (reply.outcome, reply.error) == (Outcome.ERROR, "the reply ended with NEW_REASON")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param(b"<html>maintenance</html>", "the reply is no Gemini response", id="html"),
        pytest.param(b'{"candidates": [', "the reply is no Gemini response", id="cut_json"),
        pytest.param(b'{"candidates": 3}', "the reply is no Gemini response", id="another_form"),
        pytest.param(b'{"error": {"code": 500, "message": "x"}}', "the reply has no candidates", id="an_error_as_200"),
        pytest.param(b"{}", "the reply has no candidates", id="nothing"),
        pytest.param(
            b'{"candidates": [{"content": {"parts": [{"text": "ha"}]}}]}',
            "the reply ends without a finish reason",
            id="unfinished",
        ),
    ],
)
def test_a_200_that_is_no_answer_may_be_tried_again(raw_server, body: bytes, error: str) -> None:
    reply = ask(raw_server("200 OK", body, "Content-Type: application/json\r\n").base_url.removesuffix("/v1"))
    assert (reply.outcome, reply.retryable) == (Outcome.ERROR, True)
    assert reply.error.startswith(error)


def failure(status: int, reason: str = "", details: Sequence[dict[str, Any]] = ()) -> bytes:
    return orjson.dumps({"error": {"code": status, "message": "told  so", "status": reason, "details": list(details)}})


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(408, True), (409, True), (429, True), (500, True), (503, True), (504, True)]
    + [(400, False), (401, False), (403, False), (404, False), (413, False)],
)
def test_a_status_says_whether_the_same_request_may_work_later(raw_server, status: int, retryable: bool) -> None:
    server = raw_server(f"{status} Whatever", failure(status))
    reply = ask(server.base_url.removesuffix("/v1"))
    assert (reply.outcome, reply.retryable, reply.status) == (Outcome.ERROR, retryable, status)
    assert reply.error == f"HTTP {status}: told so"
    assert server.requests == 1, "retrying is the engine's business"


@pytest.mark.parametrize(
    ("details", "header", "wait"),
    [
        pytest.param([{"@type": "x/google.rpc.RetryInfo", "retryDelay": "7s"}], "", 7.0, id="retry_info"),
        pytest.param([{"@type": "x/google.rpc.RetryInfo", "retryDelay": "0.25s"}], "", 0.25, id="fractions"),
        pytest.param([{"retryDelay": "7s"}], "Retry-After: 3\r\n", 7.0, id="retry_info_before_the_header"),
        pytest.param([], "Retry-After: 3\r\n", 3.0, id="header"),
        pytest.param([{"retryDelay": "soon"}], "", None, id="unreadable"),
        pytest.param([], "", None, id="none"),
    ],
)
def test_the_wait_that_is_asked_for_is_read(raw_server, details, header: str, wait: float | None) -> None:
    server = raw_server("429 Too Many", failure(429, "RESOURCE_EXHAUSTED", details), header)
    assert ask(server.base_url.removesuffix("/v1")).retry_after == wait


def test_a_days_quota_is_not_waited_for(raw_server) -> None:
    quota = {"@type": "x/google.rpc.QuotaFailure", "violations": [{"quotaId": "GenerateRequestsPerDayPerModel"}]}
    server = raw_server("429 Too Many", failure(429, "RESOURCE_EXHAUSTED", [quota, {"retryDelay": "9s"}]))
    reply = ask(server.base_url.removesuffix("/v1"))
    assert (reply.retryable, reply.retry_after) == (False, None)


def test_a_wrong_key_is_told_as_such_though_gemini_calls_it_a_bad_request(
    speaker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    said = io.StringIO()
    with GeminiServer(speaker(), api_key="another") as server, redirect_stdout(said), redirect_stderr(said):
        reply = ask(server.base_url)
        chat = GeminiChat("gemini-toy", server.base_url)
    assert (reply.status, reply.retryable) == (401, False)
    assert reply.error == "HTTP 401: API key not valid: [key]."
    assert "CANARY" not in said.getvalue() + caplog.text + repr(reply) + repr(chat)
    asyncio.run(chat.close())


@pytest.mark.parametrize("names", [["GEMINI_API_KEY"], ["GOOGLE_API_KEY"], ["GOOGLE_API_KEY", "GEMINI_API_KEY"]])
def test_the_key_comes_from_either_variable(speaker, monkeypatch: pytest.MonkeyPatch, names: list[str]) -> None:
    for number, name in enumerate(names):
        monkeypatch.setenv(name, KEY if number == 0 else "another-key")
    with GeminiServer(speaker(), api_key=KEY) as server:
        assert ask(server.base_url).outcome is Outcome.SUCCESS


def test_a_missing_key_is_told_by_the_names_of_its_variables() -> None:
    with pytest.raises(ConfigError, match="GOOGLE_API_KEY or GEMINI_API_KEY is not set: put the key for https://gener"):
        GeminiChat("gemini-toy")


def test_the_environment_does_not_turn_the_client_to_vertex(speaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    with GeminiServer(speaker()) as server:
        assert ask(server.base_url).outcome is Outcome.SUCCESS


def test_a_reply_that_trickles_in_does_not_outlast_the_timeout(raw_server) -> None:
    base_url = raw_server("200 OK", b'{"candidates": []}' + b" " * 5000, pause=0.02).base_url.removesuffix("/v1")
    started = time.monotonic()
    reply = ask(base_url, timeout=0.3)
    assert (reply.error, reply.retryable) == ("no whole reply within 0.3 s", True)
    assert time.monotonic() - started < 60, "the whole reply takes 100 s"


@pytest.mark.parametrize(
    ("faults", "error"),
    [
        pytest.param(Faults(reset_rate=1.0), "the connection failed (", id="reset"),
        pytest.param(Faults(cut_rate=1.0), "the reply is no Gemini response (", id="cut"),
        pytest.param(Faults(error_rates={503: 1.0}), "HTTP 503: a fault was asked for", id="busy"),
        pytest.param(Faults(limit_every=1, retry_after="2"), "HTTP 429: too many requests", id="limited"),
    ],
)
def test_a_faulty_endpoint_is_asked_once_and_may_be_asked_again(speaker, faults: Faults, error: str) -> None:
    with GeminiServer(speaker(), faults=faults) as server:
        reply = ask(server.base_url)
        assert server.counts.requests == 1
    assert reply.error.startswith(error)
    assert reply.retryable
    assert reply.retry_after == (2.0 if faults.limit_every else None)


def test_many_are_in_flight_at_once(speaker) -> None:
    with GeminiServer(speaker(), faults=Faults(latency=0.3)) as server:
        ask_all(server.base_url, [HELLO] * 120)
        assert server.counts.peak_in_flight == 120


def watched(clip: Video, question: str = "what?") -> Request:
    return Request("watch", (clip, Text(question)), sampling=Sampling(fps=2.0))


def test_a_video_too_large_for_a_request_is_uploaded_once_and_asked_about_when_it_is_ready(
    speaker, clip: Video
) -> None:
    model = speaker()
    with GeminiServer(model, processing=0.3) as server:
        requests = [watched(clip, f"question {number}") for number in range(4)]
        replies = ask_all(server.base_url, requests, capability=UPLOADING)
        assert server.uploads == 1
    assert {reply.outcome for reply in replies} == {Outcome.SUCCESS}
    assert {request.parts[0] for request in model.heard} == {replace(clip, duration=0.0)}


def test_a_video_that_fits_goes_inside_the_request(speaker, clip: Video) -> None:
    with GeminiServer(speaker()) as server:
        assert ask(server.base_url, watched(clip)).outcome is Outcome.SUCCESS
        assert server.uploads == 0


def test_the_next_run_finds_what_the_last_one_has_uploaded(speaker, clip: Video) -> None:
    with GeminiServer(speaker()) as server:
        for _ in range(2):
            assert ask(server.base_url, watched(clip), capability=UPLOADING).outcome is Outcome.SUCCESS
        assert server.uploads == 1


def test_a_file_about_to_expire_is_uploaded_again(speaker, clip: Video) -> None:
    with GeminiServer(speaker(), life=timedelta(minutes=5)) as server:
        for _ in range(2):
            assert ask(server.base_url, watched(clip), capability=UPLOADING).outcome is Outcome.SUCCESS
        assert server.uploads == 2


def test_a_file_that_is_gone_is_uploaded_by_the_next_attempt(speaker, clip: Video) -> None:
    async def twice(server: GeminiServer) -> tuple[Reply, Reply, Reply]:
        chat = GeminiChat("gemini-toy", server.base_url, capability=UPLOADING)
        first = await chat.reply(watched(clip))
        server.files.clear()
        replies = first, await chat.reply(watched(clip)), await chat.reply(watched(clip))
        await chat.close()
        return replies

    with GeminiServer(speaker()) as server:
        first, gone, again = asyncio.run(twice(server))
        assert server.uploads == 2
    assert (first.outcome, again.outcome) == (Outcome.SUCCESS, Outcome.SUCCESS)
    assert (gone.outcome, gone.retryable, gone.status) == (Outcome.ERROR, True, None)


def test_a_video_that_gemini_cannot_read_is_not_tried_again(speaker) -> None:
    broken = Video(b"no video at all" * 20, "video/mp4", 2.0)
    with GeminiServer(speaker()) as server:
        reply = ask(server.base_url, watched(broken), capability=UPLOADING)
    assert (reply.error, reply.retryable) == ("the endpoint could not read the video", False)


def test_a_video_that_does_not_become_ready_is_given_up(speaker, clip: Video) -> None:
    with GeminiServer(speaker(), processing=60) as server:
        reply = ask(server.base_url, watched(clip), capability=UPLOADING, upload_seconds=0.5)
    assert (reply.error, reply.retryable) == ("the video was not ready within 0.5 s", True)


def test_old_files_give_way_to_new_ones(speaker, clip: Video, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demitasse.chat.gemini_files.KEPT_BYTES", 2 * len(clip.data))
    clips = [
        Video(render_clip(tmp_path / f"{number}.mp4", number).read_bytes(), "video/mp4", 2.0) for number in (1, 2, 3)
    ]

    async def one_by_one(base_url: str) -> None:
        chat = GeminiChat("gemini-toy", base_url, capability=UPLOADING)
        for one in clips:
            assert (await chat.reply(watched(one))).outcome is Outcome.SUCCESS
        await chat.close()

    with GeminiServer(speaker()) as server:
        asyncio.run(one_by_one(server.base_url))
        assert server.uploads == 3
        assert [file.data for file in server.files.values()] == [one.data for one in clips[-len(server.files) :]]
        assert len(server.files) < 3


class StandInFiles:
    """The client's files, of which deleting takes a while, and fails if told to."""

    def __init__(self, fails: bool) -> None:
        self.fails = fails

    async def get(self, name: str) -> types.File:
        raise errors.APIError(404, {"error": {}})

    async def upload(self, file: io.BytesIO, config: types.UploadFileConfig) -> types.File:
        return types.File(name=config.name, uri=f"there/{config.name}", state=types.FileState.ACTIVE)

    async def delete(self, name: str) -> None:
        await asyncio.sleep(0.01)
        if self.fails:
            raise httpx.ConnectError("nobody there")


@pytest.mark.parametrize("fails", [False, True])
def test_no_reply_is_lost_over_making_room(fails: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demitasse.chat.gemini_files.KEPT_BYTES", 35)

    async def run() -> None:
        client: Any = SimpleNamespace(aio=SimpleNamespace(files=StandInFiles(fails)))
        uploads = Uploads(client, "secret", 5)

        async def watch(number: int) -> None:
            async with uploads.ready(Video(bytes([number]) * 10, "video/mp4", 1.0)):
                await asyncio.sleep(0.01 + 0.002 * number)

        for number in range(3):
            await watch(number)
        await asyncio.gather(*(watch(number) for number in range(3, 8)))

    asyncio.run(run())


def test_the_key_is_shown_to_no_host_that_the_endpoint_sends_us_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    seen: list[tuple[str, str | None]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.host, request.headers.get("x-goog-api-key")))
        if request.url.host == "127.0.0.1":
            return httpx.Response(307, headers={"location": "http://elsewhere.example/"})
        return httpx.Response(404)

    async def run() -> None:
        client = _KeylessClient(KEY, "127.0.0.1", transport=httpx.MockTransport(answer), follow_redirects=True)
        await client.post("http://127.0.0.1/v1beta", headers={"x-goog-api-key": KEY})

    asyncio.run(run())
    assert seen == [("127.0.0.1", KEY), ("elsewhere.example", None)]


def test_two_accounts_give_the_same_video_two_names(speaker, clip: Video, monkeypatch: pytest.MonkeyPatch) -> None:
    with GeminiServer(speaker()) as server:
        for key in ("first-account-key", "second-account-key"):
            monkeypatch.setenv("GEMINI_API_KEY", key)
            ask(server.base_url, watched(clip), capability=UPLOADING)
        assert len(server.files) == 2


def test_a_loopback_servers_port_is_no_part_of_its_name(speaker) -> None:
    names = set()
    for _ in range(2):
        with GeminiServer(speaker()) as server:
            chat = GeminiChat("gemini-toy", server.base_url)
            names.add(chat.name)
            asyncio.run(chat.close())
    assert names == {"gemini:loopback/gemini-toy"}


def test_an_upload_of_many_chunks_arrives_whole(speaker, clip: Video) -> None:
    large = Video(clip.data + bytes(20 * 2**20), "video/mp4", 2.0)  # the client sends 8 MiB at a time
    model = speaker()
    with GeminiServer(model) as server:
        assert ask(server.base_url, watched(large)).outcome is Outcome.SUCCESS
    assert model.heard[0].parts[0].data == large.data
