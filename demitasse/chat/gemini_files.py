"""Videos too large for a request: uploaded to Gemini's File API once, and asked about as often as need be.

A file's name there is made from its content, so a run that is started again within the two days that Gemini keeps
files finds what it has uploaded. Nothing is deleted at the end for that reason; during a run the oldest files give
way before the space of 20 GB that a project has is used up.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
from google import genai
from google.genai import errors, types

from demitasse.chat.model import Video

KEPT_BYTES = 10 * 10**9  # half of a project's space: other runs need some too
LIFE_LEFT = timedelta(minutes=30)  # for requests that are answered at once
FIRST_POLL, LONGEST_POLL = 0.25, 5.0  # seconds; a clip of a minute is ready in some seconds
_ABSENT = frozenset({403, 404})  # of a file that is not there Gemini says that it may not be seen


class UploadError(Exception):
    """A video that the endpoint could not make ready. The same video will fail again unless `retryable`."""

    def __init__(self, message: str, retryable: bool) -> None:
        super().__init__(message)
        self.retryable = retryable


@dataclass
class _Upload:
    """One content's file. `lock` is held while it is looked for and made ready; `users` are requests in flight."""

    size: int
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    file: types.File | None = None
    users: int = 0


class Uploads:
    """The files of one client.

    Args:
        client: whose File API is used.
        secret: makes the names, so that they are this account's own: two accounts may hold the same public video.
        seconds: how long a video may take until it is ready.

    Attributes:
        life_left: that a file must still have to be asked about.
    """

    def __init__(self, client: genai.Client, secret: str, seconds: float) -> None:
        self.life_left = LIFE_LEFT
        self._files = client.aio.files
        self._secret = secret.encode()
        self._seconds = seconds
        self._known: OrderedDict[str, _Upload] = OrderedDict()

    @asynccontextmanager
    async def ready(self, video: Video) -> AsyncIterator[types.FileData]:
        """The video as a file that can be asked about while the block lasts.

        Raises:
            UploadError: if it does not become ready.
            errors.APIError: for what the endpoint answers.
        """
        name = self._name(video)
        upload = self._known.setdefault(name, _Upload(len(video.data)))
        upload.users += 1
        try:
            async with upload.lock:
                if upload.file is None or not self._outlives(upload.file):
                    upload.file = await self._make_ready(name, video)
            yield types.FileData(file_uri=upload.file.uri, mime_type=video.mime)
        finally:
            upload.users -= 1
            self._known.move_to_end(name)
            await self._make_room()

    def forget(self, text: str) -> bool:
        """Forget the files that an error speaks of; says whether there were any."""
        named = [name for name in self._known if name in text]
        for name in named:
            self._known[name].file = None
        return bool(named)

    def _name(self, video: Video) -> str:
        digest = hmac.new(self._secret, hashlib.sha256(video.data).digest(), hashlib.sha256)
        return f"files/demitasse-{digest.hexdigest()[:28]}"  # a name has at most 40 characters

    async def _make_ready(self, name: str, video: Video) -> types.File:
        try:
            async with asyncio.timeout(self._seconds):
                file = await self._find(name) or await self._upload(name, video)
                return await self._wait(name, file)
        except TimeoutError:
            raise UploadError(f"the video was not ready within {self._seconds:g} s", retryable=True) from None

    async def _find(self, name: str) -> types.File | None:
        """The file of an earlier run, if it is of use."""
        try:
            file = await self._files.get(name=name)
        except errors.APIError as error:
            if error.code in _ABSENT:
                return None
            raise
        if file.state is not types.FileState.FAILED and self._outlives(file):
            return file
        await self._delete(name)
        return None

    async def _upload(self, name: str, video: Video) -> types.File:
        config = types.UploadFileConfig(name=name, mime_type=video.mime)
        try:
            return await self._files.upload(file=io.BytesIO(video.data), config=config)
        except (KeyError, ValueError) as error:  # how the client says that an upload broke off
            raise UploadError(f"the upload broke off ({type(error).__name__})", retryable=True) from error

    async def _wait(self, name: str, file: types.File) -> types.File:
        """Until it can be asked about: a video is taken apart first, and a request meanwhile would fail."""
        pause = FIRST_POLL
        while file.state is not types.FileState.ACTIVE:
            if file.state is types.FileState.FAILED:
                raise UploadError("the endpoint could not read the video", retryable=False)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_POLL)
            file = await self._files.get(name=name)
        return file

    async def _make_room(self) -> None:
        while (name := self._oldest_too_much()) is not None:  # looked for anew: others make room meanwhile
            del self._known[name]
            await self._delete(name)

    def _oldest_too_much(self) -> str | None:
        kept = sum(upload.size for upload in self._known.values() if upload.file is not None)
        unused = (name for name, upload in self._known.items() if upload.users == 0)
        return next(unused, None) if kept > KEPT_BYTES else None

    async def _delete(self, name: str) -> None:
        # It has gone by itself, or goes after two days; a reply that is there already must not be lost over it.
        with suppress(errors.APIError, httpx.HTTPError):
            await self._files.delete(name=name)

    def _outlives(self, file: types.File) -> bool:
        return file.expiration_time is None or file.expiration_time - datetime.now(UTC) > self.life_left
