"""The answer to POST /chat/completions: a completion read into a `Reply`, and written from one; errors too."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import orjson

from demitasse.answers.reasoning import split_reasoning
from demitasse.chat.model import Outcome, Reply, Usage


def read_completion(content: bytes) -> Reply:
    """What a 200 says, which may still be an error.

    Reasoning is taken from `message.reasoning`, `message.reasoning_content` and `<think>` tags alike; servers
    differ in where they put it, some of them from version to version.
    """
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        return _failed(f"the reply is not JSON ({len(content)} bytes)")
    if not isinstance(body, dict) or body.get("error"):
        return _failed(f"the reply is an error: {error_message(body)}")
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        return _failed("the reply has no choices")
    return _read_choice(body, message, str(choice.get("finish_reason") or ""))


def _read_choice(body: Mapping[str, Any], message: Mapping[str, Any], finish: str) -> Reply:
    split = split_reasoning(_flat_text(message.get("content")))
    thoughts = [message.get("reasoning"), message.get("reasoning_content"), split.reasoning]
    outcome, error = _outcome(finish, message.get("refusal"), split.final)
    return Reply(
        outcome=outcome,
        text=split.final,
        reasoning="\n".join(dict.fromkeys(text for text in thoughts if isinstance(text, str) and text)),
        model=str(body.get("model") or ""),
        finish_reason=finish,
        usage=_read_usage(body.get("usage")),
        error=error,
        retryable=outcome is Outcome.ERROR,
    )


def _outcome(finish: str, refusal: object, text: str) -> tuple[Outcome, str]:
    if finish == "content_filter":
        return Outcome.BLOCKED, "the endpoint's content filter withheld the reply"
    if refusal:
        return Outcome.REFUSED, one_line(str(refusal))
    if finish == "length":
        return Outcome.TRUNCATED, ""
    if not text:
        return Outcome.ERROR, "the reply has no text"
    return Outcome.SUCCESS, ""


def _flat_text(content: object) -> str:
    if isinstance(content, list):  # some servers answer in parts, as requests are written
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _read_usage(usage: object) -> Usage:
    if not isinstance(usage, dict):
        return Usage()
    completion_details = usage.get("completion_tokens_details") or {}
    prompt_details = usage.get("prompt_tokens_details") or {}
    return Usage(
        prompt=usage.get("prompt_tokens") or 0,
        completion=usage.get("completion_tokens") or 0,
        reasoning=completion_details.get("reasoning_tokens") or 0,
        cached=prompt_details.get("cached_tokens") or 0,
    )


def _failed(message: str) -> Reply:
    return Reply(Outcome.ERROR, error=message, retryable=True)


def error_message(body: object) -> str:
    """The endpoint's own words about an error, on one line."""
    if isinstance(body, dict):
        inner = body.get("error", body)
        body = inner.get("message", inner) if isinstance(inner, dict) else inner
    return one_line(str(body or "no message"))


def one_line(text: str) -> str:
    """`text` on one line, cut at 300 characters: fit for an error message."""
    flat = " ".join(text.split())
    return flat if len(flat) <= 300 else flat[:299] + "…"


def write_completion(reply: Reply, number: int) -> dict[str, Any]:
    """The body of a 200 for a reply that is not an ERROR."""
    finish = {Outcome.TRUNCATED: "length", Outcome.BLOCKED: "content_filter"}.get(reply.outcome, "stop")
    message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": None}
    if reply.outcome is Outcome.REFUSED:
        message |= {"content": None, "refusal": reply.error or reply.text}
    if reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    usage = reply.usage
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": reply.model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
        "usage": {
            "prompt_tokens": usage.prompt,
            "completion_tokens": usage.completion,
            "total_tokens": usage.prompt + usage.completion,
            "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
            "prompt_tokens_details": {"cached_tokens": usage.cached},
        },
    }


def write_error(message: str, status: int) -> dict[str, Any]:
    """An error in OpenAI's form."""
    kind = {401: "authentication_error", 429: "rate_limit_error"}.get(status)
    kind = kind or ("server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}
