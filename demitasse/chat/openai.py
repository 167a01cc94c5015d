"""Any OpenAI-compatible endpoint, asked through the real `openai` client.

Every way a request can end becomes a `Reply`: decided from status codes and the completion's own fields, with
the key taken out of whatever the endpoint said. Retrying is the engine's business, so the client's is off.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpx
import openai

from demitasse.chat.model import Capability, Outcome, Reply, Request
from demitasse.chat.wire.completions import error_message, one_line, read_completion
from demitasse.chat.wire.requests import write_request
from demitasse.errors import ConfigError

OPENAI_HOST = "api.openai.com"
CONNECT_SECONDS = 10.0
SHORTEST_KEY = 8  # what is shorter ("EMPTY", "none") is a placeholder, and may be a word of an error message
# Codes that say "later": timeout, conflict, too many requests. All of 5xx says so too.
_RETRYABLE = frozenset({408, 409, 429})


class OpenAIChat:
    """One model behind one base URL. To be used from one event loop.

    Args:
        model: the model's name at the endpoint.
        base_url: up to and including the version ("http://127.0.0.1:8000/v1"). Without user, query or fragment,
            for a key in them would end up in files.
        api_key_env: name of the environment variable that holds the key. A loopback server needs none.
        timeout: seconds from sending a request to having its whole reply.
        capability: what the endpoint can take. OpenAI's own has no video part; others are taken to have one.
        connections: the most requests in flight. Twice the engine's concurrency is never reached.

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
        connections: int = 512,
    ) -> None:
        url = _checked_url(base_url)
        self._model = model
        self._timeout = timeout
        self._name = f"openai:{url.netloc}/{model}"
        self._capability = capability or Capability(video=url.hostname != OPENAI_HOST)
        # OpenAI's newer models refuse max_tokens; most other servers know nothing else.
        self._limit_field = "max_completion_tokens" if url.hostname == OPENAI_HOST else "max_tokens"
        loopback = _is_loopback(url.hostname or "")
        key = _read_key(api_key_env, base_url, loopback)
        self._secret = key if len(key) >= SHORTEST_KEY else ""
        # openai has its own copy of httpx and exports its Timeout, not its Limits; only three numbers are read of it.
        limits: Any = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        http_client = openai.DefaultAsyncHttpxClient(
            timeout=openai.Timeout(timeout, connect=CONNECT_SECONDS, pool=None),
            limits=limits,
            trust_env=not loopback,  # no proxy can reach our loopback
        )
        self._client = openai.AsyncOpenAI(api_key=key, base_url=base_url, max_retries=0, http_client=http_client)

    def __repr__(self) -> str:
        return f"OpenAIChat({self._name!r})"

    @property
    def name(self) -> str:
        """The host, port and model: "openai:127.0.0.1:8000/qwen3-vl"."""
        return self._name

    @property
    def capability(self) -> Capability:
        """What this endpoint can take."""
        return self._capability

    async def reply(self, request: Request) -> Reply:
        """Ask once. Never retries, never raises for the endpoint's failures."""
        body = write_request(request, self._model, self._capability, self._limit_field)
        started = time.monotonic()
        reply = await self._send(body)
        return replace(reply, error=self._without_key(reply.error), latency=time.monotonic() - started)

    async def close(self) -> None:
        """Release connections."""
        await self._client.close()

    async def _send(self, body: Mapping[str, Any]) -> Reply:
        # The raw response, because the client's own parsing drops what our reading needs: bodies that are not
        # completions, and the reasoning fields.
        create: Any = self._client.chat.completions.with_raw_response.create
        try:
            async with asyncio.timeout(self._timeout):  # httpx's own limit starts again with every byte
                response = await create(**body)
                return read_completion(response.http_response.content)
        except openai.APIStatusError as error:
            return _status_reply(error)
        except (TimeoutError, openai.APITimeoutError):
            return Reply(Outcome.ERROR, error=f"no whole reply within {self._timeout:g} s", retryable=True)
        except openai.APIConnectionError as error:
            cause = type(error.__cause__ or error).__name__
            return Reply(Outcome.ERROR, error=f"the connection failed ({cause})", retryable=True)

    def _without_key(self, text: str) -> str:
        return text.replace(self._secret, "[key]") if self._secret else text


def _status_reply(error: openai.APIStatusError) -> Reply:
    status = error.status_code
    message = error_message(error.body or error.response.text)
    # An empty account answers 429 as well, but no waiting fills it.
    later = (status in _RETRYABLE or status >= 500) and error.code != "insufficient_quota"
    return Reply(
        Outcome.ERROR,
        error=one_line(f"HTTP {status}: {message}"),
        retryable=later,
        retry_after=_retry_after(error.response.headers) if later else None,
        status=status,
    )


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `Retry-After` (seconds or an HTTP date); None if unreadable."""
    milliseconds, value = headers.get("retry-after-ms"), headers.get("retry-after")
    try:
        if milliseconds is not None:
            return max(0.0, float(milliseconds) / 1000)
        if value is None:
            return None
        if re.fullmatch(r"\s*\d+(\.\d+)?\s*", value):
            return float(value)
        date = parsedate_to_datetime(value)
        return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
    except ValueError:
        return None


def _checked_url(base_url: str) -> SplitResult:
    url = urlsplit(base_url)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ConfigError(f"base_url '{url.scheme}://{url.hostname or ''}…' must be an http:// or https:// address")
    if url.username or url.password or url.query or url.fragment:
        raise ConfigError(
            f"the base_url of {url.hostname} carries a user, a query or a fragment: give scheme, host, port and path "
            "alone, and the key by the name of an environment variable (api_key_env)"
        )
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _read_key(variable: str, base_url: str, loopback: bool) -> str:
    key = os.environ.get(variable, "").strip()
    if not key and loopback:
        return "EMPTY"
    if not key:
        raise ConfigError(f"the environment variable {variable} is not set: put the key for {base_url} in it")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(f"the environment variable {variable} holds characters that no key has: set it again")
    return key
