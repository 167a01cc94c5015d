"""Who is asked: the settings of an endpoint, and the chat model, sampling and limits they make.

Names, defaults and shape are TAO's, so that a TAO spec runs unchanged; fields of ours are marked. Every pipeline
that asks teachers has fields of the type `Endpoint` in its own spec.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from demitasse.chat.hosts import check_url, identity
from demitasse.chat.kinds import BOX_STYLES, FPS_CHANNELS, GEMINI, OPENAI_KINDS, kind_of
from demitasse.chat.model import Capability, ChatModel, Sampling
from demitasse.config.setting import setting
from demitasse.engine.batch import Batched, BatchTimes
from demitasse.engine.batch_log import BatchLog
from demitasse.engine.limits import Limits
from demitasse.errors import ConfigError
from demitasse.extras import need

if TYPE_CHECKING:
    from demitasse.chat.batch import BatchEndpoint
    from demitasse.chat.gemini import GeminiChat
    from demitasse.chat.openai import OpenAIChat

BACKENDS = ("gemini", "openai", "local", "scripted")
OPENAI_KEYS = ("OPENAI_API_KEY",)
GEMINI_KEYS = ("GOOGLE_API_KEY", "GEMINI_API_KEY")  # google-genai's own order, if both are set
OPENAI_URL = "https://api.openai.com/v1"
GEMINI_URL = "https://generativelanguage.googleapis.com"
RESOLUTIONS = ("MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_MEDIUM", "MEDIA_RESOLUTION_HIGH")
SAFETY = ("", "OFF", "BLOCK_NONE", "BLOCK_ONLY_HIGH", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_LOW_AND_ABOVE")
# The categories whose threshold a developer may set.
HARMS = ("HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT")


@dataclass
class Gemini:
    """The Gemini API."""

    api_key: str = setting("", f"better given in the environment, as {' or '.join(GEMINI_KEYS)}", secret=True)
    model: str = setting("gemini-3.1-flash-lite-preview", "as Google calls it")
    media_resolution: str = setting("MEDIA_RESOLUTION_LOW", "how many tokens a frame becomes", choices=RESOLUTIONS)
    temperature: float = setting(0.3, "how freely words are chosen", ge=0)
    max_output_tokens: int = setting(8192, "of a reply; thoughts count too", ge=1)
    timeout: float = setting(120, "seconds for a reply; the upload of a video comes on top", gt=0)
    base_url: str = setting("", "of a proxy or a stand-in; empty for Google's own")  # ours
    api_version: str = setting("v1beta", "of Google's API")  # ours
    fps: float | None = setting(None, "frames a second that Gemini looks at; null: its own choice", gt=0, le=24)  # ours
    thinking_budget: int | None = setting(None, "tokens to think with; 0: none, -1: as it likes", ge=-1)  # ours
    safety: str = setting("", "from where it blocks content; empty: Gemini's default", choices=SAFETY)  # ours
    video: bool = setting(True, "true sends whole files, false frames with their times")  # ours
    json_schema: bool = setting(True, "true asks for JSON by a schema, false for labelled text")  # ours


@dataclass
class OpenAI:
    """An endpoint that speaks the OpenAI chat protocol."""

    api_key: str = setting("", f"better given in the environment, as {' or '.join(OPENAI_KEYS)}", secret=True)
    base_url: str = setting("", "such as http://127.0.0.1:8000/v1; empty for OpenAI's own")
    model_name: str = setting("", "as the server calls it")
    temperature: float | None = setting(0.7, "null: not sent, for models that refuse it", ge=0)
    max_tokens: int = setting(4096, "of a reply", ge=1)
    timeout: float = setting(60, "seconds for a reply", gt=0)
    kind: str = setting("", "what serves it; empty: as the host's name tells", choices=("", *OPENAI_KINDS))  # ours
    video: bool | None = setting(  # ours
        None, "true sends whole files, false frames with their times; null: as its kind takes"
    )
    json_schema: bool | None = setting(  # ours
        None, "true asks for JSON by a schema, false for labelled text; null: as its kind takes"
    )
    fps: float | None = setting(None, "frames a second that the model looks at; null: its own choice", gt=0)  # ours
    fps_channel: str = setting("", "how fps is told; empty: as its kind takes it", choices=("", *FPS_CHANNELS))  # ours
    boxes: str = setting(
        "", "how the model writes boxes; empty: qwen_1000, as TAO asks", choices=("", *BOX_STYLES)
    )  # ours
    min_pixels: int = setting(56 * 56, "of a still as it is sent; the server's own bound or more", ge=1)  # ours
    max_pixels: int = setting(28 * 28 * 16384, "of a still as it is sent; the server's own bound or less", ge=1)  # ours
    extra_body: dict[str, Any] = setting({}, "more fields of each request, sent as they are")  # ours


@dataclass
class Local:
    """A Qwen-VL checkpoint in transformers' layout, run in this process (ours)."""

    path: str = setting("", "the checkpoint's folder")
    temperature: float = setting(0.0, "0 takes the likeliest token each time", ge=0)
    max_tokens: int = setting(1024, "of a reply", ge=1)
    device: str = setting("auto", "auto: a GPU where there is one")
    dtype: str = setting("auto", "of the weights", choices=("auto", "float32", "bfloat16", "float16"))
    max_pixels: int | None = setting(None, "of a frame; null: the checkpoint's own", ge=1)


@dataclass
class Scripted:
    """The stand-in that knows only the toy world (ours)."""

    boxes: str = setting("qwen_1000", "how it writes boxes", choices=tuple(BOX_STYLES))
    box_mistakes: float = setting(0.0, "share of boxes of toy pictures that it gets wrong, on purpose", ge=0, le=1)
    check_mistakes: float = setting(0.0, "share of verdicts on such boxes that it gets wrong, on purpose", ge=0, le=1)


@dataclass
class Endpoint:
    """Who is asked. `local` and `scripted` are ours; the latter is the stand-in that knows only the toy world."""

    backend: str = setting("gemini", "which of these is asked; scripted knows only toys", choices=BACKENDS)
    gemini: Gemini = setting(Gemini(), "Google's Gemini API")
    openai: OpenAI = setting(OpenAI(), "Any server that speaks OpenAI's chat protocol: vLLM, NIM, OpenAI itself")
    local: Local = setting(Local(), "A Qwen-VL checkpoint in transformers' layout, run in this process")  # ours
    scripted: Scripted = setting(Scripted(), "The stand-in that knows only the toy world")  # ours
    requests_per_minute: float | None = setting(None, "as the endpoint's terms say; null: no limit", gt=0)  # ours
    tokens_per_minute: float | None = setting(None, "as the endpoint's terms say; null: no limit", gt=0)  # ours
    batch: bool = setting(False, "true asks in batch jobs: half the price, replies within a day")  # ours
    batch_requests: int = setting(200, "of a batch job at most, and in work at once", ge=1, le=50000)  # ours
    batch_wait: float = setting(10, "seconds without a new request after which a batch job is sent", gt=0)  # ours


def open_teacher(name: str, endpoint: Endpoint, batches: BatchLog | None = None) -> ChatModel:
    """The model that an endpoint names.

    Args:
        name: "vlm" or "llm": tells keys given in the configuration apart.
        endpoint: its settings.
        batches: where batch jobs are kept; None asks at once, whatever the settings say.

    Raises:
        ConfigError: if the address, the key or the checkpoint's folder cannot be used, or an extra is not installed.
    """
    if endpoint.backend == "scripted":
        return _open_scripted(endpoint.scripted)
    if endpoint.backend == "local":
        need("train")  # now, for the first record that asks would load the checkpoint, and each would fail
        return _open_local(endpoint.local)
    if endpoint.batch and batches is not None:
        times = BatchTimes(quiet=endpoint.batch_wait)
        return Batched(_open_batches(name, endpoint), batches, endpoint.batch_requests, times)
    return _open_gemini(name, endpoint) if endpoint.backend == "gemini" else _open_openai(name, endpoint)


def sampling_of(endpoint: Endpoint) -> Sampling:
    """How replies are generated, with everything else of the settings that decides them. The stand-in's do not."""
    if endpoint.backend == "scripted":
        return Sampling()
    if endpoint.backend == "local":
        bounds = {"max_pixels": endpoint.local.max_pixels} if endpoint.local.max_pixels else {}
        return Sampling(endpoint.local.temperature, endpoint.local.max_tokens, extra=bounds)
    if endpoint.backend == "gemini":
        gemini = endpoint.gemini
        return Sampling(gemini.temperature, gemini.max_output_tokens, fps=gemini.fps, extra=_generation_config(gemini))
    config = endpoint.openai
    return Sampling(config.temperature, config.max_tokens, fps=config.fps, extra=dict(config.extra_body))


def limits_of(endpoint: Endpoint, concurrency: int) -> Limits:
    """How hard an endpoint may be asked. In batch jobs what is in flight is what a job holds."""
    return Limits(
        concurrency=endpoint.batch_requests if endpoint.batch else concurrency,
        requests_per_minute=endpoint.requests_per_minute,
        tokens_per_minute=endpoint.tokens_per_minute,
    )


def capability_of(endpoint: Endpoint) -> Capability:
    """What an endpoint can take: its kind's record, with what the settings say differently. Needs no key.

    Raises:
        ConfigError: for a local checkpoint that is not there.
    """
    if endpoint.backend == "scripted":
        return _open_scripted(endpoint.scripted).capability
    if endpoint.backend == "local":
        return _open_local(endpoint.local).capability
    if endpoint.backend == "gemini":
        return replace(GEMINI, video=endpoint.gemini.video, json_schema=endpoint.gemini.json_schema)
    config = endpoint.openai
    told: dict[str, Any] = {
        "video": config.video,
        "json_schema": config.json_schema,
        "fps_channel": config.fps_channel or None,
        "boxes": config.boxes or None,
        "min_pixels": config.min_pixels,
        "max_pixels": config.max_pixels,
    }
    return replace(_openai_record(config), **{name: value for name, value in told.items() if value is not None})


def name_of(endpoint: Endpoint) -> str:
    """The name that the endpoint's model will have. Needs no key.

    Raises:
        ConfigError: for an address that cannot be used, or a local checkpoint that is not there.
    """
    if endpoint.backend == "scripted":
        return _open_scripted(endpoint.scripted).name
    if endpoint.backend == "local":
        return _open_local(endpoint.local).name
    config = endpoint.gemini if endpoint.backend == "gemini" else endpoint.openai
    url = config.base_url or (GEMINI_URL if endpoint.backend == "gemini" else OPENAI_URL)
    model = endpoint.gemini.model if endpoint.backend == "gemini" else endpoint.openai.model_name
    return f"{endpoint.backend}:{identity(check_url(url))}/{model}"


def endpoint_problems(key: str, endpoint: Endpoint) -> Iterator[str]:
    """What is missing before an endpoint can be asked, in one sentence each; `key` is its place in the spec."""
    if endpoint.backend == "openai" and not endpoint.openai.model_name:
        yield f"{key}.openai.model_name is not set: name the model to ask"
    if endpoint.backend == "gemini" and not endpoint.gemini.model:
        yield f"{key}.gemini.model is not set: name the model to ask"
    if endpoint.backend == "local" and not endpoint.local.path:
        yield f"{key}.local.path is not set: name the folder of a Qwen-VL checkpoint"
    if endpoint.batch and endpoint.backend not in ("openai", "gemini"):
        yield f"{key}.batch is true, but backend {endpoint.backend} has no batch jobs: leave it out"
    if endpoint.batch and (endpoint.requests_per_minute or endpoint.tokens_per_minute):
        yield (
            f"{key}.batch is true, and limits per minute are for requests that are sent one by one: leave "
            f"{key}.requests_per_minute and {key}.tokens_per_minute out"
        )
    if endpoint.backend == "openai" and endpoint.openai.min_pixels > endpoint.openai.max_pixels:
        yield f"{key}.openai.min_pixels is more than max_pixels: give the server's own bounds for a still"
    if endpoint.backend == "openai" and endpoint.openai.fps and capability_of(endpoint).fps_channel == "none":
        yield (
            f"{key}.openai.fps is {endpoint.openai.fps:g}, but how to tell this endpoint is not known: set "
            f"{key}.openai.kind or {key}.openai.fps_channel"
        )


def _open_batches(name: str, endpoint: Endpoint) -> BatchEndpoint:
    if endpoint.backend == "gemini":
        gemini = _open_gemini(name, endpoint)  # says what to install
        from demitasse.chat.batch_gemini import GeminiBatches

        return GeminiBatches(gemini)
    from demitasse.chat.batch_openai import OpenAIBatches

    return OpenAIBatches(_open_openai(name, endpoint))


def pair_problems(key: str, endpoints: Mapping[str, Endpoint]) -> Iterator[str]:
    """What two endpoints cannot be at once, in one sentence each; `key` is the place of both in the spec."""
    told = ["batch", "requests_per_minute", "tokens_per_minute"]  # one model has one price and one limit
    told += ["batch_requests"] if all(one.batch for one in endpoints.values()) else []
    differ = [name for name in told if len({getattr(one, name) for one in endpoints.values()}) == 2]
    if differ and len({name_of(one) for one in endpoints.values()}) == 1:
        first, second = endpoints
        yield f"{key}.{first} and {key}.{second} are the same model: set {differ[0]} to the same for both"


def _open_gemini(name: str, endpoint: Endpoint) -> GeminiChat:
    try:
        from demitasse.chat.gemini import GeminiChat
    except ImportError:
        raise ConfigError("backend gemini needs google-genai: run pip install -e '.[gemini]' in the checkout") from None

    config = endpoint.gemini
    return GeminiChat(
        config.model,
        config.base_url or GEMINI_URL,
        api_key_envs=_key_variables(name, config.api_key, GEMINI_KEYS),
        timeout=config.timeout,
        api_version=config.api_version,
        capability=capability_of(endpoint),
    )


def _open_openai(name: str, endpoint: Endpoint) -> OpenAIChat:
    from demitasse.chat.openai import OpenAIChat

    config = endpoint.openai
    (key_variable,) = _key_variables(name, config.api_key, OPENAI_KEYS)
    return OpenAIChat(
        config.model_name,
        config.base_url or OPENAI_URL,
        api_key_env=key_variable,
        timeout=config.timeout,
        capability=capability_of(endpoint),
    )


def _open_local(config: Local) -> ChatModel:
    from demitasse.chat.local import LocalChat

    return LocalChat(config.path, config.device, config.dtype, config.max_pixels)


def _open_scripted(config: Scripted) -> ChatModel:
    from demitasse.chat.scripted import ScriptedModel

    return ScriptedModel(boxes=config.boxes, box_mistakes=config.box_mistakes, check_mistakes=config.check_mistakes)


def _openai_record(config: OpenAI) -> Capability:
    return OPENAI_KINDS[config.kind or kind_of(urlsplit(config.base_url or OPENAI_URL).hostname or "")]


def _key_variables(name: str, key: str, usual: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the variables that may hold the key. One from the configuration is put into a variable of its own,
    and so into no file."""
    if not key:
        return usual
    variable = f"DEMITASSE_{name.upper()}_API_KEY"
    os.environ[variable] = key
    return (variable,)


def _generation_config(config: Gemini) -> dict[str, Any]:
    """What Gemini alone knows, as fields of its generation config."""
    extra: dict[str, Any] = {"media_resolution": config.media_resolution}
    if config.thinking_budget is not None:
        extra["thinking_config"] = {"thinking_budget": config.thinking_budget}
    if config.safety:
        extra["safety_settings"] = [{"category": f"HARM_CATEGORY_{harm}", "threshold": config.safety} for harm in HARMS]
    return extra
