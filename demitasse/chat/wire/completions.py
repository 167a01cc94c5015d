"""The answer to POST /chat/completions: a completion read into a `Reply`, and written from one; errors too."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import orjson

from demitasse.answers.reasoning import split_reasoning
from demitasse.chat.model import Outcome, Reply, Usage
from demitasse.visible import one_visible_line

# What vLLM and SGLang say of a reply that its own server broke off: not the model's end, whatever stands there.
_BROKEN_OFF = frozenset({"abort", "error", "repetition"})
LOOP = 64  # spaces and line breaks at a reply's end: nobody writes so many, and more room brings more of them


def read_completion(content: bytes, structured: bool = False) -> Reply:
    """What a 200 says, which may still be an error.

    Reasoning is taken from `message.reasoning`, `message.reasoning_content` and `<think>` tags alike; servers
    differ in where they put it, some of them from version to version.

    Args:
        content: the body.
        structured: whether a schema was to be enforced. Then a JSON value that a server has put where reasoning
            goes is the answer, and a reply that runs on in white space until its room is used up is not cut short:
            what stands before is all there is to come.
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
    return _read_choice(body, message, str(choice.get("finish_reason") or ""), structured)


def _read_choice(body: Mapping[str, Any], message: Mapping[str, Any], finish: str, structured: bool) -> Reply:
    content = _flat_text(message.get("content"))
    split = split_reasoning(content)
    thoughts = [message.get("reasoning"), message.get("reasoning_content"), split.reasoning]
    told = list(dict.fromkeys(text for text in thoughts if isinstance(text, str) and text))
    text = split.final
    if structured and not text and split.closed and len(told) == 1 and is_json(told[0]):
        text, told = told[0].strip(), []
    looping = structured and text != "" and is_looping(content)
    outcome, error = _outcome("stop" if looping else finish, message.get("refusal"), text)
    return Reply(
        outcome=outcome,
        text=text,
        reasoning="\n".join(told),
        model=str(body.get("model") or ""),
        finish_reason=finish,
        usage=_read_usage(body.get("usage")),
        error=error,
        retryable=outcome is Outcome.ERROR,
        fingerprint=str(body.get("system_fingerprint") or ""),
        raw=content if split.reasoning or not split.closed else "",
    )


def is_looping(content: str) -> bool:
    """Whether a reply under a schema runs on in white space, which the grammar allows between any two words."""
    return len(content) - len(content.rstrip()) >= LOOP


def is_json(text: str) -> bool:
    """Whether a text as a whole is a JSON object or list."""
    try:
        return isinstance(orjson.loads(text), dict | list)
    except orjson.JSONDecodeError:
        return False


def _outcome(finish: str, refusal: object, text: str) -> tuple[Outcome, str]:
    if finish == "content_filter":
        return Outcome.BLOCKED, "the endpoint's content filter withheld the reply"
    if refusal:
        return Outcome.REFUSED, one_line(str(refusal))
    if finish == "length":
        return Outcome.TRUNCATED, ""
    if finish in _BROKEN_OFF:
        return Outcome.ERROR, f"the server broke the reply off ({finish})"
    if not text:  # paid for, and asking the same again would be paid for again
        return Outcome.BLOCKED, "the reply has no text"
    return Outcome.SUCCESS, ""


def _flat_text(content: object) -> str:
    if isinstance(content, list):  # some servers answer in parts, as requests are written
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _read_usage(usage: object) -> Usage:
    if not isinstance(usage, dict):
        return Usage()
    return Usage(
        prompt=_count(usage, "prompt_tokens"),
        completion=_count(usage, "completion_tokens"),
        reasoning=_count(usage.get("completion_tokens_details"), "reasoning_tokens"),
        cached=_count(usage.get("prompt_tokens_details"), "cached_tokens"),
    )


def _count(counts: object, name: str) -> int:
    """A number of tokens; 0 for what is none, for it must not cost the reply that it stands beside."""
    value = counts.get(name) if isinstance(counts, dict) else None
    return int(value) if isinstance(value, int | float) and value >= 0 else 0


def _failed(message: str) -> Reply:
    return Reply(Outcome.ERROR, error=message, retryable=True)


def error_message(body: object) -> str:
    """The endpoint's own words about an error, on one line."""
    if isinstance(body, dict):
        inner = body.get("error", body)
        body = inner.get("message", inner) if isinstance(inner, dict) else inner
    return one_line(str(body or "no message"))


def one_line(text: str) -> str:
    """`text` on one line, nothing in it acting on a terminal, cut to 300 characters: fit for an error message.

    The end is kept as well: vLLM puts a whole video's pixels into a message, and what was wrong with it behind them.
    """
    flat = one_visible_line(text)
    return flat if len(flat) <= 300 else f"{flat[:179]}…{flat[-120:]}"


def write_completion(reply: Reply, number: int) -> dict[str, Any]:
    """The body of a 200 for a reply that is not an ERROR."""
    finish = {Outcome.TRUNCATED: "length", Outcome.BLOCKED: "content_filter"}.get(reply.outcome, "stop")
    if reply.finish_reason in _BROKEN_OFF:
        finish = reply.finish_reason
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
        "system_fingerprint": reply.fingerprint or None,
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
