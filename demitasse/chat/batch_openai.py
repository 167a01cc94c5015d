"""Batch jobs of OpenAI's protocol: a file of requests, a job, a file of replies and one of errors.

A request's body is what it would be if it were sent by itself, and the reply is read by the same code.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Literal

import openai
import orjson
from openai.types import Batch

from demitasse.chat.batch import UNANSWERED, UPLOAD_SECONDS, BatchError, JobLost, Line, Standing
from demitasse.chat.model import Outcome, Reply, Request
from demitasse.chat.openai import OpenAIChat, read_status
from demitasse.chat.wire.completions import one_line, read_completion

COMPLETIONS: Literal["/v1/chat/completions"] = "/v1/chat/completions"
TOKEN = "demitasse"  # the name of our token among a job's metadata
_OVER = frozenset({"completed", "expired", "cancelled", "failed"})
_LATER = frozenset({"token_limit_exceeded", "request_limit_exceeded"})  # of what may be queued at once
_PAGE = 100


class OpenAIBatches:
    """The jobs of one model behind one base URL."""

    def __init__(self, chat: OpenAIChat) -> None:
        self.chat = chat

    async def submit(self, token: str, requests: Mapping[str, Request]) -> str:
        """Upload the requests and begin a job."""
        async with self._told():
            client = self.chat.client.with_options(timeout=UPLOAD_SECONDS)
            file = await client.files.create(file=(f"{token}.jsonl", self._write(requests)), purpose="batch")
            job = await self.chat.client.batches.create(
                input_file_id=file.id, endpoint=COMPLETIONS, completion_window="24h", metadata={TOKEN: token}
            )
            return job.id

    async def find(self, token: str) -> str | None:
        """The job with our token among its metadata."""
        async with self._told():
            async for job in self.chat.client.batches.list(limit=_PAGE):
                if (job.metadata or {}).get(TOKEN) == token:
                    return job.id
            return None

    async def look(self, job: str) -> Standing:
        """How far it is. The errors of one that failed are of its file as a whole, or of too much that is queued."""
        batch = await self._retrieve(job)
        errors = (batch.errors.data if batch.errors else None) or []
        if batch.status != "failed":
            return Standing(batch.status in _OVER)
        told = "; ".join(error.message or error.code or "" for error in errors) or "no reason given"
        why = one_line(self.chat.clean(told.encode()).decode())
        return Standing(True, why, later=any(error.code in _LATER for error in errors))

    async def results(self, job: str) -> list[Line]:
        """The lines of both files; an expired or cancelled job has what was ready in one and the rest in the other."""
        batch = await self._retrieve(job)
        lines: list[Line] = []
        async with self._told(of_job=True):
            for file in filter(None, (batch.output_file_id, batch.error_file_id)):
                content = await self.chat.client.files.content(file, timeout=UPLOAD_SECONDS)
                lines += _lines(content.content)
            with suppress(openai.APIError):  # the videos must not stay there, but nothing depends on it
                await self.chat.client.files.delete(batch.input_file_id)
        return lines

    async def read(self, line: Line, request: Request) -> Reply:
        """As the reply to a request of its own."""
        if line.status == 200:
            return read_completion(self.chat.clean(line.body), self.chat.is_structured(request))
        return read_status(line.status, self.chat.clean(line.body))

    async def cancel(self, job: str) -> None:
        """Have it end with what it has."""
        async with self._told():
            await self.chat.client.batches.cancel(job)

    async def close(self) -> None:
        """Release connections."""
        await self.chat.close()

    async def _retrieve(self, job: str) -> Batch:
        async with self._told(of_job=True):
            return await self.chat.client.batches.retrieve(job)

    def _write(self, requests: Mapping[str, Request]) -> bytes:
        lines = (
            {"custom_id": key, "method": "POST", "url": COMPLETIONS, "body": self.chat.write(request)}
            for key, request in requests.items()
        )
        return b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)

    @asynccontextmanager
    async def _told(self, of_job: bool = False) -> AsyncIterator[None]:
        """What the client raises, as a `BatchError`; `of_job` that is there: what is not found then has gone."""
        try:
            async with asyncio.timeout(UPLOAD_SECONDS):
                yield
        except (openai.APIError, TimeoutError) as error:
            reply = self.chat.read_failure(error)
            raise JobLost(reply.error) if of_job and reply.status == 404 else BatchError(reply) from None
        except (ValueError, TypeError, AttributeError) as error:  # a 200 that is not what the client takes it for
            told = f"the endpoint's answer about a batch job cannot be read ({type(error).__name__})"
            raise BatchError(Reply(Outcome.ERROR, error=told, retryable=True)) from None


def _lines(content: bytes) -> Iterator[Line]:
    """The lines of a file of results; one that cannot be read is left out, and so its request has no reply."""
    for text in content.splitlines():
        with suppress(orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError):
            line = orjson.loads(text)
            response = line.get("response")
            if response is not None:
                yield Line(line["custom_id"], int(response["status_code"]), orjson.dumps(response["body"]))
            else:  # it was never asked: expired, cancelled
                yield Line(line["custom_id"], UNANSWERED, orjson.dumps({"error": line["error"]}))
