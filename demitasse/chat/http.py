"""As much of HTTP/1.1 as a stand-in server needs: one message in, one message out, connections kept alive."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from demitasse.errors import DataError

LARGEST_HEAD = 64 * 2**10  # bytes
LARGEST_BODY = 512 * 2**20  # bytes


@dataclass(frozen=True, slots=True)
class Message:
    """A request: header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """An answer with a JSON body."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        """The bytes that go over the wire."""
        reason = HTTPStatus(self.status).phrase if self.status in HTTPStatus._value2member_map_ else ""
        lines = [f"HTTP/1.1 {self.status} {reason}", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += [f"Content-Length: {len(self.body)}", "", ""]
        return "\r\n".join(lines).encode("latin-1") + self.body


async def read_message(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Message | None:
    """The next request on a connection; None when the other side has closed it.

    Raises:
        DataError: for something that is not a request with a length.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError:
        raise DataError(f"the header is longer than {LARGEST_HEAD} bytes") from None
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    try:
        method, path, _ = first.split(" ")
        headers = {name.strip().lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        length = int(headers.get("content-length", "0"))
    except ValueError:
        raise DataError("the header is not HTTP/1.1") from None
    if "transfer-encoding" in headers or not 0 <= length <= LARGEST_BODY:
        raise DataError(f"a body needs a Content-Length of at most {LARGEST_BODY}")
    if headers.get("expect", "").lower() == "100-continue":  # curl asks before a large body
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    return Message(method, path.split("?", 1)[0], headers, await reader.readexactly(length))
