"""The chat protocol: what is asked, what comes back, and how it ended.

A `ChatModel` turns a `Request` into a `Reply` and never raises for what the endpoint did: a refusal, a
block, a truncation or a failure is an `Outcome`, decided from the endpoint's own fields, never from the
wording of a text. Retrying, limits and the journal are the engine's business.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol

import orjson


class Outcome(StrEnum):
    """How a request ended."""

    SUCCESS = "success"
    TRUNCATED = "truncated"  # the token limit cut the reply
    BLOCKED = "blocked"  # withheld: by the endpoint's filter, or finished without a text
    REFUSED = "refused"  # the model declined
    ERROR = "error"  # no reply: transport, status code, malformed body


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of prompt text."""

    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """An encoded image. `time` is its second in the video when it is a frame of one."""

    data: bytes
    mime: str
    time: float | None = None


@dataclass(frozen=True, slots=True)
class Video:
    """An encoded video file, whole. `duration` in seconds; `span` is the stretch that is asked about, None for all."""

    data: bytes
    mime: str
    duration: float
    span: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Frames:
    """Encoded pictures that are one video: `times` are their seconds in it, `spacing` those between neighbours."""

    images: tuple[bytes, ...]
    times: tuple[float, ...]
    spacing: float
    mime: str = "image/png"


Part = Text | Image | Video | Frames


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier exchange, shown to the model when it is asked again: its reply and what was wrong with it."""

    reply: str
    correction: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """Generation settings; None leaves the endpoint's own default. All of them decide the answer, so all are keyed.

    Attributes:
        temperature: 0 for the likeliest words.
        max_tokens: of the reply, thoughts included.
        top_p: the share of likely words that is drawn from.
        seed: of what is drawn.
        fps: frames per second that the endpoint is told to read of a whole video.
        extra: further fields of the endpoint's own request, as they are (`chat_template_kwargs`, `thinking_config`).
    """

    temperature: float | None = 0.0
    max_tokens: int = 4096
    top_p: float | None = None
    seed: int | None = None
    fps: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a model.

    `step` names the prompt ("anomaly_mcq", "judge"); it travels in the system message and as the schema's
    name, so that a log or a stand-in can tell requests apart without reading the prompt. Without a name nothing of
    ours is put beside the prompt, as a student is asked. `schema` is a JSON
    schema the reply must fit, or None for free text. `round` tells a question that is put anew from the one before,
    whose reply is not to be taken for its own; the endpoint does not see it.
    """

    step: str
    parts: tuple[Part, ...]
    system: str = ""
    schema: Mapping[str, Any] | None = None
    sampling: Sampling = field(default_factory=Sampling)
    turns: tuple[Turn, ...] = ()
    round: int = 0

    def key(self, model: str) -> str:
        """Hash of everything that decides the answer: model, texts, media content, schema, sampling, round."""
        canonical = {
            "version": 1,
            "model": model,
            "step": self.step,
            "system": self.system,
            "parts": [_canonical(part) for part in self.parts],
            "schema": self.schema,
            "sampling": self.sampling,
            "turns": list(self.turns),
            "round": self.round,
        }
        return hashlib.sha256(orjson.dumps(canonical, option=orjson.OPT_SORT_KEYS)).hexdigest()

    @property
    def text(self) -> str:
        """The prompt's text parts, joined by newlines."""
        return "\n".join(part.text for part in self.parts if isinstance(part, Text))


def _canonical(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"text": part.text}
    if isinstance(part, Frames):
        digests = [hashlib.sha256(image).hexdigest() for image in part.images]
        return {"frames": digests, "times": part.times, "spacing": part.spacing}
    digest = hashlib.sha256(part.data).hexdigest()
    where = {"time": part.time} if isinstance(part, Image) else {"span": part.span}
    return {"media": digest, "mime": part.mime, **where}


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the endpoint counted them; `completion` includes `reasoning`."""

    prompt: int = 0
    completion: int = 0
    reasoning: int = 0
    cached: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `text` is the answer without the reasoning; `model` is the one that really answered."""

    outcome: Outcome
    text: str = ""
    reasoning: str = ""
    model: str = ""
    finish_reason: str = ""
    usage: Usage = field(default_factory=Usage)
    latency: float = 0.0  # seconds
    error: str = ""  # one line, without secrets
    retryable: bool = False  # for ERROR: may the same request work later?
    retry_after: float | None = None  # seconds the endpoint asked us to wait
    status: int | None = None  # for ERROR: the HTTP status, where there was one
    unsent: bool = False  # for ERROR: it cannot have reached the endpoint, so it is not billed
    unreached: bool = False  # for ERROR: nobody took the connection
    fingerprint: str = ""  # of the weights and software that answered, where the endpoint tells
    raw: str = ""  # the whole text as it came, where reasoning stands in it


# How an endpoint is told the frames per second to read of a whole video: vLLM's `media_io_kwargs`, the keyword
# arguments of the model's processor, a field of the part itself, or not at all.
FpsChannel = Literal["media_io", "mm_processor", "part", "none"]


@dataclass(frozen=True, slots=True)
class Capability:
    """What an endpoint can take, and how it wants it.

    Attributes:
        video: a whole file in one part; otherwise frames are sent.
        frames: pictures with their times as one video, vLLM's `data:video/jpeg`, which are shown as they are.
        template_switches: `chat_template_kwargs` and `repetition_penalty` in a request, which OpenAI's protocol lacks.
        images: pictures, and so frames.
        json_schema: holds its reply to a schema.
        max_inline_bytes: of one media part inside the request.
        max_upload_bytes: of a video that is uploaded before the request; 0 where there is no such way.
        max_video_seconds: longer videos go as frames with their times.
        fps_channel: how frames per second are told.
        spans: can be told which stretch of a video is asked about.
        boxes: how the model writes boxes, a name of `demitasse.chat.kinds.BOX_STYLES`; "" if nobody has said.
        min_pixels, max_pixels: of a still as it is sent. The defaults are those of Qwen2.5-VL's own processor, which
            leaves a picture alone that lies within its bounds.
    """

    video: bool = True
    images: bool = True
    json_schema: bool = True
    max_inline_bytes: int = 20 * 2**20
    max_upload_bytes: int = 0
    max_video_seconds: float = 60.0
    fps_channel: FpsChannel = "none"
    spans: bool = False
    boxes: str = ""
    min_pixels: int = 56 * 56
    max_pixels: int = 28 * 28 * 16384
    frames: bool = False
    template_switches: bool = False


class ChatModel(Protocol):
    """An endpoint, a local model or a stand-in."""

    @property
    def name(self) -> str:
        """Identity for keys and provenance, without secrets: "openai:api.example.com/qwen3-vl"."""
        ...

    @property
    def capability(self) -> Capability:
        """What this endpoint can take."""
        ...

    async def reply(self, request: Request) -> Reply:
        """Ask once. Never retries, never raises for the endpoint's failures."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
