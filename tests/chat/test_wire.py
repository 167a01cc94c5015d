"""The wire format: what is written is what is read, and every way a completion can end has one meaning."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from demitasse.chat.model import Capability, Image, Outcome, Reply, Request, Sampling, Text, Turn, Usage, Video
from demitasse.chat.wire.completions import read_completion, write_completion, write_error
from demitasse.chat.wire.requests import frame_label, read_request, write_request
from demitasse.errors import DataError

SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
FRAMES = (Text(frame_label(1.0)), Image(b"\xff\xd8one", "image/jpeg", 1.0), Text("Was it red?"))


def write(request: Request, capability: Capability | None = None) -> dict[str, Any]:
    return write_request(request, "teacher", capability or Capability(), "max_tokens")


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(Request("judge", (Text("Is it?"),)), id="bare_text"),
        pytest.param(Request("judge", (Text("é😀\n"),), system="One\n\ntwo [step: x]"), id="unicode_and_a_false_tag"),
        pytest.param(Request("1a/global caption", (Text("Is it?"),)), id="a_step_name_with_odd_letters"),
        pytest.param(Request("look", FRAMES), id="frames_with_their_times"),
        pytest.param(Request("look", (Image(b"\x89PNG", "image/png"), Text("?"))), id="a_still_without_a_time"),
        pytest.param(Request("watch", (Video(bytes(range(256)), "video/quicktime", 3.0), Text("?"))), id="video"),
        pytest.param(Request("mcq", (Text("?"),), schema=SCHEMA), id="schema"),
        pytest.param(Request("mcq", (Text("?"),), sampling=Sampling(None, 99, 0.5, 7)), id="sampling"),
        pytest.param(Request("mcq", (Text("?"),), turns=(Turn("x", "no"), Turn("y", "nor"))), id="turns"),
    ],
)
def test_a_request_survives_the_wire(request_: Request) -> None:
    read = read_request(orjson.loads(orjson.dumps(write(request_))))
    assert read.key("teacher") == request_.key("teacher")
    assert (read.step, read.system, read.turns) == (request_.step, request_.system, request_.turns)


def test_the_schema_carries_the_steps_name() -> None:
    body = write(Request("1a/mcq", (Text("?"),), schema=SCHEMA))
    assert body["response_format"] == {"type": "json_schema", "json_schema": {"name": "1a_mcq", "schema": SCHEMA}}
    assert body["messages"][0]["content"] == "[step: 1a/mcq]"


def test_an_endpoint_without_schemas_is_told_of_it_in_words() -> None:
    body = write(Request("mcq", (Text("?"),), system="Be brief.", schema=SCHEMA), Capability(json_schema=False))
    assert "response_format" not in body
    system = body["messages"][0]["content"]
    assert system.startswith("Be brief.\n\n")
    assert '"required": [' in system
    assert system.endswith("\n\n[step: mcq]")


def test_a_stand_in_knows_the_step_from_the_schemas_name_too() -> None:
    body = write(Request("mcq", (Text("?"),), schema=SCHEMA))
    body["messages"][0]["content"] = "a prompt without a tag"
    assert read_request(body).step == "mcq"


def test_settings_that_are_not_given_are_left_to_the_endpoint() -> None:
    body = write(Request("mcq", (Text("?"),), sampling=Sampling(temperature=None)))
    assert set(body) == {"model", "messages", "max_tokens"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param({"messages": "hello"}, "messages: a list of objects", id="no_list"),
        pytest.param({"messages": [{"role": "system", "content": ""}]}, "user and assistant must take", id="no_user"),
        pytest.param({"messages": [{"role": "user", "content": 3}]}, "content: a list of objects", id="no_content"),
        pytest.param(
            {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "'input_audio' is not", id="audio"
        ),
        pytest.param(
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/y"}}]}]},
            "image_url.url: only data:",
            id="address",
        ),
        pytest.param(
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "video_url", "video_url": {"url": "data:video/mp4;base64,a"}}],
                    }
                ]
            },
            "video_url.url: the base64 text is broken",
            id="broken_base64",
        ),
    ],
)
def test_a_body_that_is_no_request_is_refused_by_field(change: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError, match=told):
        read_request(write(Request("x", (Text("?"),))) | change)


def completion(content: Any = "yes", finish: str | None = "stop", **message: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}
    return {"model": "real-1", "choices": [choice]}


@pytest.mark.parametrize(
    ("body", "outcome", "text", "reasoning"),
    [
        pytest.param(completion(), "success", "yes", "", id="text"),
        pytest.param(completion(finish=None), "success", "yes", "", id="servers_may_leave_the_reason_out"),
        pytest.param(completion([{"type": "text", "text": "y"}, {"text": "es"}]), "success", "yes", "", id="parts"),
        pytest.param(completion(reasoning_content="hm"), "success", "yes", "hm", id="reasoning_content"),
        pytest.param(completion(reasoning="hm"), "success", "yes", "hm", id="reasoning"),
        pytest.param(completion(reasoning="hm", reasoning_content="hm"), "success", "yes", "hm", id="both_once"),
        pytest.param(completion("<think>hm</think>\nyes"), "success", "yes", "hm", id="think_tags"),
        pytest.param(completion("hm</think>yes"), "success", "yes", "hm", id="opened_by_the_template"),
        pytest.param(completion("ye", "length"), "truncated", "ye", "", id="length"),
        pytest.param(completion("<think>hm", "length"), "truncated", "", "hm", id="cut_in_thought"),
        pytest.param(completion("", "length"), "truncated", "", "", id="all_room_spent_on_hidden_thought"),
        pytest.param(completion("", "content_filter"), "blocked", "", "", id="content_filter"),
        pytest.param(completion(None, refusal="I cannot"), "refused", "", "", id="refusal"),
        pytest.param(completion(""), "blocked", "", "", id="empty"),
        pytest.param(completion(None), "blocked", "", "", id="null"),
        pytest.param(completion(" \n"), "blocked", "", "", id="blank"),
        pytest.param(completion("<think>hm"), "blocked", "", "hm", id="thought_that_never_ends"),
        pytest.param(completion("", reasoning_content='{"a":1}'), "blocked", "", '{"a":1}', id="answer_gone_astray"),
        pytest.param({"choices": []}, "error", "", "", id="no_choices"),
        pytest.param({"choices": None}, "error", "", "", id="null_choices"),
        pytest.param({"choices": [{}]}, "error", "", "", id="no_message"),
        pytest.param({"error": {"message": "overloaded", "code": 503}}, "error", "", "", id="error_in_a_200"),
        pytest.param({"error": "overloaded"}, "error", "", "", id="error_as_text"),
        pytest.param([], "error", "", "", id="a_list"),
    ],
)
def test_a_200_is_read_by_its_fields(body: Any, outcome: str, text: str, reasoning: str) -> None:
    reply = read_completion(orjson.dumps(body))
    assert (reply.outcome, reply.text, reply.reasoning) == (outcome, text, reasoning)
    assert reply.retryable == (outcome == "error")
    assert bool(reply.error) == (outcome in ("error", "refused", "blocked"))


@pytest.mark.parametrize("content", [b"<html>Bad gateway</html>", orjson.dumps(completion())[:-10], b"", b"\xff\xfe"])
def test_a_200_that_is_not_json_may_be_tried_again(content: bytes) -> None:
    reply = read_completion(content)
    assert (reply.outcome, reply.retryable) == (Outcome.ERROR, True)
    assert "not JSON" in reply.error


def test_an_error_in_a_200_is_told_in_the_endpoints_words() -> None:
    assert "overloaded" in read_completion(orjson.dumps(write_error("overloaded", 503))).error


def test_usage_and_the_answering_model_are_read() -> None:
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 8,
        "completion_tokens_details": {"reasoning_tokens": 5},
        "prompt_tokens_details": {"cached_tokens": 4},
    }
    reply = read_completion(orjson.dumps(completion() | {"usage": usage}))
    assert (reply.usage, reply.model) == (Usage(10, 8, 5, 4), "real-1")


def test_usage_may_be_left_out_or_be_none() -> None:
    nothing = {"prompt_tokens": None, "completion_tokens": "8", "completion_tokens_details": 7}
    for usage in (None, {}, 3, nothing, nothing | {"prompt_tokens": -1, "prompt_tokens_details": []}):
        assert read_completion(orjson.dumps(completion() | {"usage": usage})).usage == Usage()


@pytest.mark.parametrize(
    "reply",
    [
        Reply(Outcome.SUCCESS, "yes", "hm", "m", "stop", Usage(1, 2, 1, 1)),
        Reply(Outcome.TRUNCATED, "ye", "", "m", "length", Usage(1, 2)),
        Reply(Outcome.BLOCKED, "", "", "m", "content_filter"),
        Reply(Outcome.REFUSED, "", "", "m", "stop", error="I cannot"),
    ],
    ids=lambda reply: reply.outcome.value,
)
def test_a_reply_survives_the_wire(reply: Reply) -> None:
    read = read_completion(orjson.dumps(write_completion(reply, 1)))
    assert (read.outcome, read.text, read.reasoning) == (reply.outcome, reply.text, reply.reasoning)
    assert (read.model, read.finish_reason, read.usage) == (reply.model, reply.finish_reason, reply.usage)
