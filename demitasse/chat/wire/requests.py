"""The body of POST /chat/completions: a `Request` written as JSON, and read back."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

import orjson

from demitasse.chat.model import Capability, Image, Part, Request, Sampling, Text, Turn, Video
from demitasse.errors import DataError

_STEP_TAG = re.compile(r"(?:\n\n)?\[step: ([^\]\n]+)\]$")
_FRAME_TIME = re.compile(r"^t=(\d+(?:\.\d+)?) s$")
_DATA_URI = re.compile(r"^data:([\w.+-]+/[\w.+-]+);base64,", re.ASCII)
_SCHEMA_NOTE = "Answer with one JSON value that fits this JSON schema, and nothing else:\n"


def frame_label(seconds: float) -> str:
    """The text that stands before a frame of a video: its presentation time."""
    return f"t={seconds:.2f} s"


def write_request(request: Request, model: str, capability: Capability, limit_field: str) -> dict[str, Any]:
    """The JSON body of POST /chat/completions; `limit_field` is the endpoint's name for the token limit."""
    sampling = request.sampling
    enforced = request.schema is not None and capability.json_schema
    body: dict[str, Any] = {
        "model": model,
        "messages": _messages(request, describe_schema=not enforced),
        limit_field: sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
    }
    if enforced:
        schema = {"name": re.sub(r"[^a-zA-Z0-9_-]", "_", request.step)[:64], "schema": request.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return {key: value for key, value in body.items() if value is not None}


def _messages(request: Request, describe_schema: bool) -> list[dict[str, Any]]:
    system = [request.system] if request.system else []
    if request.schema is not None and describe_schema:
        system.append(_SCHEMA_NOTE + orjson.dumps(request.schema, option=orjson.OPT_INDENT_2).decode())
    system.append(f"[step: {request.step}]")
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "\n\n".join(system)},
        {"role": "user", "content": _content(request.parts)},
    ]
    for turn in request.turns:
        messages.append({"role": "assistant", "content": turn.reply})
        messages.append({"role": "user", "content": turn.correction})
    return messages


def _content(parts: tuple[Part, ...]) -> str | list[dict[str, Any]]:
    if len(parts) == 1 and isinstance(parts[0], Text):
        return parts[0].text  # text-only servers may take nothing but a string
    return [_write_part(part) for part in parts]


def _write_part(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    kind = "video_url" if isinstance(part, Video) else "image_url"
    uri = f"data:{part.mime};base64,{base64.b64encode(part.data).decode()}"
    return {"type": kind, kind: {"url": uri}}


def read_request(body: Mapping[str, Any]) -> Request:
    """The request that `write_request` wrote. A video's duration does not travel and reads as 0.

    Raises:
        DataError: naming the field that is missing or of the wrong form.
    """
    messages = _list_of_dicts(body.get("messages"), "messages")
    system = "\n\n".join(str(m.get("content", "")) for m in messages if m.get("role") == "system")
    talk = [m for m in messages if m.get("role") != "system"]
    if not talk or [m.get("role") for m in talk] != ["user", "assistant"] * (len(talk) // 2) + ["user"]:
        raise DataError("messages: after the system message, user and assistant must take turns, user first and last")
    tag = _STEP_TAG.search(system)
    response_format = body.get("response_format") or {}
    schema = response_format.get("json_schema") or {}
    return Request(
        step=tag.group(1) if tag else str(schema.get("name", "")),
        parts=_read_content(talk[0].get("content")),
        system=system[: tag.start()] if tag else system,
        schema=schema.get("schema"),
        sampling=_read_sampling(body),
        turns=tuple(
            Turn(str(reply.get("content")), str(correction.get("content")))
            for reply, correction in zip(talk[1::2], talk[2::2], strict=True)
        ),
    )


def _read_sampling(body: Mapping[str, Any]) -> Sampling:
    limit = body.get("max_completion_tokens", body.get("max_tokens", Sampling().max_tokens))
    return Sampling(body.get("temperature"), limit, body.get("top_p"), body.get("seed"))


def _read_content(content: object) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (Text(content),)
    parts: list[Part] = []
    for item in _list_of_dicts(content, "content"):
        previous = _FRAME_TIME.match(parts[-1].text) if parts and isinstance(parts[-1], Text) else None
        parts.append(_read_part(item, float(previous.group(1)) if previous else None))
    return tuple(parts)


def _read_part(item: Mapping[str, Any], frame_time: float | None) -> Part:
    kind = str(item.get("type"))
    if kind == "text":
        return Text(str(item.get("text", "")))
    if kind not in ("image_url", "video_url"):
        raise DataError(f"content: a part of type '{kind}' is not one of text, image_url, video_url")
    mime, data = _read_data_uri((item.get(kind) or {}).get("url"), kind)
    return Image(data, mime, frame_time) if kind == "image_url" else Video(data, mime, 0.0)


def _read_data_uri(uri: object, kind: str) -> tuple[str, bytes]:
    head = _DATA_URI.match(uri) if isinstance(uri, str) else None
    if head is None or not isinstance(uri, str):
        raise DataError(f"{kind}.url: only data:<type>/<subtype>;base64,… is served here")
    try:
        return head.group(1), base64.b64decode(uri[head.end() :], validate=True)
    except binascii.Error as error:
        raise DataError(f"{kind}.url: the base64 text is broken ({error})") from None


def _list_of_dicts(value: object, field: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise DataError(f"{field}: a list of objects is needed")
    return value
