"""The Gemini API's JSON as a stand-in server sees it: requests read, replies and errors written.

The other direction is the real client's business (`demitasse.chat.gemini`).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from demitasse.chat.model import Image, Outcome, Part, Reply, Request, Sampling, Text, Turn, Video
from demitasse.chat.wire.requests import frame_time, read_system
from demitasse.errors import DataError

# Of a reply that was BLOCKED: its `finish_reason` begins so if the prompt was, and not the reply.
PROMPT = "PROMPT_"
SCHEMA = "response_json_schema"
_OWN_SETTINGS = {"temperature", "max_output_tokens", "top_p", "seed", "response_mime_type", SCHEMA}
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def read_request(body: Mapping[str, Any], files: Mapping[str, bytes]) -> Request:
    """What a request to generateContent asks; a video's duration does not travel and reads as 0.

    Args:
        body: its JSON.
        files: content of the files that can be asked about, by URI.

    Raises:
        DataError: naming the field that cannot be read.
    """
    body = _snake(body)
    contents = body.get("contents")
    if not isinstance(contents, list) or not contents or not all(isinstance(one, dict) for one in contents):
        raise DataError("contents: a list of objects is needed")
    if [one.get("role") for one in contents] != ["user", "model"] * (len(contents) // 2) + ["user"]:
        raise DataError("contents: user and model must take turns, user first and last")
    system, step = read_system(_text(body.get("system_instruction") or {}))
    settings = body.get("generation_config") or {}
    return Request(
        step=step,
        parts=_read_parts(contents[0].get("parts") or [], files),
        system=system,
        schema=settings.get(SCHEMA),
        sampling=_read_sampling(body, settings, contents[0].get("parts") or []),
        turns=tuple(
            Turn(_text(reply), _text(correction))
            for reply, correction in zip(contents[1::2], contents[2::2], strict=True)
        ),
    )


def _snake(value: Any) -> Any:
    """One spelling of the fields' names at any depth: the API takes `fileUri` and `file_uri`, the client sends both."""
    if isinstance(value, list):
        return [_snake(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    names = {key: re.sub("([A-Z])", r"_\1", key).lower() for key in value}
    # A schema's names are its own.
    return {name: value[key] if name == SCHEMA else _snake(value[key]) for key, name in names.items()}


def _text(content: Mapping[str, Any]) -> str:
    return "".join(str(part.get("text", "")) for part in content.get("parts") or [])


def _read_sampling(body: Mapping[str, Any], settings: Mapping[str, Any], parts: list[dict[str, Any]]) -> Sampling:
    extra = {key: value for key, value in settings.items() if key not in _OWN_SETTINGS}
    if "safety_settings" in body:
        extra["safety_settings"] = body["safety_settings"]
    fps = next((part["video_metadata"]["fps"] for part in parts if "fps" in part.get("video_metadata", {})), None)
    limit = settings.get("max_output_tokens", Sampling().max_tokens)
    return Sampling(settings.get("temperature"), limit, settings.get("top_p"), settings.get("seed"), fps, extra)


def _read_parts(items: list[dict[str, Any]], files: Mapping[str, bytes]) -> tuple[Part, ...]:
    parts: list[Part] = []
    for item in items:
        parts.append(_read_part(item, files, frame_time(parts[-1]) if parts else None))
    return tuple(parts)


def _read_part(item: Mapping[str, Any], files: Mapping[str, bytes], time: float | None) -> Part:
    if "text" in item:
        return Text(str(item["text"]))
    mime, data = _read_media(item, files)
    if mime.startswith("image/"):
        return Image(data, mime, time)
    return Video(data, mime, 0.0, _read_span(item.get("video_metadata") or {}))


def _read_media(item: Mapping[str, Any], files: Mapping[str, bytes]) -> tuple[str, bytes]:
    if "file_data" in item:
        uri = str(item["file_data"].get("file_uri"))
        if uri not in files:
            raise DataError(f"file {uri.rpartition('/v1beta/')[2]} is not in an ACTIVE state and usage is not allowed")
        return str(item["file_data"].get("mime_type")), files[uri]
    inline = item.get("inline_data")
    if not isinstance(inline, dict):
        raise DataError("contents: a part must hold text, inlineData or fileData")
    try:
        return str(inline.get("mime_type")), base64.urlsafe_b64decode(str(inline.get("data")))
    except binascii.Error as error:
        raise DataError(f"inlineData.data: the base64 text is broken ({error})") from None


def _read_span(metadata: Mapping[str, Any]) -> tuple[float, float] | None:
    offsets = [str(metadata.get(name, "")).removesuffix("s") for name in ("start_offset", "end_offset")]
    return (float(offsets[0]), float(offsets[1])) if all(offsets) else None


def write_response(reply: Reply) -> dict[str, Any]:
    """The body of a 200 for a reply that is not an ERROR.

    A blocked reply's `finish_reason` is Gemini's word for it; with `PROMPT` before it, of a block of the prompt.
    """
    usage = reply.usage
    body: dict[str, Any] = {
        "modelVersion": reply.model,
        "usageMetadata": {
            "promptTokenCount": usage.prompt,
            "candidatesTokenCount": usage.completion - usage.reasoning,
            "thoughtsTokenCount": usage.reasoning,
            "cachedContentTokenCount": usage.cached,
            "totalTokenCount": usage.prompt + usage.completion,
        },
    }
    if reply.finish_reason.startswith(PROMPT):
        return body | {"promptFeedback": {"blockReason": reply.finish_reason.removeprefix(PROMPT)}}
    parts = [{"text": reply.reasoning, "thought": True}] if reply.reasoning else []
    parts += [{"text": reply.text}] if reply.text else []
    finish = {Outcome.TRUNCATED: "MAX_TOKENS", Outcome.BLOCKED: "SAFETY"}.get(reply.outcome, "STOP")
    if reply.outcome is Outcome.BLOCKED and reply.finish_reason:
        finish = reply.finish_reason
    content: dict[str, Any] = {"role": "model"} | ({"parts": parts} if parts else {})
    return body | {"candidates": [{"content": content, "finishReason": finish, "index": 0}]}


def write_error(message: str, status: int, retry_after: str = "") -> dict[str, Any]:
    """An error in Gemini's form; the wait stands in its details."""
    details: list[dict[str, Any]] = []
    if retry_after:
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{retry_after}s"})
    if status == 401:  # Gemini calls a wrong key a bad request
        details.append({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"})
        status = 400
    name = _STATUSES.get(status, "UNKNOWN")
    return {"error": {"code": status, "message": message, "status": name, "details": details}}
