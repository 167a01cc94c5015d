"""Gemini, asked through the real `google-genai` client.

Every way a request can end becomes a `Reply` (gemini_reply.py), with the key taken out of whatever was said.
Retrying is the engine's business, so the client's is off. Videos go inside the request or, where they are too large,
by the File API (gemini_files.py).
"""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import httpx
from google import genai
from google.genai import errors, types

from demitasse.chat.gemini_files import UploadError, Uploads
from demitasse.chat.gemini_reply import read_error, read_response
from demitasse.chat.hosts import check_url, identity, is_loopback, read_key, without_key
from demitasse.chat.kinds import GEMINI
from demitasse.chat.model import Capability, Frames, Image, Outcome, Part, Reply, Request, Text, Video
from demitasse.chat.wire.completions import one_line
from demitasse.chat.wire.requests import write_system

GEMINI_URL = "https://generativelanguage.googleapis.com"
UPLOAD_SECONDS = 600.0  # until a video is ready: 256 MB over a slow line, and its processing
CONNECT_SECONDS = 10.0
FAILURES = (errors.APIError, UploadError, TimeoutError, httpx.HTTPError)  # of what the endpoint is asked
_OF_THE_RAW_BODY = frozenset({"content-encoding", "content-length", "transfer-encoding"})
# The keywords of JSON schema that the endpoint documents; what others say is held to when the reply is read.
_KEYWORDS = frozenset(
    {"$id", "$defs", "$ref", "$anchor", "type", "format", "title", "description", "enum", "items", "prefixItems"}
    | {"minItems", "maxItems", "minimum", "maximum", "anyOf", "oneOf", "properties", "additionalProperties", "required"}
)


class GeminiChat:
    """One Gemini model. To be used from one event loop.

    Args:
        model: the model's name ("gemini-2.5-flash").
        base_url: scheme, host and port; without user, query or fragment, for a key in them would end up in files.
        api_key_envs: names of environment variables, the first that is set holds the key. A loopback server needs none.
        timeout: seconds from sending a request to having its whole reply, the upload of a video apart.
        api_version: the path's first part.
        capability: what the endpoint can take.
        connections: the most requests in flight.
        upload_seconds: how long a video may take until it is ready.

    Raises:
        ConfigError: for a URL or a key that cannot be used.
    """

    def __init__(
        self,
        model: str,
        base_url: str = GEMINI_URL,
        api_key_envs: Sequence[str] = ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
        timeout: float = 120.0,
        api_version: str = "v1beta",
        capability: Capability = GEMINI,
        connections: int = 512,
        upload_seconds: float = UPLOAD_SECONDS,
    ) -> None:
        url = check_url(base_url)
        self._model = model
        self._timeout = timeout
        self._name = f"gemini:{identity(url)}/{model}"
        self._capability = capability
        self._key = read_key(api_key_envs, base_url)
        self._http_client = _KeylessClient(
            self._key,
            host=url.hostname or "",
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            timeout=httpx.Timeout(timeout, connect=CONNECT_SECONDS, pool=None),
            trust_env=not is_loopback(url.hostname or ""),  # no proxy can reach our loopback
            follow_redirects=True,
        )
        self._options = types.HttpOptions(
            base_url=base_url,
            api_version=api_version,
            timeout=round(timeout * 1000),  # the client counts milliseconds
            retry_options=types.HttpRetryOptions(attempts=1),
        )
        self._client = self._open(self._http_client)
        self._uploads = Uploads(self._client, self._key, upload_seconds)

    def __repr__(self) -> str:
        return f"GeminiChat({self._name!r})"

    def _open(self, http_client: httpx.AsyncClient) -> genai.Client:
        # `vertexai`: whatever the environment says, the key is the Gemini API's.
        options = self._options.model_copy(update={"httpx_async_client": http_client})
        return genai.Client(vertexai=False, api_key=self._key, http_options=options)

    def through(self, transport: httpx.AsyncBaseTransport) -> GeminiChat:
        """The same model, asked over another transport; files are still uploaded over this one's."""
        twin = copy.copy(self)
        twin._http_client = _KeylessClient(self._key, self._http_client.host, transport=transport)
        twin._client = self._open(twin._http_client)
        return twin

    @property
    def model(self) -> str:
        """The model's name at the endpoint."""
        return self._model

    @property
    def client(self) -> genai.Client:
        """The client itself, for what else the endpoint has."""
        return self._client

    @property
    def uploads(self) -> Uploads:
        """The videos that are too large for a request."""
        return self._uploads

    @property
    def name(self) -> str:
        """The address and model, the address of this machine as "loopback": "gemini:loopback/gemini-2.5-flash"."""
        return self._name

    @property
    def capability(self) -> Capability:
        """What this endpoint can take."""
        return self._capability

    async def reply(self, request: Request) -> Reply:
        """Ask once. Never retries, never raises for the endpoint's failures."""
        config = _config(request, self._capability)
        started = time.monotonic()
        reply = await self._send(request, config)
        return replace(reply, latency=time.monotonic() - started)

    async def close(self) -> None:
        """Release connections. Files stay, for a run that is started again (gemini_files.py)."""
        await self._http_client.aclose()
        self._client.close()

    async def _send(self, request: Request, config: types.GenerateContentConfig) -> Reply:
        try:
            async with AsyncExitStack() as stack:
                files = await self.upload(request, stack)
                return await self._generate(_contents(request, files), config)
        except FAILURES as error:
            return self.read_failure(error)

    def read_failure(self, error: Exception) -> Reply:
        """One of `FAILURES`, as a reply."""
        if isinstance(error, errors.APIError):
            return self._failed(error)
        if isinstance(error, UploadError):
            return replace(_failed(one_line(str(error)), error.retryable), unsent=True)
        slow = isinstance(error, (TimeoutError, httpx.TimeoutException))
        told = (
            f"no whole reply within {self._timeout:g} s" if slow else f"the connection failed ({type(error).__name__})"
        )
        unreached = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        return replace(_failed(told), unsent=unreached, unreached=unreached)

    async def _generate(self, contents: list[types.Content], config: types.GenerateContentConfig) -> Reply:
        try:
            async with asyncio.timeout(self._timeout):  # httpx's own limit starts again with every byte
                response = await self._client.aio.models.generate_content(
                    model=self._model, contents=contents, config=config
                )
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            # What the client stumbles over in a 200 that is no JSON, or JSON of another form.
            return _failed(one_line(f"the reply is no Gemini response ({type(error).__name__}: {error})"))
        return read_response(response, structured=config.response_json_schema is not None)

    def _failed(self, error: errors.APIError) -> Reply:
        reply = read_error(error)
        if self._uploads.forget(str(error.details)):  # it has expired or was deleted; the next attempt uploads it
            return replace(reply, retryable=True, status=None)
        return reply

    async def upload(self, request: Request, stack: AsyncExitStack) -> Mapping[int, types.FileData]:
        """The files of the videos, by part number; none where everything fits into the request."""
        media = {number: part for number, part in enumerate(request.parts) if isinstance(part, Image | Video)}
        sizes = {number: len(part.data) for number, part in media.items()}
        if sum(sizes.values()) <= self._capability.max_inline_bytes:
            return {}
        videos = {number: part for number, part in enumerate(request.parts) if isinstance(part, Video)}
        return {number: await stack.enter_async_context(self._uploads.ready(part)) for number, part in videos.items()}


def _failed(error: str, retryable: bool = True) -> Reply:
    return Reply(Outcome.ERROR, error=error, retryable=retryable)


class _KeylessClient(httpx.AsyncClient):
    """Shows the key to one host only, wherever that sends us, and takes it out of what servers say, before anyone
    reads it or cuts it short."""

    def __init__(self, key: str, host: str, **settings: Any) -> None:
        super().__init__(**settings, event_hooks={"request": [self._keep_key]})
        self.host = host
        self._key = key

    async def _keep_key(self, request: httpx.Request) -> None:
        """Called for each request, also for where a redirect leads: httpx drops the header Authorization alone."""
        if request.url.host != self.host:
            request.headers.pop("x-goog-api-key", None)

    async def send(self, request: httpx.Request, **settings: Any) -> httpx.Response:
        """Send, and read the whole response."""
        response = await super().send(request, **settings)
        content = without_key(await response.aread(), self._key)
        headers = [pair for pair in response.headers.multi_items() if pair[0] not in _OF_THE_RAW_BODY]
        return httpx.Response(response.status_code, headers=headers, content=content, request=request)


def _contents(request: Request, files: Mapping[int, types.FileData]) -> list[types.Content]:
    parts = [_part(part, request.sampling.fps, files.get(number)) for number, part in enumerate(request.parts)]
    contents = [types.Content(role="user", parts=parts)]
    for turn in request.turns:
        contents.append(types.Content(role="model", parts=[types.Part(text=turn.reply)]))
        contents.append(types.Content(role="user", parts=[types.Part(text=turn.correction)]))
    return contents


def _part(part: Part, fps: float | None, file: types.FileData | None) -> types.Part:
    if isinstance(part, Text):
        return types.Part(text=part.text)
    if isinstance(part, Frames):
        raise ValueError("frames as one video cannot be told in this format: send them as images (Capability.frames)")
    inline = None if file else types.Blob(data=part.data, mime_type=part.mime)
    metadata = _metadata(part, fps) if isinstance(part, Video) else None
    return types.Part(inline_data=inline, file_data=file, video_metadata=metadata)


def _metadata(video: Video, fps: float | None) -> types.VideoMetadata | None:
    start, end = video.span or (None, None)
    if fps is None and video.span is None:
        return None
    return types.VideoMetadata(fps=fps, start_offset=_offset(start), end_offset=_offset(end))


def _offset(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds:.3f}s"


def _config(request: Request, capability: Capability) -> types.GenerateContentConfig:
    sampling = request.sampling
    enforced = request.schema is not None and capability.json_schema
    return types.GenerateContentConfig(
        system_instruction=write_system(request, schema_in_words=not enforced),
        temperature=sampling.temperature,
        max_output_tokens=sampling.max_tokens,
        top_p=sampling.top_p,
        seed=sampling.seed,
        response_mime_type="application/json" if enforced else None,
        response_json_schema=_supported(request.schema) if enforced else None,
        **sampling.extra,
    )


def _supported(schema: Any) -> Any:
    """A JSON schema in the keywords that the endpoint has."""
    if isinstance(schema, list):
        return [_supported(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    kept: dict[str, Any] = {"enum": [schema["const"]]} if "const" in schema else {}
    for word, value in schema.items():
        if word in ("properties", "$defs"):  # whose keys are names, not keywords
            kept[word] = {name: _supported(one) for name, one in value.items()}
        elif word in _KEYWORDS:
            kept[word] = value if word in ("enum", "required") else _supported(value)
    return kept
