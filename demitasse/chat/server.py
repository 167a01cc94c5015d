"""A stand-in endpoint: any `ChatModel` served on 127.0.0.1 over OpenAI's chat-completions format.

For the demo, the tests, benchmarks and people who want to watch what is sent: the real client talks to it over
real HTTP, and it can be slow, overloaded and faulty on request. It is not made to face a network.

    python -m demitasse.chat.server --port 8000 --latency 0.2
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import orjson

from demitasse.chat.faults import Fault, Faults
from demitasse.chat.http import LARGEST_HEAD, Message, Response, read_message
from demitasse.chat.model import ChatModel, Outcome, Reply
from demitasse.chat.wire.completions import one_line, write_completion, write_error
from demitasse.chat.wire.requests import read_request
from demitasse.errors import DataError, DemitasseError

HOST = "127.0.0.1"
COMPLETIONS = "/v1/chat/completions"
MODELS = "/v1/models"


@dataclass(slots=True)
class Counts:
    """What the server has seen of POST /v1/chat/completions so far."""

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


class ChatServer:
    """Serves `model` from a thread of its own while the `with` block lasts.

    Args:
        model: who answers. Its `reply` runs on the server's event loop.
        port: 0 for any free one; `base_url` says which.
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
        self._api_key = api_key
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="chat-server", daemon=True)

    @property
    def base_url(self) -> str:
        """What a client is given as its base URL."""
        return f"http://{HOST}:{self._port}/v1"

    def __enter__(self) -> Self:
        """Start.

        Raises:
            DemitasseError: if the port is taken.
        """
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise DemitasseError(f"port {self._port} of {HOST} cannot be served: {self._failure.strerror}")
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(self._serve())
            except OSError as error:
                self._failure = error
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
            writer.write(_error(400, str(error)).encode())
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has gone
        finally:
            writer.close()

    async def _answer(self, message: Message) -> Response | None:
        """The response, or None to reset the connection."""
        if self._api_key is not None and message.headers.get("authorization") != f"Bearer {self._api_key}":
            key = message.headers.get("authorization", "").removeprefix("Bearer ")
            return _error(401, f"Incorrect API key provided: {key}.")  # it repeats the key, as real ones do
        if (message.method, message.path) == ("GET", MODELS):
            model = {"id": self.model.name, "object": "model", "created": 0, "owned_by": "demitasse"}
            return _json(200, {"object": "list", "data": [model]})
        if (message.method, message.path) != ("POST", COMPLETIONS):
            return _error(404, f"only POST {COMPLETIONS} and GET {MODELS} are served here")
        with self.counts.one(len(message.body)) as number:
            response, status = await self._complete(message.body, number)
            self.counts.statuses[status] += 1
            return response

    async def _complete(self, body: bytes, number: int) -> tuple[Response | None, int | str]:
        faults = self.faults
        latency, fault = faults.draw(number)
        over = faults.capacity is not None and self.counts.in_flight > faults.capacity
        if over or (faults.limit_every and number % faults.limit_every == 0):
            return _error(429, "too many requests", faults.retry_after), 429
        await asyncio.sleep(latency)
        if fault is Fault.RESET:
            return None, fault
        if isinstance(fault, int):
            return _error(fault, "a fault was asked for"), fault
        response = await self._ask(body, number)
        if fault is Fault.CUT:
            return Response(200, response.body[: len(response.body) // 2]), fault
        return response, response.status

    async def _ask(self, body: bytes, number: int) -> Response:
        try:
            payload = orjson.loads(body)
            if not isinstance(payload, dict):
                raise DataError("the body must be a JSON object")
            request = read_request(payload)
        except (DataError, orjson.JSONDecodeError) as error:
            return _error(400, str(error))
        self.counts.steps[request.step] += 1
        try:
            reply = await self.model.reply(request)
        except Exception as error:  # a defect of the model must not look like a dead server
            return _error(500, one_line(f"{type(error).__name__}: {error}"))
        return _from_reply(reply, number)


def _from_reply(reply: Reply, number: int) -> Response:
    if reply.outcome is not Outcome.ERROR:
        return _json(200, write_completion(reply, number))
    wait = "" if reply.retry_after is None else f"{reply.retry_after:g}"
    status = reply.status or (429 if wait else 500 if reply.retryable else 400)
    return _error(status, reply.error, wait)


def _json(status: int, body: object, headers: dict[str, str] | None = None) -> Response:
    return Response(status, orjson.dumps(body), headers or {})


def _error(status: int, message: str, retry_after: str = "") -> Response:
    return _json(status, write_error(message, status), {"Retry-After": retry_after} if retry_after else None)


def add_serve_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `demitasse serve`."""
    parser.add_argument("--port", type=int, default=8000, help="0 for any free one (default: %(default)s)")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds an answer takes")
    parser.add_argument("--jitter", type=float, default=0.0, help="spread of the latency, 0 to 1")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn")
    parser.add_argument("--error", action="append", default=[], metavar="STATUS=RATE", help="503=0.1; may be repeated")
    parser.add_argument("--cut-rate", type=float, default=0.0, help="rate of half-sent JSON")
    parser.add_argument("--reset-rate", type=float, default=0.0, help="rate of reset connections")
    parser.add_argument("--limit-every", type=int, default=0, help="every n-th request is answered 429")
    parser.add_argument("--capacity", type=int, help="more requests at once than this are answered 429")
    parser.add_argument("--retry-after", default="1", help="the header of a 429 (default: %(default)s)")


def run_serve(args: argparse.Namespace) -> int:
    """Serve the scripted model until interrupted.

    Raises:
        DemitasseError: for a port that is taken, or faults that cannot be.
    """
    from demitasse.chat.scripted import ScriptedModel

    with ChatServer(ScriptedModel(), args.port, _faults(args)) as server, contextlib.suppress(KeyboardInterrupt):
        print(f"{server.base_url} answers as {server.model.name}; Ctrl-C ends it", flush=True)
        threading.Event().wait()
    return 0


def _faults(args: argparse.Namespace) -> Faults:
    settings: dict[str, Any] = {key: value for key, value in vars(args).items() if key not in ("port", "error")}
    try:
        settings["error_rates"] = {int(s): float(r) for s, r in (item.split("=") for item in args.error)}
    except ValueError:
        raise DemitasseError(f"--error {' '.join(args.error)}: write STATUS=RATE, as in 503=0.1") from None
    return Faults(**settings)


if __name__ == "__main__":
    from demitasse.cli import main

    raise SystemExit(main(["serve", *sys.argv[1:]]))
