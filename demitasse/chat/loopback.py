"""What stand-in endpoints share: a thread that serves any `ChatModel` on 127.0.0.1, slow or faulty on request.

The subclasses speak a format each: OpenAI's (server.py) and Gemini's (gemini_server.py). None is made to face a
network.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import orjson

from demitasse.chat.faults import Fault, Faults
from demitasse.chat.http import LARGEST_HEAD, Message, Response, read_message
from demitasse.chat.model import ChatModel, Outcome, Reply, Request
from demitasse.chat.wire.completions import one_line
from demitasse.errors import DataError, DemitasseError

HOST = "127.0.0.1"


@dataclass(slots=True)
class Counts:
    """What a server has seen of requests to its model so far."""

    requests: int = 0
    bytes: int = 0  # of request bodies
    in_flight: int = 0
    peak_in_flight: int = 0
    statuses: Counter[int | str] = field(default_factory=Counter)  # "reset" and "cut" beside the codes
    steps: Counter[str] = field(default_factory=Counter)

    @contextlib.contextmanager
    def one(self, size: int) -> Iterator[int]:
        """Counts a request while it is in flight; gives its number, from 1."""
        self.requests += 1
        self.bytes += size
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
        try:
            yield self.requests
        finally:
            self.in_flight -= 1


class LoopbackServer(ABC):
    """Serves `model` from a thread of its own while the `with` block lasts; a subclass knows the format.

    Args:
        model: who answers. Its `reply` runs on the server's event loop.
        port: 0 for any free one; `origin` says which.
        faults: may be replaced while the server runs.
        api_key: the key that requests must carry; None takes any. A wrong one is answered 401.
    """

    def __init__(
        self, model: ChatModel, port: int = 0, faults: Faults | None = None, api_key: str | None = None
    ) -> None:
        self.model = model
        self.faults = faults or Faults()
        self.counts = Counts()
        self._port = port
        self.api_key = api_key
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._failure = ""  # why the port cannot be served
        self._thread = threading.Thread(target=self._run, name="chat-server", daemon=True)

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://{HOST}:{self._port}"

    @property
    @abstractmethod
    def base_url(self) -> str:
        """What a client is given as its base URL."""

    @abstractmethod
    async def _answer(self, message: Message) -> Response | None:
        """The response to any request, or None to reset the connection."""

    @abstractmethod
    def _read(self, body: dict[str, Any]) -> Request:
        """What a request to the model asks.

        Raises:
            DataError: naming the field that cannot be read.
        """

    @abstractmethod
    def _write(self, reply: Reply, number: int) -> dict[str, Any]:
        """The body of a 200."""

    @abstractmethod
    def _error(self, status: int, message: str, retry_after: str = "") -> Response:
        """An error in the format's own form."""

    def __enter__(self) -> Self:
        """Start.

        Raises:
            DemitasseError: if the port is taken.
        """
        self._thread.start()
        self._ready.wait()
        if self._failure:
            raise DemitasseError(f"port {self._port} of {HOST} cannot be served: {self._failure}")
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(self._serve())
            except (OSError, OverflowError) as error:  # the latter for a number that is no port
                self._failure = getattr(error, "strerror", None) or str(error)
            finally:
                self._ready.set()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._talk, HOST, self._port, limit=LARGEST_HEAD, backlog=1024)
        async with server:
            self._port = server.sockets[0].getsockname()[1]
            self._ready.set()
            await self._stop.wait()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's requests, one after the other."""
        try:
            while (message := await read_message(reader, writer)) is not None:
                response = await self._answer(message)
                if response is None:
                    writer.transport.abort()
                    return
                writer.write(response.encode())
                await writer.drain()
        except DataError as error:
            writer.write(self._error(400, str(error)).encode())
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has gone, or the server goes
        finally:
            writer.close()

    async def _complete(self, body: bytes) -> Response | None:
        """Put a request to the model, with the faults asked for; None to reset the connection."""
        with self.counts.one(len(body)) as number:
            response, status = await self._faulty(body, number)
            self.counts.statuses[status] += 1
            return response

    async def _faulty(self, body: bytes, number: int) -> tuple[Response | None, int | str]:
        faults = self.faults
        latency, fault = faults.draw(number)
        over = faults.capacity is not None and self.counts.in_flight > faults.capacity
        if over or (faults.limit_every and number % faults.limit_every == 0):
            return self._error(429, "too many requests", faults.retry_after), 429
        await asyncio.sleep(latency)
        if fault is Fault.RESET:
            return None, fault
        if isinstance(fault, int):
            return self._error(fault, "a fault was asked for"), fault
        response = await self._ask(body, number)
        if fault is Fault.CUT:
            return Response(200, response.body[: len(response.body) // 2]), fault
        return response, response.status

    async def _ask(self, body: bytes, number: int) -> Response:
        try:
            payload = orjson.loads(body)
            if not isinstance(payload, dict):
                raise DataError("the body must be a JSON object")
            request = self._read(payload)
        except (DataError, orjson.JSONDecodeError) as error:
            return self._error(400, str(error))
        self.counts.steps[request.step] += 1
        try:
            reply = await self.model.reply(request)
        except Exception as error:  # a defect of the model must not look like a dead server
            return self._error(500, one_line(f"{type(error).__name__}: {error}"))
        return self._from_reply(reply, number)

    def _from_reply(self, reply: Reply, number: int) -> Response:
        if reply.outcome is not Outcome.ERROR:
            return json_response(200, self._write(reply, number))
        wait = "" if reply.retry_after is None else f"{reply.retry_after:g}"
        status = reply.status or (429 if wait else 500 if reply.retryable else 400)
        return self._error(status, reply.error, wait)


def json_response(status: int, body: object, headers: dict[str, str] | None = None) -> Response:
    """A response with a JSON body."""
    return Response(status, orjson.dumps(body), headers or {})
