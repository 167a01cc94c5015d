"""Batch jobs: many requests in one file, answered within a day at half the price.

What an endpoint that has them must be able to do. Who collects requests, waits for jobs and remembers them over
restarts is `demitasse.engine.batch`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from demitasse.chat.model import ChatModel, Image, Outcome, Reply, Request, Text, Video

BATCH_BYTES = 190 * 10**6  # of one job's requests: OpenAI takes files of 200 MB, and what is sent is held in memory
UPLOAD_SECONDS = 1800.0  # for a file of that size over a slow line
# The status of a request that a job has brought no answer to. Nobody is billed for those, as for any with a status.
UNANSWERED = 408
_LINE = 2048  # bytes of a request besides its texts and media


@dataclass(frozen=True, slots=True)
class Line:
    """What a job brought for one request: its key, and the status and body that it would have been answered with."""

    key: str
    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a job is.

    Attributes:
        over: nothing more will come.
        failed: why it was not done at all; "" if it was, in part at least.
        later: for one that failed: whether the same may be sent again when others have ended.
        again: for one that failed: whether the same may succeed at once.
    """

    over: bool
    failed: str = ""
    later: bool = False
    again: bool = False


class BatchError(Exception):
    """The endpoint did not do what it was asked for a job; `reply` says how, as for a request."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.error)
        self.reply = reply


class JobLost(BatchError):
    """There is nothing to be had from a job any more: what it was asked has to be asked anew, or never."""

    def __init__(self, why: str, again: bool = True) -> None:
        super().__init__(Reply(Outcome.ERROR, error=why, retryable=again, status=UNANSWERED))


class CutOff(asyncio.CancelledError):
    """A request was cut off and owes nothing now: it was not sent, or its reply will be read and paid for later."""


class BatchEndpoint(Protocol):
    """An endpoint's jobs. All that asks it raises `BatchError`."""

    @property
    def chat(self) -> ChatModel:
        """The same model, asked one request at a time."""
        ...

    async def submit(self, token: str, requests: Mapping[str, Request]) -> str:
        """Send a job of these requests, by their keys; returns its name there. `token` is one that only it has."""
        ...

    async def find(self, token: str) -> str | None:
        """The name of the job that was sent with a token; None if it never arrived."""
        ...

    async def look(self, job: str) -> Standing:
        """How far a job is."""
        ...

    async def results(self, job: str) -> list[Line]:
        """What a job that is over has brought, in no particular order."""
        ...

    async def read(self, line: Line, request: Request) -> Reply:
        """The reply in a line, as if it had come by itself."""
        ...

    async def cancel(self, job: str) -> None:
        """Have a job end with what it has."""
        ...

    async def close(self) -> None:
        """Release connections. Jobs go on."""
        ...


def weigh(request: Request) -> int:
    """About how many bytes a request is in a job's file."""
    media = sum(len(part.data) for part in request.parts if isinstance(part, Image | Video))
    texts = [request.system, *(part.text for part in request.parts if isinstance(part, Text))]
    texts += [text for turn in request.turns for text in (turn.reply, turn.correction)]
    return _LINE + media * 4 // 3 + sum(map(len, texts)) * 2
