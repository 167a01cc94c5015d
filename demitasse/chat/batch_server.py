"""Batch jobs of the stand-in endpoints: what becomes of a job's requests, whatever the format around it.

Results come late, out of order, twice, not at all or as errors, on request.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from demitasse.chat.http import Response

FAULT = Response(500, b'{"error":{"message":"a fault was asked for"}}')
_TICK = 0.01  # seconds between looks at what may have been changed meanwhile


@dataclass(slots=True)
class BatchFaults:
    """How jobs go; may be changed while they run. Without arguments they are done at once and whole.

    Attributes:
        delay: seconds that a job takes.
        jobs: so many jobs from the first on have the faults that follow.
        reversed: results come in the opposite order.
        repeated: the first so many results come a second time, as errors.
        missing: the first so many requests have no result.
        broken: the next so many are answered with a 500.
        expire_after: the job expires when so many have been answered; None: it does not.
        full: the job fails because too much is queued (OpenAI's protocol).
    """

    delay: float = 0.0
    jobs: int = 1
    reversed: bool = False
    repeated: int = 0
    missing: int = 0
    broken: int = 0
    expire_after: int | None = None
    full: bool = False


@dataclass(slots=True)
class Result:
    """A request's response; None if it was never asked."""

    key: str
    response: Response | None


@dataclass(eq=False, slots=True)
class ServedJob:
    """A job of a stand-in.

    Attributes:
        number: from 1.
        token: the client's name for it.
        input: name of the file of requests.
        requests: key and body of each.
        state: "running", "completed", "expired", "cancelled" or "failed".
        results: what it has brought.
        began: monotonic seconds.
    """

    number: int
    token: str
    input: str
    requests: Sequence[tuple[str, bytes]]
    state: str = "running"
    results: list[Result] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    @property
    def keys(self) -> list[str]:
        """Of the requests."""
        return [key for key, _ in self.requests]


class Desk:
    """Takes jobs and does them.

    Args:
        ask: answers a request's body; the number counts requests.

    Attributes:
        jobs: all that ever began.
        faults: may be replaced.
    """

    def __init__(self, ask: Callable[[bytes, int], Awaitable[Response]]) -> None:
        self.jobs: list[ServedJob] = []
        self.faults = BatchFaults()
        self._ask = ask
        self._tasks: set[asyncio.Task[None]] = set()
        self._asked = 0

    def begin(self, token: str, input: str, requests: Sequence[tuple[str, bytes]]) -> ServedJob:
        """Begin a job."""
        job = ServedJob(len(self.jobs) + 1, token, input, requests)
        self.jobs.append(job)
        task = asyncio.get_running_loop().create_task(self._do(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job

    async def _do(self, job: ServedJob) -> None:
        faults = self.faults if job.number <= self.faults.jobs else BatchFaults()
        while job.state == "running" and time.monotonic() - job.began < self.faults.delay:
            await asyncio.sleep(_TICK)
        if faults.full:
            job.state = "failed"
            return
        answered = 0
        for index, (key, body) in enumerate(job.requests):
            if index < faults.missing:
                continue
            if job.state == "cancelled" or (faults.expire_after is not None and answered >= faults.expire_after):
                job.results.append(Result(key, None))
            elif index < faults.missing + faults.broken:
                job.results.append(Result(key, FAULT))
            else:
                self._asked += 1
                answered += 1
                job.results.append(Result(key, await self._ask(body, self._asked)))
        job.results += [Result(result.key, FAULT) for result in job.results[: faults.repeated]]
        if faults.reversed:
            job.results.reverse()
        if job.state == "running":
            job.state = "completed" if faults.expire_after is None else "expired"
