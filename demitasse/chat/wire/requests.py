"""The body of POST /chat/completions: a `Request` written as JSON, and read back."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

import orjson

from demitasse.chat.model import Capability, FpsChannel, Frames, Image, Part, Request, Sampling, Text, Turn, Video
from demitasse.errors import DataError

_STEP_TAG = re.compile(r"(?:\n\n)?\[step: ([^\]\n]+)\]$")
_FRAME_TIME = re.compile(r"^t=(\d+(?:\.\d+)?) s$")
_DATA_URI = re.compile(r"^data:([\w.+-]+/[\w.+-]+);base64,", re.ASCII)
# What is the request's own; every other field of a body is one that the sender added.
_SAMPLING_FIELDS = {"max_tokens", "max_completion_tokens", "temperature", "top_p", "seed"}
_OWN_FIELDS = {"model", "messages", "response_format", "media_io_kwargs", "mm_processor_kwargs"} | _SAMPLING_FIELDS
# vLLM's name for a video that comes as pictures; any kind of picture is read.
_FRAMES = "video/jpeg"
_RATE = 1000  # a second, at which the frames of such a video are numbered: their times are told to the millisecond
_SCHEMA_NOTE = "Answer with one JSON value that fits this JSON schema, and nothing else:\n"


def frame_label(seconds: float) -> str:
    """The text that stands before a frame of a video: its presentation time."""
    return f"t={seconds:.2f} s"


def frame_time(before: Part) -> float | None:
    """The presentation time of a picture, from the part before it."""
    label = _FRAME_TIME.match(before.text) if isinstance(before, Text) else None
    return float(label.group(1)) if label else None


def write_request(request: Request, model: str, capability: Capability, limit_field: str) -> dict[str, Any]:
    """The JSON body of POST /chat/completions; `limit_field` is the endpoint's name for the token limit."""
    sampling = request.sampling
    enforced = request.schema is not None and capability.json_schema
    body: dict[str, Any] = {
        "model": model,
        "messages": _messages(request, capability, in_words=not enforced),
        limit_field: sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
    }
    if enforced:
        schema = {"name": re.sub(r"[^a-zA-Z0-9_-]", "_", request.step)[:64], "schema": request.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    body |= _fps_fields(_fps(request), capability.fps_channel) | _frame_fields(request)
    given = {key: value for key, value in body.items() if value is not None}
    return given | {key: _joined(given.get(key), value) for key, value in sampling.extra.items()}


def _fps(request: Request) -> float | None:
    """The frames per second to tell, where a whole video goes out."""
    return request.sampling.fps if any(isinstance(part, Video) for part in request.parts) else None


def _fps_fields(fps: float | None, channel: FpsChannel) -> dict[str, Any]:
    if fps is None:
        return {}
    if channel == "media_io":  # a server's default number of frames would cap what fps gives
        return {"media_io_kwargs": {"video": {"fps": fps, "num_frames": -1}}}
    if channel == "mm_processor":
        return {"mm_processor_kwargs": {"fps": fps, "do_sample_frames": True}}
    return {}


def _frame_fields(request: Request) -> dict[str, Any]:
    """When the frames of a video of pictures are shown; a server would else take them for one a second, 32 at most."""
    shown = next((part for part in request.parts if isinstance(part, Frames)), None)
    if shown is None:
        return {}
    numbers = [round(time * _RATE) for time in shown.times]
    total = max(len(numbers), round(shown.spacing * len(numbers) * _RATE))
    told = {"fps": _RATE, "num_frames": -1, "frames_indices": numbers, "total_num_frames": total}
    # Or a processor that samples would do so a second time: vLLM's own Qwen2.5-VL does not tell it otherwise.
    return {"media_io_kwargs": {"video": told}, "mm_processor_kwargs": {"do_sample_frames": False}}


def _joined(ours: object, added: object) -> object:
    """What the sender added wins, field by field where both are objects."""
    return {**ours, **added} if isinstance(ours, dict) and isinstance(added, dict) else added


def write_system(request: Request, schema_in_words: bool) -> str:
    """The system message: the request's own, the schema in words where nothing enforces it, and the step's name."""
    words = write_schema(request.schema) if request.schema is not None and schema_in_words else ""
    step = f"[step: {request.step}]" if request.step else ""
    return "\n\n".join(part for part in (request.system, words, step) if part)


def write_schema(schema: Mapping[str, Any]) -> str:
    """The words that ask for a schema."""
    return _SCHEMA_NOTE + orjson.dumps(schema, option=orjson.OPT_INDENT_2).decode()


def read_system(text: str) -> tuple[str, str]:
    """The request's own system message, and the step's name; "" where there is none."""
    tag = _STEP_TAG.search(text)
    return (text[: tag.start()], tag.group(1)) if tag else (text, "")


def _messages(request: Request, capability: Capability, in_words: bool) -> list[dict[str, Any]]:
    system = write_system(request, in_words)
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": _content(request, capability)})
    for turn in request.turns:
        messages.append({"role": "assistant", "content": turn.reply})
        messages.append({"role": "user", "content": turn.correction})
    return messages


def _content(request: Request, capability: Capability) -> str | list[dict[str, Any]]:
    parts = request.parts
    if len(parts) == 1 and isinstance(parts[0], Text):
        return parts[0].text  # text-only servers may take nothing but a string
    fps = _fps(request) if capability.fps_channel == "part" else None
    return [_write_part(part, fps) for part in parts]


def _write_part(part: Part, fps: float | None) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Frames):
        pictures = ",".join(base64.b64encode(image).decode() for image in part.images)
        return {"type": "video_url", "video_url": {"url": f"data:{_FRAMES};base64,{pictures}"}}
    uri = f"data:{part.mime};base64,{base64.b64encode(part.data).decode()}"
    if isinstance(part, Image):
        return {"type": "image_url", "image_url": {"url": uri}}
    if part.span is not None:
        raise ValueError("a stretch of a video cannot be told in this format: cut it out first (Capability.spans)")
    return {"type": "video_url", "video_url": {"url": uri} | ({"fps": fps} if fps else {})}


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
    system, step = read_system(system)
    response_format = body.get("response_format") or {}
    schema = response_format.get("json_schema") or {}
    return Request(
        step=step or str(schema.get("name", "")),
        parts=_read_content(talk[0].get("content"), ((body.get("media_io_kwargs") or {}).get("video")) or {}),
        system=system,
        schema=schema.get("schema"),
        sampling=_read_sampling(body),
        turns=tuple(
            Turn(str(reply.get("content")), str(correction.get("content")))
            for reply, correction in zip(talk[1::2], talk[2::2], strict=True)
        ),
    )


def _read_sampling(body: Mapping[str, Any]) -> Sampling:
    limit = body.get("max_completion_tokens", body.get("max_tokens", Sampling().max_tokens))
    extra = {key: value for key, value in body.items() if key not in _OWN_FIELDS}
    return Sampling(body.get("temperature"), limit, body.get("top_p"), body.get("seed"), _read_fps(body), extra)


def _read_fps(body: Mapping[str, Any]) -> float | None:
    """The frames per second, from whichever of the three places holds them."""
    told = [(body.get("media_io_kwargs") or {}).get("video") or {}, body.get("mm_processor_kwargs") or {}]
    for message in body["messages"]:
        content = message.get("content")
        told += [part.get("video_url") or {} for part in content if part] if isinstance(content, list) else []
    return next((place["fps"] for place in told if "fps" in place), None)


def _read_content(content: object, told: Mapping[str, Any]) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (Text(content),)
    parts: list[Part] = []
    for item in _list_of_dicts(content, "content"):
        parts.append(_read_part(item, frame_time(parts[-1]) if parts else None, told))
    return tuple(parts)


def _read_part(item: Mapping[str, Any], frame_time: float | None, told: Mapping[str, Any]) -> Part:
    kind = str(item.get("type"))
    if kind == "text":
        return Text(str(item.get("text", "")))
    if kind not in ("image_url", "video_url"):
        raise DataError(f"content: a part of type '{kind}' is not one of text, image_url, video_url")
    uri = (item.get(kind) or {}).get("url")
    if kind == "video_url" and isinstance(uri, str) and uri.startswith(f"data:{_FRAMES};"):
        return _read_frames(uri, told)
    mime, data = _read_data_uri(uri, kind)
    return Image(data, mime, frame_time) if kind == "image_url" else Video(data, mime, 0.0)


def _read_frames(uri: str, told: Mapping[str, Any]) -> Frames:
    pictures = uri.split(",")[1:]
    images = [_read_data_uri(f"data:image/png;base64,{picture}", "video_url")[1] for picture in pictures]
    numbers, rate = told.get("frames_indices") or list(range(len(images))), told.get("fps") or 1
    total = told.get("total_num_frames") or len(images)
    return Frames(tuple(images), tuple(number / rate for number in numbers), total / rate / len(images))


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
