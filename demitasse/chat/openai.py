"""Any OpenAI-compatible endpoint, asked through the real `openai` client.

Every way a request can end becomes a `Reply`: decided from status codes and the completion's own fields, with
the key taken out of whatever the endpoint said. Retrying is the engine's business, so the client's is off.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import aiohttp
import httpx
import openai
import orjson

from demitasse.chat.hosts import check_url, identity, is_loopback, read_key, without_key
from demitasse.chat.kinds import OPENAI_KINDS, kind_of
from demitasse.chat.model import Capability, Outcome, Reply, Request
from demitasse.chat.retry_after import read_retry_after
from demitasse.chat.wire.completions import error_message, one_line, read_completion
from demitasse.chat.wire.requests import write_request

OPENAI_HOST = "api.openai.com"
CONNECT_SECONDS = 10.0
# Codes that say "later": timeout, conflict, too many requests. All of 5xx says so too.
_RETRYABLE = frozenset({408, 409, 429})
_NOT_CONNECTED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


class OpenAIChat:
    """One model behind one base URL. To be used from one event loop.

    Args:
        model: the model's name at the endpoint.
        base_url: up to and including the version ("http://127.0.0.1:8000/v1"). Without user, query or fragment,
            for a key in them would end up in files.
        api_key_env: name of the environment variable that holds the key. A loopback server needs none.
        timeout: seconds from sending a request to having its whole reply.
        capability: what the endpoint can take; None takes its kind's record by the host's name.
        connections: the most requests in flight; more than anybody asks for.

    Raises:
        ConfigError: for a URL or a key that cannot be used.
    """

    def __init__(
        self,
        model: str,
        base_url: str = f"https://{OPENAI_HOST}/v1",
        api_key_env: str = "OPENAI_API_KEY",
        timeout: float = 120.0,
        capability: Capability | None = None,
        connections: int = 4096,
    ) -> None:
        url = check_url(base_url)
        host = url.hostname or ""
        self._model = model
        self._timeout = timeout
        self._name = f"openai:{identity(url)}/{model}"
        self._capability = capability or OPENAI_KINDS[kind_of(host)]
        # OpenAI's newer models refuse max_tokens; most other servers know nothing else.
        self._limit_field = "max_completion_tokens" if host == OPENAI_HOST else "max_tokens"
        self._key = key = read_key((api_key_env,), base_url)
        # openai has its own copy of httpx and exports its Timeout, not its Limits; only three numbers are read of it.
        limits: Any = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        # aiohttp below: httpx's own pool looks at all its connections for each request, 4 ms of them at 512.
        plain = url.scheme == "http" and is_loopback(host)
        self._http = openai.DefaultAioHttpClient(
            timeout=openai.Timeout(timeout, connect=CONNECT_SECONDS, pool=None),
            limits=limits,
            trust_env=not is_loopback(host),  # no proxy can reach our loopback
            # Reading every authority's certificate takes a tenth of a second; without any, nobody is trusted.
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else True,
        )
        self._client = openai.AsyncOpenAI(api_key=key, base_url=base_url, max_retries=0, http_client=self._http)
        self._url = self._client.base_url.join("chat/completions")
        headers = self._client.auth_headers | self._client.default_headers | {"Content-Type": "application/json"}
        self._headers = {name: value for name, value in headers.items() if isinstance(value, str)}

    def __repr__(self) -> str:
        return f"OpenAIChat({self._name!r})"

    @property
    def name(self) -> str:
        """The address and model: "openai:api.example.com/qwen3-vl"; of this machine "openai:loopback/qwen3-vl".

        On this machine the port does not count: a server that comes up on another one is the same server.
        """
        return self._name

    @property
    def capability(self) -> Capability:
        """What this endpoint can take."""
        return self._capability

    async def reply(self, request: Request) -> Reply:
        """Ask once. Never retries, never raises for the endpoint's failures."""
        body = self.write(request)
        started = time.monotonic()
        reply = await self._send(body, self.is_structured(request))
        return replace(reply, latency=time.monotonic() - started)

    def write(self, request: Request) -> dict[str, Any]:
        """The body that asks a request."""
        return write_request(request, self._model, self._capability, self._limit_field)

    def is_structured(self, request: Request) -> bool:
        """Whether the endpoint is to hold its reply to a schema."""
        return request.schema is not None and self._capability.json_schema

    async def served(self) -> list[str]:
        """The models' names that the endpoint tells; none if it does not tell."""
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._http.get(self._client.base_url.join("models"), headers=self._headers)
            response.raise_for_status()
            return [str(model["id"]) for model in orjson.loads(response.content)["data"]]
        except Exception:  # of the endpoint, and of lists in another form: it does not tell
            return []

    async def close(self) -> None:
        """Release connections."""
        await self._client.close()

    async def _send(self, body: dict[str, Any], structured: bool) -> Reply:
        # Bytes out and bytes in, by the client's own connections: its walk through a request takes longer than all the
        # rest, and its parsing drops what our reading needs, bodies that are not completions and the reasoning fields.
        content = orjson.dumps(body)
        try:
            async with asyncio.timeout(self._timeout):  # httpx's own limit starts again with every byte
                response = await self._http.post(self._url, content=content, headers=self._headers)
        except Exception as error:  # as the client does: whatever ends a request, it has failed
            return self.read_failure(error)
        if not response.is_success:
            return read_status(response.status_code, self.clean(response.content), response.headers)
        return read_completion(self.clean(response.content), structured)

    def read_failure(self, error: Exception) -> Reply:
        """What the client raised, as a reply."""
        if isinstance(error, openai.APIStatusError):
            return read_status(error.status_code, self.clean(error.response.content), error.response.headers)
        causes = list(_causes(error))
        # The client calls a connection that the server dropped a timeout: what really happened stands at the end.
        reply = self._unanswered(next((one for one in causes if isinstance(one, TimeoutError)), causes[-1]))
        unreached = any(isinstance(one, _NOT_CONNECTED) for one in causes)
        return replace(reply, unsent=unreached, unreached=unreached)

    def clean(self, content: bytes) -> bytes:
        """What the endpoint said, without the key."""
        return without_key(content, self._key)

    @property
    def client(self) -> openai.AsyncOpenAI:
        """The client itself, for what else the endpoint has."""
        return self._client

    def _unanswered(self, cause: BaseException) -> Reply:
        if isinstance(cause, TimeoutError):
            return Reply(Outcome.ERROR, error=f"no whole reply within {self._timeout:g} s", retryable=True)
        return Reply(Outcome.ERROR, error=f"the connection failed ({type(cause).__name__})", retryable=True)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came from, from the outside in."""
    while error is not None:
        yield error
        error = error.__cause__


def read_status(status: int, content: bytes, headers: Mapping[str, str] = MappingProxyType({})) -> Reply:
    """What a status other than 200 says; the key must be out of `content`."""
    body = _parsed(content)
    inner = body.get("error") if isinstance(body, dict) else None
    # An empty account answers 429 as well, but no waiting fills it.
    empty = isinstance(inner, dict) and inner.get("code") == "insufficient_quota"
    later = (status in _RETRYABLE or status >= 500) and not empty
    return Reply(
        Outcome.ERROR,
        error=one_line(f"HTTP {status}: {error_message(body)}"),
        retryable=later,
        retry_after=read_retry_after(headers) if later else None,
        status=status,
    )


def _parsed(content: bytes) -> object:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return content.decode("utf-8", "replace")
