"""Stand-ins for the chat tests: a model that says what it is told to, and a server that sends bytes as they are."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from demitasse.chat.model import Capability, Outcome, Reply, Request, Usage


class Speaker:
    """Answers with what `say` returns; keeps the requests."""

    name = "speaker"
    capability = Capability()

    def __init__(self, say: Callable[[Request], str | Reply] = lambda request: f"about {request.step}") -> None:
        self.say = say
        self.heard: list[Request] = []

    async def reply(self, request: Request) -> Reply:
        self.heard.append(request)
        said = self.say(request)
        return said if isinstance(said, Reply) else Reply(Outcome.SUCCESS, said, model="speaker-2", usage=Usage(7, 3))

    async def close(self) -> None:
        """Nothing to close."""


class RawServer:
    """Sends the same bytes to every request, slowly if asked to; counts requests."""

    def __init__(self, status: str, body: bytes, headers: str = "", pause: float = 0.0) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n"
        self.answer = head.encode() + body
        self.pause = pause
        self.requests = 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/v1"
        self._closing = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Once the thread has ended: one that still waits at a closed socket may wait at the next test's instead."""
        self._closing = True
        with contextlib.suppress(OSError):
            socket.create_connection(self.socket.getsockname()).close()
        self._thread.join()
        self.socket.close()

    def _serve(self) -> None:
        while True:
            connection, _ = self.socket.accept()
            with connection, contextlib.suppress(OSError):
                if self._closing:
                    return
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        received = b""
        while not received.rstrip().endswith(b"}"):
            if not (part := connection.recv(2**16)):
                return
            received += part
        self.requests += 1
        pieces = [self.answer] if not self.pause else [bytes([byte]) for byte in self.answer]
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(self.pause)


@pytest.fixture
def speaker() -> type[Speaker]:
    return Speaker


@pytest.fixture
def raw_server() -> Iterator[Callable[..., RawServer]]:
    servers: list[RawServer] = []

    def start(status: str, body: bytes = b"", headers: str = "", pause: float = 0.0) -> RawServer:
        servers.append(RawServer(status, body, headers, pause))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
