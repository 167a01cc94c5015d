"""Batch jobs of Gemini: an uploaded file of requests, a job, a file of replies.

The client writes no such file, and reads none. Its own words are used all the same: it is asked for a single request
over a transport that leads nowhere, which keeps what it writes and plays it what the job has brought.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import timedelta

import httpx
import orjson
from google.genai import errors, types

from demitasse.chat.batch import UPLOAD_SECONDS, BatchError, JobLost, Line, Standing
from demitasse.chat.gemini import FAILURES, GeminiChat
from demitasse.chat.model import Outcome, Reply, Request, Text

# Videos that a job asks about must be there until it ends; they are kept for 48 hours.
LIFE_LEFT = timedelta(hours=26)
_OVER = frozenset({"SUCCEEDED", "PARTIALLY_SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"})
_MIME = "application/jsonl"
_PAGE = 100


@dataclass
class _Sheet:
    """What is written over `_Paper`, and what it answers."""

    status: int = 200
    answer: bytes = b"{}"
    written: bytes = b""


_sheet: ContextVar[_Sheet] = ContextVar("sheet")


class _Paper(httpx.AsyncBaseTransport):
    """A transport that leads nowhere."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        sheet = _sheet.get()
        sheet.written = await request.aread()
        return httpx.Response(sheet.status, content=sheet.answer)


class GeminiBatches:
    """The jobs of one Gemini model."""

    def __init__(self, chat: GeminiChat) -> None:
        self.chat = chat
        self._paper = chat.through(_Paper())
        self._held: dict[str, AsyncExitStack] = {}  # by job: keeps its videos from being deleted
        self._inputs: dict[str, str] = {}  # by job: its file of requests
        chat.uploads.life_left = LIFE_LEFT

    async def submit(self, token: str, requests: Mapping[str, Request]) -> str:
        """Upload the videos that need it, then the requests, and begin a job."""
        async with self._told(), AsyncExitStack() as stack:
            content = b"".join([await self._write(key, request, stack) for key, request in requests.items()])
            long = types.HttpOptions(timeout=round(UPLOAD_SECONDS * 1000))
            config = types.UploadFileConfig(mime_type=_MIME, display_name=token, http_options=long)
            file = await self.chat.client.aio.files.upload(file=io.BytesIO(content), config=config)
            job = await self.chat.client.aio.batches.create(
                model=self.chat.model, src=str(file.name), config=types.CreateBatchJobConfig(display_name=token)
            )
            name = str(job.name)
            self._held[name], self._inputs[name] = stack.pop_all(), str(file.name)
            return name

    async def find(self, token: str) -> str | None:
        """The job with our token as its name for people."""
        async with self._told():
            config = types.ListBatchJobsConfig(page_size=_PAGE)
            async for job in await self.chat.client.aio.batches.list(config=config):
                if job.display_name == token:
                    return job.name
            return None

    async def look(self, job: str) -> Standing:
        """How far it is. Of one that failed the client does not say why."""
        batch = await self._get(job)
        state = str(batch.state.value if batch.state else "").removeprefix("JOB_STATE_")
        if state == "FAILED" and _results_file(batch) is None:
            return Standing(True, "the endpoint gives no reason", again=True)
        return Standing(state in _OVER)

    async def results(self, job: str) -> list[Line]:
        """The lines of its file; none where it expired before anything was ready."""
        batch = await self._get(job)
        name = _results_file(batch)
        lines: list[Line] = []
        async with self._told(of_job=True):
            if name is not None:
                lines = list(_lines(await self.chat.client.aio.files.download(file=name)))
            await self._let_go(job)
        return lines

    async def read(self, line: Line, request: Request) -> Reply:
        """As the client reads it, and we what the client has read."""
        _sheet.set(_Sheet(line.status, line.body))
        reply = await self._paper.reply(replace(request, parts=(Text(""),), turns=()))  # no video has to be uploaded
        if reply.status in (403, 404) and "files/" in reply.error:
            # A video that has expired; it is uploaded again.
            return replace(reply, retryable=True)
        return reply

    async def cancel(self, job: str) -> None:
        """Have it end with what it has."""
        async with self._told():
            await self.chat.client.aio.batches.cancel(name=job)

    async def close(self) -> None:
        """Release connections."""
        await self._paper.close()
        await self.chat.close()

    async def _get(self, job: str) -> types.BatchJob:
        async with self._told(of_job=True):
            return await self.chat.client.aio.batches.get(name=job)

    async def _write(self, key: str, request: Request, stack: AsyncExitStack) -> bytes:
        """A request's line; its videos are ready as long as `stack` is open."""
        await self.chat.upload(request, stack)
        sheet = _Sheet()
        _sheet.set(sheet)
        reply = await self._paper.reply(request)
        if not sheet.written:  # the client has refused it
            raise BatchError(reply)
        return b'{"key":' + orjson.dumps(key) + b',"request":' + sheet.written + b"}\n"

    async def _let_go(self, job: str) -> None:
        """Videos may make room for others, and the requests need not stay; nothing depends on that."""
        with suppress(errors.APIError):
            if job in self._inputs:
                await self.chat.client.aio.files.delete(name=self._inputs.pop(job))
        if job in self._held:
            await self._held.pop(job).aclose()

    @asynccontextmanager
    async def _told(self, of_job: bool = False) -> AsyncIterator[None]:
        """What the client raises, as a `BatchError`; `of_job` that is there: what is not found then has gone."""
        try:
            yield
        except FAILURES as error:
            reply = self.chat.read_failure(error)
            raise JobLost(reply.error) if of_job and reply.status == 404 else BatchError(reply) from None
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            told = f"the endpoint's answer about a batch job cannot be read ({type(error).__name__})"
            raise BatchError(Reply(Outcome.ERROR, error=told, retryable=True)) from None


def _results_file(batch: types.BatchJob) -> str | None:
    return batch.dest.file_name if batch.dest else None


def _lines(content: bytes) -> Iterator[Line]:
    """The lines of a file of results; one that cannot be read is left out, and so its request has no reply."""
    for text in content.splitlines():
        with suppress(orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError):
            line = orjson.loads(text)
            if line.get("response") is not None:
                yield Line(line["key"], 200, orjson.dumps(line["response"]))
            else:  # google.rpc.Status, whose code is a small number where it is not HTTP's
                error = line["error"]
                status = _HTTP.get(error.get("code"), error.get("code") or 500)
                yield Line(line["key"], int(status), orjson.dumps({"error": error}))


# google.rpc.Code as HTTP has it, from google/rpc/code.proto.
_HTTP = {1: 499, 2: 500, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400, 12: 501, 13: 500,
         14: 503, 15: 500, 16: 401}  # fmt: skip
