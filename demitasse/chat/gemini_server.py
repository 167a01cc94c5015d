"""A stand-in for Gemini: any `ChatModel` served on 127.0.0.1 over generateContent and the File API.

So that the real `google-genai` client is put to the test with real uploads, blocks, waits and broken answers.

    python -m demitasse.chat.server --gemini --port 8000
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from demitasse.chat.batch_server import Desk
from demitasse.chat.batch_server_gemini import GeminiDesk
from demitasse.chat.faults import Faults
from demitasse.chat.http import Message, Response
from demitasse.chat.loopback import LoopbackServer, json_response
from demitasse.chat.model import ChatModel, Reply, Request
from demitasse.chat.wire.gemini import read_request, write_error, write_response

_MODEL = re.compile(r"/(?P<version>v\w+)/models/(?P<model>[\w.-]+)(?P<generate>:generateContent)?")
_FILE = re.compile(r"/(?P<version>v\w+)/(?P<name>files/[a-z0-9-]+)")
_START = re.compile(r"/upload/(?P<version>v\w+)/files")
_SESSION = "/upload/session/"
LIFE = timedelta(hours=48)


@dataclass
class StoredFile:
    """An uploaded file."""

    name: str
    mime: str
    uri: str
    data: bytes = b""
    arrived: float = 0.0  # monotonic seconds
    expires: datetime | None = None

    def state(self, processing: float) -> str:
        """PROCESSING for so many seconds, then ACTIVE, or FAILED if it is no video."""
        if time.monotonic() - self.arrived < processing:
            return "PROCESSING"
        return "ACTIVE" if not self.mime.startswith("video/") or _is_readable(self.data) else "FAILED"


class GeminiServer(LoopbackServer):
    """Serves a model over Gemini's formats.

    Args:
        model: who answers; its name is the one model there is.
        port: 0 for any free one; `base_url` says which.
        faults: of generateContent.
        api_key: the key that requests must carry; None takes any.
        processing: seconds until an uploaded file is ready.
        life: how long a file is kept.

    Attributes:
        files: what has been uploaded, by name. Removing one is what its expiry does.
        uploads: how many there were.
        desk: the batch jobs.
    """

    def __init__(
        self,
        model: ChatModel,
        port: int = 0,
        faults: Faults | None = None,
        api_key: str | None = None,
        processing: float = 0.0,
        life: timedelta = LIFE,
    ) -> None:
        super().__init__(model, port, faults, api_key)
        self.files: dict[str, StoredFile] = {}
        self.uploads = 0
        self._processing = processing
        self._life = life
        self._sessions: dict[str, StoredFile] = {}
        self.desk = Desk(self._ask)
        self._batches = GeminiDesk(self.desk, self._content)

    @property
    def base_url(self) -> str:
        """What a client is given as its base URL."""
        return self.origin

    async def _answer(self, message: Message) -> Response | None:
        key = message.headers.get("x-goog-api-key", "")
        if self.api_key is not None and key != self.api_key and not message.path.startswith(_SESSION):
            return self._error(401, f"API key not valid: {key}.")
        if (response := self._batches.answer(message)) is not None:
            return response
        if (asked := _MODEL.fullmatch(message.path)) is not None:
            return await self._answer_model(message, asked)
        if (file := _FILE.fullmatch(message.path)) is not None:
            return self._answer_file(message, file["name"])
        if message.method == "POST" and (start := _START.fullmatch(message.path)) is not None:
            return self._begin_upload(message, start["version"])
        if message.method == "POST" and message.path.startswith(_SESSION):
            return self._take_upload(message)
        return self._error(404, f"{message.method} {message.path} is not served here")

    async def _answer_model(self, message: Message, asked: re.Match[str]) -> Response | None:
        if message.method == "GET" and not asked["generate"]:
            return json_response(200, {"name": f"models/{asked['model']}", "version": "stand-in"})
        if message.method != "POST" or not asked["generate"]:
            return self._error(404, "of a model only generateContent is served here")
        return await self._complete(message.body)

    def _answer_file(self, message: Message, name: str) -> Response:
        file = self.files.get(name)
        if file is None:  # Gemini's own words leave open which
            return self._error(403, f"You do not have permission to access the File {name} or it may not exist.")
        if message.method == "DELETE":
            del self.files[name]
            return json_response(200, {})
        return json_response(200, self._told(file))

    def _begin_upload(self, message: Message, version: str) -> Response:
        try:
            wanted = orjson.loads(message.body)["file"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return self._error(400, 'the body must be a JSON object with a "file"')
        number = len(self._sessions) + 1
        name = str(wanted.get("name") or f"files/stand-in-{number}")
        if name in self.files:
            return self._error(409, f"Requested entity already exists: {name}")
        mime = message.headers.get("x-goog-upload-header-content-type", "")
        session = f"{_SESSION}{number}"
        self._sessions[session] = StoredFile(name, mime, f"{self.origin}/{version}/{name}")
        return json_response(
            200, {}, {"X-Goog-Upload-URL": f"{self.origin}{session}", "X-Goog-Upload-Status": "active"}
        )

    def _take_upload(self, message: Message) -> Response:
        file = self._sessions.get(message.path)
        if file is None or int(message.headers.get("x-goog-upload-offset", "0")) != len(file.data):
            return self._error(400, "no such upload, or not from where it had come to")
        file.data += message.body
        if "finalize" not in message.headers.get("x-goog-upload-command", ""):
            return json_response(200, {}, {"X-Goog-Upload-Status": "active"})
        file.arrived, file.expires = time.monotonic(), datetime.now(UTC) + self._life
        self.files[file.name] = file
        self.uploads += 1
        return json_response(200, {"file": self._told(file)}, {"X-Goog-Upload-Status": "final"})

    def _content(self, name: str) -> bytes | None:
        return self.files[name].data if name in self.files else None

    def _told(self, file: StoredFile) -> dict[str, Any]:
        return {
            "name": file.name,
            "mimeType": file.mime,
            "sizeBytes": str(len(file.data)),
            "expirationTime": file.expires.isoformat().replace("+00:00", "Z") if file.expires else None,
            "uri": file.uri,
            "state": file.state(self._processing),
        }

    def _read(self, body: dict[str, Any]) -> Request:
        return read_request(body, self._active())

    def _active(self) -> Mapping[str, bytes]:
        files = self.files.values()
        return {file.uri: file.data for file in files if file.state(self._processing) == "ACTIVE"}

    def _write(self, reply: Reply, number: int) -> dict[str, Any]:
        return write_response(reply)

    def _error(self, status: int, message: str, retry_after: str = "") -> Response:
        body = write_error(message, status, retry_after)
        return json_response(body["error"]["code"], body)


def _is_readable(data: bytes) -> bool:
    import av

    try:
        with av.open(io.BytesIO(data), "r") as container:
            return bool(container.streams.video)
    except av.error.FFmpegError:
        return False
