"""What differs between endpoints of the OpenAI protocol: what they take, how they are told, and how they misanswer."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from demitasse.chat.kinds import BOX_STYLES, OPENAI_KINDS, kind_of
from demitasse.chat.model import Capability, Outcome, Reply, Request, Sampling, Text, Video
from demitasse.chat.openai import OpenAIChat
from demitasse.chat.server import ChatServer
from demitasse.chat.wire.completions import read_completion
from demitasse.chat.wire.requests import read_request, write_request

WATCH = Request("watch", (Video(b"clip", "video/mp4", 2.0), Text("?")), sampling=Sampling(fps=4.0))
SCHEMA = {"type": "object"}


def written(request: Request, kind: str) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(orjson.dumps(write_request(request, "m", OPENAI_KINDS[kind], "max_tokens")))
    return body


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        pytest.param("vllm", "media_io_kwargs", {"video": {"fps": 4.0, "num_frames": -1}}, id="vllm"),
        pytest.param("nim", "mm_processor_kwargs", {"fps": 4.0, "do_sample_frames": True}, id="nim"),
    ],
)
def test_frames_a_second_are_told_where_the_kind_reads_them(kind: str, field: str, value: object) -> None:
    assert written(WATCH, kind)[field] == value
    assert field not in written(Request("ask", (Text("?"),), sampling=Sampling(fps=4.0)), kind), "no video, no word"


def test_sglang_reads_frames_a_second_in_the_part() -> None:
    (video, _) = written(WATCH, "sglang")["messages"][1]["content"]
    assert video["video_url"]["fps"] == 4.0


@pytest.mark.parametrize("kind", ["vllm", "sglang", "nim"])
def test_frames_a_second_and_added_fields_are_read_back(kind: str) -> None:
    request = Request(
        "watch", WATCH.parts, sampling=Sampling(fps=4.0, extra={"chat_template_kwargs": {"enable_thinking": False}})
    )
    assert read_request(written(request, kind)).key("m") == request.key("m")


def test_added_fields_join_ours_and_win() -> None:
    extra = {"mm_processor_kwargs": {"size": {"longest_edge": 9}, "fps": 1}, "temperature": 0.9}
    body = written(Request("watch", WATCH.parts, sampling=Sampling(fps=4.0, extra=extra)), "nim")
    assert body["mm_processor_kwargs"] == {"fps": 1, "do_sample_frames": True, "size": {"longest_edge": 9}}
    assert body["temperature"] == 0.9


def test_fields_that_openai_does_not_know_pass_the_real_client(speaker) -> None:
    model = speaker()

    async def once(base_url: str) -> Reply:
        chat = OpenAIChat("m", base_url, capability=OPENAI_KINDS["vllm"])
        try:
            return await chat.reply(WATCH)
        finally:
            await chat.close()

    with ChatServer(model) as server:
        assert asyncio.run(once(server.base_url)).outcome is Outcome.SUCCESS
    assert model.heard[0].sampling.fps == 4.0


def test_a_stretch_of_a_video_is_never_left_out_in_silence() -> None:
    with pytest.raises(ValueError, match="cut it out first"):
        written(Request("watch", (Video(b"clip", "video/mp4", 2.0, (0.0, 1.0)),)), "vllm")


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("api.openai.com", "openai"),
        ("openrouter.ai", "openrouter"),
        ("dashscope-intl.aliyuncs.com", "dashscope"),
        ("integrate.api.nvidia.com", "nim"),
        ("127.0.0.1", "other"),
        ("gpu-17.example.com", "other"),
    ],
)
def test_a_hosts_name_tells_the_kind_and_a_models_name_does_not(host: str, kind: str) -> None:
    assert kind_of(host) == kind


def test_every_kind_is_a_record_and_names_boxes_that_there_are() -> None:
    assert {"vllm", "sglang", "nim", "dashscope", "openai", "openrouter", "other"} == OPENAI_KINDS.keys()
    for record in OPENAI_KINDS.values():
        assert isinstance(record, Capability)
        assert not record.boxes, "whose model it is, a server's kind does not tell"
    assert set(BOX_STYLES) == {"qwen2_5_vl_px", "qwen_1000", "gemini_yxyx_1000", "image_px"}


def completion(finish: str = "stop", **message: Any) -> bytes:
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", **message}}
    return orjson.dumps({"model": "m-2026-01", "system_fingerprint": "fp_7", "choices": [choice]})


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_json_that_a_server_routes_to_the_reasoning_is_the_answer_where_json_was_asked_for(field: str) -> None:
    body = completion(content=None, **{field: '{"a": 1}'})
    reply = read_completion(body, structured=True)
    assert (reply.outcome, reply.text, reply.reasoning) == (Outcome.SUCCESS, '{"a": 1}', "")
    assert read_completion(body).outcome is Outcome.BLOCKED, "of free text, reasoning is no answer"


def test_thoughts_without_an_answer_are_no_answer() -> None:
    reply = read_completion(completion(content="", reasoning="Let me think."), structured=True)
    assert (reply.outcome, reply.error) == (Outcome.BLOCKED, "the reply has no text")


@pytest.mark.parametrize(
    ("content", "outcome"),
    [
        pytest.param('{"a": 1}' + "\n" * 400, Outcome.SUCCESS, id="after_a_whole_value_nothing_is_missing"),
        pytest.param('{"a": 1,' + " \n" * 200, Outcome.SUCCESS, id="within_a_value_more_room_brings_more_space"),
        pytest.param('{"a": "a long', Outcome.TRUNCATED, id="words_that_were_cut_need_more_room"),
        pytest.param('{"a": 1,\n   ', Outcome.TRUNCATED, id="an_indentation_is_no_loop"),
        pytest.param("\n" * 400, Outcome.TRUNCATED, id="nothing_but_space"),
    ],
)
def test_a_loop_of_white_space_is_not_bought_twice(content: str, outcome: Outcome) -> None:
    """A server that enforces a grammar may write the spaces that it allows until the room is used up."""
    assert read_completion(completion("length", content=content), structured=True).outcome is outcome


def test_who_answered_and_with_what_is_kept() -> None:
    reply = read_completion(completion(content="yes"))
    assert (reply.model, reply.fingerprint) == ("m-2026-01", "fp_7")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        pytest.param(b"<html>login</html>", "the reply is not JSON (18 bytes)", id="html"),
        pytest.param(b'{"error": {"message": "overloaded"}}', "the reply is an error: overloaded", id="error_body"),
        pytest.param(b'{"choices": []}', "the reply has no choices", id="no_choices"),
        pytest.param(b'"ok"', "the reply is an error: ok", id="a_word"),
    ],
)
def test_a_200_that_is_no_completion_is_an_error_that_may_pass(content: bytes, error: str) -> None:
    reply = read_completion(content, structured=True)
    assert (reply.outcome, reply.error, reply.retryable) == (Outcome.ERROR, error, True)


def test_a_loopback_servers_port_is_no_part_of_its_name_and_another_hosts_is(speaker, monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789")
    for base_url, name in [
        ("http://127.0.0.1:8000/v1", "openai:loopback/m"),
        ("http://localhost:8001/v1", "openai:loopback/m"),
        ("http://[::1]:8002/v1", "openai:loopback/m"),
        ("http://gpu-17:8000/v1", "openai:gpu-17:8000/m"),
    ]:
        assert OpenAIChat("m", base_url).name == name
