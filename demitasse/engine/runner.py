"""Running steps over records: no barriers, no lost work, every record in one counted state.

A fixed number of workers takes records from an iterator, so memory does not grow with their number. Within a
record a step starts as soon as the steps before it have rows; what limits the rate is the endpoint (limits.py),
not the step. A row that an earlier run wrote from the same inputs is taken over without running the step.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence, Sized
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from demitasse.chat.model import ChatModel
from demitasse.engine.budget import BudgetSpent
from demitasse.engine.caller import Caller
from demitasse.engine.graph import PROVENANCE, Graph, row_key
from demitasse.engine.journal import Row
from demitasse.engine.lock import lock_results
from demitasse.engine.outcomes import State, Summary
from demitasse.engine.places import Places
from demitasse.engine.progress import Progress
from demitasse.engine.results import Results
from demitasse.engine.step import Record, Step, Stop
from demitasse.errors import ConfigError, DataError, is_disk_full


@dataclass(frozen=True, slots=True)
class Finished:
    """A record at its end: all that is known of it, and its current rows by step, merged or not, never a stale one.

    `reason` is why it was skipped or quarantined.
    """

    record: Record
    rows: Mapping[str, Row]
    state: State
    reason: str = ""


def run(
    records: Iterable[Record] | AsyncIterable[Record],
    steps: Sequence[Step],
    results_dir: Path,
    *,
    workers: int = 32,
    progress: bool = True,
    caller: Caller | None = None,
    models: Sequence[ChatModel] = (),
    left_out: Iterable[tuple[str, str]] = (),
    on_finished: Callable[[Finished], None] | None = None,
    id_field: str = "video",
    grace: float = 30.0,
    total: int | None = None,
    beneath: Path | None = None,
    interruption: Callable[[], Awaitable[object]] | None = None,
) -> Summary:
    """Run all steps for all records, with the results folder locked meanwhile.

    Ctrl-C lets what is in flight end, for up to `grace` seconds; a second one ends the run at once.

    Args:
        records: taken one by one as workers become free; several workers may ask an asynchronous iterator at once.
        steps: in any order; the order given is the one in which their fields are merged.
        results_dir: where rows, `skipped.jsonl`, `quarantine.jsonl` and `errors.log` go.
        workers: records in work at once; more than the endpoint's concurrency, so that it is never idle.
        progress: show a bar on stderr.
        caller: whose number of requests the bar shows.
        models: closed at the end, on the event loop that they were used from.
        left_out: inputs that never became records, as (what, why); counted as skipped.
        on_finished: called with each record at its end, in the order of their ends; not with unfinished ones.
        id_field: the row's field that holds the record's id.
        grace: seconds for what is in flight when the run is cut off.
        total: how many records there are, where `records` cannot tell.
        beneath: an earlier run's results folder; its rows are taken over where this one has none.
        interruption: awaited beside the work; when it returns, the run ends as after Ctrl-C.

    Returns:
        The counts. An exception in a step quarantines its record and never ends the run; a budget that is used up
        ends it, and `halted` says so.

    Raises:
        ConfigError: if the steps are no graph, or there are no workers.
        DataError: if two records have the same id, or a journal is damaged.
        DemitasseError: if another process holds the folder, or a step raised `Stop`; finished rows are kept.
    """
    graph = Graph(steps)
    if workers < 1:
        raise ConfigError(f"workers is {workers}; it must be 1 or more")
    with lock_results(results_dir), Results(results_dir, graph, id_field, beneath) as results:
        total = len(records) if isinstance(records, Sized) else total
        bar = Progress(total, progress)
        work = _Run(graph, results, bar, caller, on_finished)
        passed_over = list(left_out)
        for what, why in passed_over:
            results.leave_out(what, why)
            work.summary.count(State.SKIPPED, why)
        try:
            asyncio.run(work.run_all(records, workers, grace, models, interruption))
        finally:
            bar.close()
    if isinstance(work.failure, BudgetSpent):
        left = "" if total is None else f"; {total + len(passed_over) - work.summary.total} records are left"
        work.summary.halted = f"{work.failure}{left}"
        return work.summary
    if isinstance(work.failure, Stop):
        raise Stop(f"{work.failure} (until then: {work.summary.line()})") from work.failure
    if work.failure is not None:
        raise work.failure
    return work.summary


@dataclass(frozen=True, slots=True)
class _End:
    """How one step of one record ended; `row` is None where the step was not wanted or failed."""

    step: Step
    state: State
    row: Row | None = None
    reason: str = ""


@dataclass(eq=False)
class _Run:
    """One run while it lasts."""

    graph: Graph
    results: Results
    bar: Progress
    caller: Caller | None
    on_finished: Callable[[Finished], None] | None
    summary: Summary = field(default_factory=Summary)
    failure: Exception | None = None
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _workers: list[asyncio.Task[None]] = field(default_factory=list)
    _numbers: Places = field(default_factory=Places)  # of records, by their ids
    _admitted: int = 0

    async def run_all(
        self,
        records: Iterable[Record] | AsyncIterable[Record],
        workers: int,
        grace: float,
        models: Sequence[ChatModel],
        interruption: Callable[[], Awaitable[object]] | None,
    ) -> None:
        """Work until the records are at their end or something stops the run."""
        loop = asyncio.get_running_loop()
        with suppress(ValueError, RuntimeError):  # only the main thread may
            loop.add_signal_handler(signal.SIGINT, self._interrupt)
        queue = aiter(records if isinstance(records, AsyncIterable) else Queue(records))
        self._workers = [asyncio.create_task(self._work(queue)) for _ in range(workers)]
        stopping = asyncio.create_task(self._stopping.wait())
        watching = asyncio.create_task(self._watch(interruption)) if interruption is not None else stopping
        everyone = asyncio.gather(*self._workers, return_exceptions=True)
        try:
            await asyncio.wait((everyone, stopping), return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait((everyone,), timeout=grace)
            self._cancel_workers()
            await everyone
        finally:
            stopping.cancel()
            watching.cancel()
            loop.remove_signal_handler(signal.SIGINT)
            for model in models:
                await model.close()

    def _interrupt(self) -> None:
        if self.summary.interrupted:
            self._cancel_workers()
            return
        self.summary.interrupted = True
        self._stopping.set()
        print("\ninterrupted: waiting for what is in flight; Ctrl-C again ends at once", file=sys.stderr)

    async def _watch(self, interruption: Callable[[], Awaitable[object]]) -> None:
        try:
            await interruption()
        except Exception as error:  # whoever would have said it is gone
            self.failure = self.failure or error
        self.summary.interrupted = True
        self._stopping.set()

    def _cancel_workers(self) -> None:
        for worker in self._workers:
            worker.cancel()

    async def _work(self, queue: AsyncIterator[Record]) -> None:
        try:
            async for record in queue:
                if self._stopping.is_set():
                    return
                self._admit(record)
                await self._finish(record)
        except Exception as error:
            self.failure = self.failure or error
            self._stopping.set()

    def _admit(self, record: Record) -> None:
        self._admitted += 1
        first = self._numbers.get(record.id)
        if first is None:
            self._numbers.put(record.id, self._admitted)
        else:
            raise DataError(
                f"records {first} and {self._admitted} of the input are both called '{record.id}': "
                "give each a name of its own"
            )

    async def _finish(self, record: Record) -> None:
        """Bring one record to its end, and count it."""
        rows: dict[str, Row] = {}
        ends: list[_End] = []
        whole = False
        try:
            whole = await self._run_steps(record, rows, ends)
        finally:
            worst = max(ends, key=lambda end: end.state, default=None)
            state = State.UNFINISHED if not whole else worst.state if worst else State.DONE
            self.summary.count(state, worst.reason if worst else "")
        self.bar.advance(self.caller.counts.requests if self.caller else 0, self.summary.quarantined)
        if self.on_finished is not None and whole:
            merged = Record(record.id, self.graph.merged(record, rows))
            self.on_finished(Finished(merged, rows, state, worst.reason if worst else ""))

    async def _run_steps(self, record: Record, rows: dict[str, Row], ends: list[_End]) -> bool:
        """Run the record's steps as they become ready; False if the run was stopped before the last had begun."""
        order = self.graph.order()
        order.prepare()
        running: set[asyncio.Task[_End]] = set()
        whole = True
        try:
            while True:
                for name in order.get_ready():
                    whole = whole and not self._stopping.is_set()
                    if whole:
                        running.add(asyncio.create_task(self._run_step(self.graph.steps[name], record, rows)))
                if not running:
                    return whole
                finished, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for end in _results(finished):
                    ends.append(end)
                    whole = whole and end.state is not State.UNFINISHED
                    if end.row is not None:
                        rows[end.step.name] = end.row
                    if end.state is State.DONE:
                        order.done(end.step.name)
        except Stop:
            # What is in flight is paid for, and its reply can still be kept: only the end of the grace cuts it off.
            self._stopping.set()
            await asyncio.gather(*running, return_exceptions=True)
            raise
        finally:
            await _cancel(running)

    async def _run_step(self, step: Step, record: Record, rows: Mapping[str, Row]) -> _End:
        try:
            view = self.graph.view(step, record, rows)
            if not step.wanted(view):
                return _End(step, State.DONE)
            key = row_key(step, view)
            known = self.results.find(step, record)
            if known is not None and known.get(PROVENANCE, {}).get("key") == key:
                return _End(step, State.DONE, known)
            self.summary.stale += known is not None
            return _End(step, State.DONE, self.results.keep(step, record, key, await step.run(view)))
        except Stop as error:
            return self._stopped(step, error)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # A library let its own cancellation out; as ours it would end the worker, and nobody would know.
            return self._failed(step, record, RuntimeError(f"the step cancelled itself {error}".strip()))
        except Exception as error:
            if is_disk_full(error):
                return self._stopped(step, Stop(f"step {step.name}, {record.id}: {error}"))
            return self._failed(step, record, error)

    def _stopped(self, step: Step, error: Stop) -> _End:
        """Nothing more is begun; the record's other steps may end what they have in flight, for it is paid for."""
        self.failure = self.failure or error
        self._stopping.set()
        return _End(step, State.UNFINISHED)

    def _failed(self, step: Step, record: Record, error: Exception) -> _End:
        state, reason = self.results.fail(step, record, error)
        return _End(step, state, reason=reason)


class Queue:
    """Records for several workers at once, each to one of them."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._records = iter(records)

    def __aiter__(self) -> Queue:
        return self

    async def __anext__(self) -> Record:
        for record in self._records:
            return record
        raise StopAsyncIteration


def _results(tasks: Iterable[asyncio.Task[_End]]) -> list[_End]:
    """The results of finished tasks; every task's error is looked at, so that none is reported as forgotten."""
    errors = [task.exception() for task in tasks]
    for error in errors:
        if error is not None:
            raise error
    return [task.result() for task in tasks]


async def _cancel(tasks: set[asyncio.Task[_End]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
