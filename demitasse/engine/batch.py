"""A model that is asked in batch jobs, behind the interface of one that is asked at once.

Requests are collected until none has come for a moment or the job is full; then they are sent together, and the job
is looked at from time to time until it is over. Results are matched by the requests' keys. What a job brought no
answer to comes back as an error that may be tried again, so the engine sends that again, and only that. Jobs that an
earlier run has sent are found in the log (batch_log.py) and read in the place of sending their requests again.
"""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from demitasse.chat.batch import (
    BATCH_BYTES,
    UNANSWERED,
    BatchEndpoint,
    BatchError,
    CutOff,
    JobLost,
    Line,
    Standing,
    weigh,
)
from demitasse.chat.model import Capability, Outcome, Reply, Request
from demitasse.engine.batch_log import OVER, RUNNING, SENDING, BatchLog
from demitasse.engine.limits import THROTTLED, is_throttled


@dataclass(frozen=True, slots=True)
class BatchTimes:
    """When what is done, in seconds.

    Attributes:
        quiet: a job is sent when no request has come for so long.
        first_look: from sending a job to looking at it; doubles with each look.
        longest_look: where the doubling ends.
        patience: for one job. Valid ones have taken a day; stuck ones are known to wait for ever.
        cancelling: for the end of one that was cancelled because patience was over.
    """

    quiet: float = 10.0
    first_look: float = 1.0
    longest_look: float = 60.0
    patience: float = 26 * 3600.0
    cancelling: float = 900.0


def _token() -> str:
    return f"demitasse-{uuid.uuid4().hex}"


@dataclass(eq=False)
class _Job:
    """One job, from its first request until its results are read."""

    token: str = field(default_factory=_token)
    requests: dict[str, Request] = field(default_factory=dict)  # of this run; an earlier run's are not known
    keys: Collection[str] = ()
    bytes: int = 0
    name: str = ""  # the endpoint's
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    cancelled: bool = False
    started: float = field(default_factory=time.monotonic)  # less its age, for an earlier run's
    results: asyncio.Future[dict[str, Line]] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def age(self) -> float:
        """Seconds."""
        return time.monotonic() - self.started


class Batched:
    """A `ChatModel` over an endpoint's batch jobs. To be used from one event loop, one request with the same key at a
    time (the caller sees to that), with the results folder locked.

    Args:
        endpoint: whose jobs.
        log: where jobs are noted before they are waited for.
        size: requests of a job at most.
        times: see there.
        tell: takes a line for the person.
    """

    def __init__(
        self,
        endpoint: BatchEndpoint,
        log: BatchLog,
        size: int,
        times: BatchTimes | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._log = log
        self._size = size
        self._times = times or BatchTimes()
        self._tell = tell or _tell
        self._collecting: _Job | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._earlier: dict[str, _Job] = {}  # jobs of earlier runs, by token
        self._unanswered: set[str] = set()  # keys that such a job has no answer to
        self._tasks: dict[asyncio.Task[None], _Job] = {}

    @property
    def name(self) -> str:
        """The endpoint's: what it answers is the same."""
        return self._endpoint.chat.name

    @property
    def capability(self) -> Capability:
        """The endpoint's."""
        return self._endpoint.chat.capability

    async def reply(self, request: Request) -> Reply:
        """Ask in a job, and wait for it.

        Raises:
            CutOff: on cancellation. What was sent goes on, and is read when the request is made again.
        """
        key = request.key(self.name)
        started = time.monotonic()
        job = self._sent_earlier(key) or self._collect(key, request)
        reply = await self._reply_of(job, key, request)
        if reply.outcome is Outcome.ERROR:
            self._unanswered.add(key)
        return replace(_unhurried(reply), latency=time.monotonic() - started)

    async def close(self) -> None:
        """Leave the jobs that are still running to themselves, and say so."""
        if self._alarm is not None:
            self._alarm.cancel()
        running = [job.name for job in self._tasks.values() if job.name]
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if running:
            self._tell(
                f"{self.name}: {_count(len(running), 'batch job')} not waited for any longer ({', '.join(running)}): "
                "run again and the results are read, nothing is bought twice"
            )
        await self._endpoint.close()
        self._log.close()

    async def _reply_of(self, job: _Job, key: str, request: Request) -> Reply:
        try:
            lines = await asyncio.shield(job.results)
            line = lines.pop(key, None)
            if line is None:
                why = f"batch job {job.name} is over and has no reply to this request"
                return Reply(Outcome.ERROR, error=why, retryable=True, status=UNANSWERED)
            return await self._endpoint.read(line, request)
        except asyncio.CancelledError:
            if job is self._collecting:
                del job.requests[key]
            raise CutOff from None
        except BatchError as error:
            return error.reply

    def _sent_earlier(self, key: str) -> _Job | None:
        """The job of an earlier run that this request is in."""
        logged = None if key in self._unanswered else self._log.find(key)
        if logged is None:
            return None
        if logged.token not in self._earlier:
            age = max(0.0, (datetime.now(UTC) - logged.began).total_seconds())
            started = time.monotonic() - age
            job = _Job(logged.token, keys=logged.keys, name=logged.job, began=logged.began, started=started)
            self._earlier[logged.token] = job
            self._tell(f"{self.name}: reading batch job {job.name or job.token} of an earlier run")
            self._start(job)
        return self._earlier[logged.token]

    def _collect(self, key: str, request: Request) -> _Job:
        """The job that this request will be sent in."""
        size = weigh(request)
        if self._collecting is not None and self._collecting.bytes + size > BATCH_BYTES:
            self._send()
        job = self._collecting = self._collecting or _Job()
        job.requests[key] = request
        job.bytes += size
        if self._alarm is not None:
            self._alarm.cancel()
        if len(job.requests) >= self._size:
            self._send()
        else:
            self._alarm = asyncio.get_running_loop().call_later(self._times.quiet, self._send)
        return job

    def _send(self) -> None:
        job, self._collecting = self._collecting, None
        if job is not None and job.requests:  # else all of them were cut off
            job.keys = tuple(job.requests)
            self._start(job)

    def _start(self, job: _Job) -> None:
        task = asyncio.create_task(self._see_through(job))
        self._tasks[task] = job
        task.add_done_callback(self._tasks.pop)

    async def _see_through(self, job: _Job) -> None:
        try:
            if job.requests:
                await self._submit(job)
            results = await self._results(job)
        except asyncio.CancelledError:
            job.results.cancel()
            raise
        except Exception as error:  # for whoever waits: a `BatchError`, a disk that is full, a defect
            job.results.set_exception(error)
            job.results.exception()  # perhaps nobody waits any more
        else:
            job.results.set_result(results)

    async def _submit(self, job: _Job) -> None:
        """Send a job, as patiently as the endpoint wants."""
        pause = self._times.first_look
        self._note(job, SENDING)  # first: what arrives just before a kill must be found
        while not job.name:
            try:
                job.name = await self._endpoint.submit(job.token, job.requests)
            except BatchError as error:
                if is_throttled(error.reply) and job.age < self._times.patience:
                    self._tell(f"{self.name}: takes no batch job now ({error}); trying again")
                    pause = await self._pause(max(pause, error.reply.retry_after or 0.0))
                    continue
                job.name = await self._arrived(job, error)
        self._note(job, RUNNING)
        self._tell(f"{self.name}: batch job {job.name} sent, {_count(len(job.keys), 'request')}; replies within a day")

    async def _arrived(self, job: _Job, error: BatchError) -> str:
        """The name of a job that was taken although the connection broke off; else raises `error`."""
        found = None
        if error.reply.status is None:
            with suppress(BatchError):
                found = await self._endpoint.find(job.token)
        if found is None:
            self._note(job, OVER, ())
            raise error
        return found

    async def _results(self, job: _Job) -> dict[str, Line]:
        """Wait until a job is over, however often the endpoint cannot be reached meanwhile; its lines by key."""
        pause = self._times.first_look
        while True:
            try:
                lines = await self._look(job)
                if lines is not None:
                    return lines
                await self._end_if_late(job)
            except JobLost as lost:
                self._tell(f"{self.name}: {lost}")
                self._note(job, OVER, ())
                raise
            except BatchError as error:
                if not error.reply.retryable or job.age > self._times.patience + self._times.cancelling:
                    raise
            pause = await self._pause(pause)

    async def _look(self, job: _Job) -> dict[str, Line] | None:
        if not job.name:
            found = await self._endpoint.find(job.token)
            if found is None:
                raise JobLost(f"batch job {job.token} of an earlier run was never sent")
            job.name = found
        standing = await self._endpoint.look(job.name)
        if not standing.over:
            return None
        if standing.failed:
            await self._failed(job, standing)
            return None
        lines = _by_key(await self._endpoint.results(job.name), job.keys)
        answered = [line.key for line in lines.values() if line.status == 200]
        self._note(job, OVER, answered)
        self._tell(f"{self.name}: batch job {job.name} is over, {len(answered)} of {len(job.keys)} answered")
        return lines

    async def _failed(self, job: _Job, standing: Standing) -> None:
        """A job that was not done: sent again later if it had to make room for others; else lost."""
        if not standing.later or not job.requests or job.age > self._times.patience:
            raise JobLost(f"batch job {job.name} failed: {standing.failed}", standing.again or standing.later)
        self._tell(f"{self.name}: batch job {job.name} has to wait for others ({standing.failed}); sending it again")
        self._note(job, OVER, ())
        await asyncio.sleep(self._times.longest_look)
        job.token, job.name = _token(), ""
        await self._submit(job)

    async def _end_if_late(self, job: _Job) -> None:
        """Have a job that takes too long end with what it has."""
        if job.age > self._times.patience + self._times.cancelling:
            raise JobLost(f"batch job {job.name} was not over after {job.age / 3600:.0f} hours")
        if job.age > self._times.patience and not job.cancelled:
            job.cancelled = True
            await self._endpoint.cancel(job.name)

    async def _pause(self, seconds: float) -> float:
        """Wait; returns how long the next time."""
        await asyncio.sleep(seconds)
        return min(2 * seconds, max(seconds, self._times.longest_look))

    def _note(self, job: _Job, state: str, keys: Collection[str] | None = None) -> None:
        self._log.note(job.token, self.name, job.keys if keys is None else keys, state, job.name, job.began)


def _by_key(lines: list[Line], keys: Collection[str]) -> dict[str, Line]:
    """The line of each request: of several an answered one; what nobody asked for is left out."""
    wanted = frozenset(keys)
    found: dict[str, Line] = {}
    for line in lines:
        if line.key in wanted and (line.key not in found or found[line.key].status != 200):
            found[line.key] = line
    return found


def _unhurried(reply: Reply) -> Reply:
    """A job's "later" as a plain failure: the gate would close for it, and let the next job grow from one request."""
    if not is_throttled(reply):
        return reply
    return replace(reply, retry_after=None, status=UNANSWERED if reply.status in THROTTLED else reply.status)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _tell(line: str) -> None:
    print(line, file=sys.stderr)
