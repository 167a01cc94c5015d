"""The page's server: on this machine, for the person who started it, and nobody else.

Other users of the machine and other websites in the person's browser can reach a port of 127.0.0.1 too. So

* the address that is opened carries a secret, which becomes a cookie; without it nothing is answered;
* a request must name this machine as its host, so that a foreign name that resolves to 127.0.0.1 is of no use;
* a decision must come from our own page (`Origin`), and the page may load nothing from anywhere else (CSP).

Media are addressed by number. No path comes from outside, so none can lead out of the media folder.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import sys
from collections.abc import Callable
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from demitasse.engine.step import Stop
from demitasse.errors import DataError, DemitasseError
from demitasse.view.changed import CHANGED
from demitasse.view.contents import MEDIA_TYPES, Review
from demitasse.view.ranges import byte_range
from demitasse.view.store import EditStore

HOST = "127.0.0.1"
FOLDER = Path(__file__).parent / "page"
LARGEST_DECISION = 4 * 2**20  # bytes
_BLOCK = 256 * 2**10
_COOKIE = "demitasse_view"
# `page.html` alone says which scripts there are and in which order: each may use what those before it hold.
SCRIPT_LINK = re.compile(r'<script src="(\w+\.js)" defer></script>\n')
SCRIPTS = tuple(SCRIPT_LINK.findall((FOLDER / "page.html").read_text(encoding="utf-8")))
_FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    **{f"/{name}": (name, "text/javascript; charset=utf-8") for name in SCRIPTS},
}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class ViewServer(ThreadingHTTPServer):
    """Serves one review.

    Args:
        review: what is shown.
        store: takes the decisions; None if none are to be taken.
        port: 0 for any free one.
        is_changed: whether the data are no longer those of the review, which whoever loads the page is then told.

    Raises:
        DemitasseError: if the port is taken.
    """

    daemon_threads = True
    allow_reuse_address = os.name == "posix"

    def __init__(
        self,
        review: Review,
        store: EditStore | None = None,
        port: int = 0,
        is_changed: Callable[[], bool] = lambda: False,
    ) -> None:
        self.review = review
        self.store = store
        self.token = secrets.token_urlsafe(16)
        self._is_changed = is_changed
        self._overview = {**review.overview(), "decidable": review.decidable and store is not None}
        self._told = _json(self._overview)
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            raise DemitasseError(f"port {port} of {HOST} cannot be served: {error}; give another --port") from None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up in the middle is none; anything else is a defect, and is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def overview(self) -> bytes:
        """What the page loads first."""
        if not self._is_changed():
            return self._told
        return _json(self._overview | {"notes": [CHANGED, *self.review.notes]})

    @property
    def address(self) -> str:
        """What the person opens."""
        return f"http://{HOST}:{self.server_address[1]}/?token={self.token}"


class _Handler(BaseHTTPRequestHandler):
    """One connection. `protocol_version` keeps it open, which makes seeking quick."""

    server: ViewServer
    protocol_version = "HTTP/1.1"
    server_version = "demitasse"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer a page, a piece of data, or a stretch of a medium."""
        if not self._is_allowed():
            return
        url = urlsplit(self.path)
        if url.path == "/" and url.query:
            self._let_in()
        elif url.path in _FILES:
            name, kind = _FILES[url.path]
            self._send(HTTPStatus.OK, (FOLDER / name).read_bytes(), kind)
        elif url.path == "/api/review":
            self._send(HTTPStatus.OK, self.server.overview())
        elif url.path == "/api/edits":
            self._send(HTTPStatus.OK, _json(self.server.store.rows() if self.server.store else []))
        elif (index := self._index(url.path, "/api/medium/")) is not None:
            self._send(HTTPStatus.OK, _json(self.server.review.detail(index)))
        elif (index := self._index(url.path, "/media/")) is not None:
            self._send_medium(index)
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        """Take a decision."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LARGEST_DECISION or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a decision has at most {LARGEST_DECISION} bytes")
            return
        body = self.rfile.read(int(length))
        if not self._is_allowed():
            return
        if self.headers.get("Origin") != f"http://{self.headers['Host']}":
            self._refuse(HTTPStatus.FORBIDDEN, "decisions are taken from this page only")
        elif self.path != "/api/edits" or self.server.store is None:
            self._refuse(HTTPStatus.NOT_FOUND, "no decisions are taken here")
        else:
            self._take(self.server.store, body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the terminal belongs to the person."""

    def _take(self, store: EditStore, body: bytes) -> None:
        try:
            edit = store.take(json.loads(body))
        except (DataError, ValueError, RecursionError) as error:
            self._refuse(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        except (Stop, OSError) as error:
            self._refuse(HTTPStatus.INSUFFICIENT_STORAGE, str(error))
        else:
            self._send(HTTPStatus.OK, _json(edit.to_json()))

    def _is_allowed(self) -> bool:
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        if host not in (HOST, "localhost"):
            self._refuse(HTTPStatus.FORBIDDEN, "this server answers to 127.0.0.1 and localhost only")
            return False
        if not secrets.compare_digest(self._shown_token().encode("utf-8", "replace"), self.server.token.encode()):
            self._refuse(HTTPStatus.FORBIDDEN, "open the address that `demitasse view` printed")
            return False
        return True

    def _shown_token(self) -> str:
        query = parse_qs(urlsplit(self.path).query)
        if "token" in query:
            return query["token"][0]
        try:
            morsel = SimpleCookie(self.headers.get("Cookie", "")).get(self._cookie())
        except CookieError:
            return ""
        return morsel.value if morsel else ""

    def _cookie(self) -> str:
        """Cookies know no ports: two views at once need two names."""
        return f"{_COOKIE}_{self.server.server_address[1]}"

    def _let_in(self) -> None:
        """Turn the secret in the address into a cookie, so that it stays in no history and no link."""
        cookie = f"{self._cookie()}={self.server.token}; HttpOnly; SameSite=Strict; Path=/"
        self._send(HTTPStatus.SEE_OTHER, b"", headers={"Location": "/", "Set-Cookie": cookie})

    def _index(self, path: str, prefix: str) -> int | None:
        number = path.removeprefix(prefix)
        known = path.startswith(prefix) and number.isascii() and number.isdecimal() and len(number) < 12
        return int(number) if known and int(number) < len(self.server.review.media) else None

    def _send_medium(self, index: int) -> None:
        medium = self.server.review.media[index]
        if medium.path is None:
            self._refuse(HTTPStatus.NOT_FOUND, medium.fault)
            return
        try:
            with medium.path.open("rb") as file:
                self._send_file(file.fileno(), MEDIA_TYPES[medium.path.suffix.lower()])
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the person went on before the video was there
        except OSError as error:
            self._refuse(HTTPStatus.NOT_FOUND, f"the file cannot be read: {error.strerror}")

    def _send_file(self, descriptor: int, kind: str) -> None:
        found = os.fstat(descriptor)
        tag = f'"{found.st_size:x}-{found.st_mtime_ns:x}"'
        headers = {"Accept-Ranges": "bytes", "ETag": tag, "Cache-Control": "private, max-age=0, must-revalidate"}
        whole = self.headers.get("If-Range", tag) != tag
        try:
            wanted = None if whole else byte_range(self.headers.get("Range"), found.st_size)
        except ValueError:
            headers["Content-Range"] = f"bytes */{found.st_size}"
            self._send(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, b"", headers=headers)
            return
        first, last = wanted or (0, found.st_size - 1)
        if wanted:
            headers["Content-Range"] = f"bytes {first}-{last}/{found.st_size}"
        self._begin(HTTPStatus.PARTIAL_CONTENT if wanted else HTTPStatus.OK, last - first + 1, kind, headers)
        if self.command != "HEAD":
            self._copy(descriptor, first, last - first + 1)

    def _copy(self, descriptor: int, first: int, count: int) -> None:
        while count:
            block = os.pread(descriptor, min(_BLOCK, count), first)
            if not block:  # the file has been cut short meanwhile: the length that was promised cannot be kept
                self.close_connection = True
                return
            self.wfile.write(block)
            first, count = first + len(block), count - len(block)

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self._send(status, _json({"error": why}))

    def _send(
        self, status: HTTPStatus, body: bytes, kind: str = "application/json", headers: dict[str, str] | None = None
    ) -> None:
        self._begin(status, len(body), kind, {"Cache-Control": "no-store"} | (headers or {}))
        if self.command != "HEAD":
            self.wfile.write(body)

    def _begin(self, status: HTTPStatus, length: int, kind: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (_HEADERS | headers).items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.end_headers()


def _json(value: Any) -> bytes:
    # Not orjson: a lone surrogate, which a model can write, has no UTF-8 form; here it is sent as an escape.
    return json.dumps(value, separators=(",", ":")).encode()
