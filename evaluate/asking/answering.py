"""One share of the questions, asked: a row for each, kept before more is asked.

The whole run is one share; a shard is another, and so is what a worker of a cluster is dealt. A record of a share is a
batch of questions, so that a batch holds the same questions however many processes there are.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, Protocol, runtime_checkable

from tqdm import tqdm

from demitasse.dataset import Item
from demitasse.dataset.item_id import storable
from demitasse.engine.budget import BudgetSpent
from demitasse.engine.journal import Journal, Row, Rows
from demitasse.engine.lock import lock_results
from demitasse.engine.outcomes import State, Summary
from demitasse.engine.progress import LOG_INTERVAL, TERMINAL_INTERVAL
from demitasse.engine.runner import Finished, Queue
from demitasse.engine.share import Share
from demitasse.engine.step import Record
from demitasse.errors import DataError, DemitasseError, MediaError
from evaluate.asking.work import Work
from evaluate.comparing.arm import PREDICTIONS
from evaluate.records import Json, Prediction

ID = "item_id"  # the field of a row that says whose it is
PROGRESS_AFTER = 2.0  # seconds
_WORK = "work"  # the field of a record that holds its questions


class Generated(Protocol):
    """A raw reply; `finish` is "stop", or "length" when the token limit cut it."""

    @property
    def text(self) -> str:
        """The reply."""
        ...

    @property
    def finish(self) -> str:
        """How it ended."""
        ...

    @property
    def evidence(self) -> str:
        """What was written first, if there was to be evidence before the reply."""
        ...


@runtime_checkable
class Detailed(Protocol):
    """A reply of which more is known than its words."""

    @property
    def detail(self) -> Json:
        """What goes into its row, as JSON."""
        ...


class Student(Protocol):
    """Whoever is asked; `demitasse.student.generate.Answerer` is one."""

    def answer(self, items: Sequence[tuple[Item, Path]]) -> Sequence[Generated]:
        """Replies in the order of the items, each with its media file. MediaError or DataError for a bad one."""
        ...


@dataclass(frozen=True, slots=True)
class Batch:
    """Questions of a record that have no row yet."""

    record: Record
    work: Sequence[Work]


Take = Callable[[Batch, "Sequence[Generated | DemitasseError]"], None]


@runtime_checkable
class Endpoint(Protocol):
    """Whoever is asked many items at once; `evaluate.asking.endpoint.EndpointStudent` is one."""

    async def ask(self, batches: AsyncIterator[Batch], take: Take, share: Share) -> None:
        """Call `take` with each batch and its replies, or why there is none, as they come.

        What was paid for is kept in the share's folder; its limits and its money are the share's.

        Raises BudgetSpent when nothing more may be bought.
        """
        ...


def records_of(work: Sequence[Work], batch_size: int) -> list[Record]:
    """The questions as records, in their order."""
    starts = range(0, len(work), batch_size)
    return [Record(f"{start:09d}", {_WORK: work[start : start + batch_size]}) for start in starts]


def work_in(record: Record) -> Sequence[Work]:
    """The questions of a record."""
    work: Sequence[Work] = record.fields[_WORK]
    return work


def ask_share(open_student: Callable[[], Student | Endpoint], share: Share, total: int | None = None) -> Summary:
    """Ask a share's questions and append a row for each to its `predictions.jsonl`.

    A question that cannot be asked gets a row with finish "error", and the others go on.

    Args:
        open_student: loads who is asked.
        share: its records are of `records_of`. Questions with a row in the folder `share.done` are not asked again.
        total: how many questions there are; None shows no progress.

    Returns:
        Records done; `halted` says why questions were left: the budget is spent.
    """
    student = open_student()
    with ExitStack() as stack:
        stack.enter_context(lock_results(share.folder))
        asking = _Asking(
            share,
            stack.enter_context(Journal(share.folder / PREDICTIONS, id_of_row)),
            stack.enter_context(Rows([share.done / PREDICTIONS] if share.done else [], id_of_row)),
            stack.enter_context(_bar(share.folder.name, total)),
        )
        if isinstance(student, Endpoint):
            asking.ask_endpoint(student)
        else:
            asking.ask_student(student)
    return asking.summary


def id_of_row(row: Row) -> str:
    """Whose row it is."""
    return str(row[ID])


def _bar(name: str, total: int | None) -> tqdm[NoReturn]:
    """Moves on a terminal; a log, which people wait beside as well, has a line now and then."""
    interval = TERMINAL_INTERVAL if sys.stderr.isatty() else LOG_INTERVAL
    return tqdm(
        total=total,
        desc=f"predict {name}",
        unit="item",
        delay=PROGRESS_AFTER,
        mininterval=interval,
        miniters=1,
        disable=total is None,
    )


@dataclass
class _Asking:
    """A share while it lasts."""

    share: Share
    journal: Journal[str]
    known: Rows[str]
    bar: tqdm[NoReturn]
    summary: Summary = field(default_factory=Summary)

    def ask_student(self, student: Student) -> None:
        """Ask batch after batch."""
        for record in _one_by_one(self.share.records):
            batch = self._begin(record)
            self._end(batch, list(_answer(student, batch.work)) if batch.work else [])

    def ask_endpoint(self, endpoint: Endpoint) -> None:
        """Ask all at once."""
        try:
            asyncio.run(self._ask_endpoint(endpoint))
        except BudgetSpent as spent:
            self.summary.halted = str(spent)

    async def _ask_endpoint(self, endpoint: Endpoint) -> None:
        await endpoint.ask(_Batches(self), self._take, self.share)

    def begin(self, record: Record) -> Batch | None:
        """What is to be asked of a record; None if it is at its end."""
        batch = self._begin(record)
        if not batch.work:
            self._end(batch, [])
        return batch if batch.work else None

    def _begin(self, record: Record) -> Batch:
        """Keep what cannot be asked; the rest is to be asked, but for what another process has asked."""
        left = [one for one in work_in(record) if one.asked.item_id not in self.known]
        self._keep([_fault(one, one.fault) for one in left if one.fault])
        return Batch(record, [one for one in left if not one.fault])

    def _take(self, batch: Batch, said: Sequence[Generated | DemitasseError]) -> None:
        rows = [
            _fault(one, _reason(reply)) if isinstance(reply, DemitasseError) else _row(one, reply)
            for one, reply in zip(batch.work, said, strict=True)
        ]
        self._end(batch, rows)

    def _end(self, batch: Batch, rows: Sequence[Prediction]) -> None:
        self._keep(rows)
        self.summary.count(State.DONE)
        if self.share.on_finished is not None:
            self.share.on_finished(Finished(batch.record, {}, State.DONE))

    def _keep(self, rows: Sequence[Prediction]) -> None:
        for row in rows:
            self.journal.append(row.to_json())
        self.journal.sync()
        self.bar.update(len(rows))


class _Batches:
    """What is left of a share's records; several tasks may ask at once."""

    def __init__(self, asking: _Asking) -> None:
        self._asking = asking
        records = asking.share.records
        self._records = aiter(records if isinstance(records, AsyncIterable) else Queue(records))

    def __aiter__(self) -> _Batches:
        return self

    async def __anext__(self) -> Batch:
        while True:
            batch = self._asking.begin(await anext(self._records))
            if batch is not None:
                return batch


def _one_by_one(records: Iterable[Record] | AsyncIterable[Record]) -> Iterator[Record]:
    """Records for who asks one batch after the other and needs no event loop meanwhile: Ctrl-C then ends at once."""
    if not isinstance(records, AsyncIterable):
        yield from records
        return
    source = aiter(records)

    async def following() -> Record | None:
        return await anext(source, None)

    with asyncio.Runner() as runner:
        while (record := runner.run(following())) is not None:
            yield record


def _answer(student: Student, batch: Sequence[Work]) -> Iterator[Prediction]:
    """The batch's rows; a bad item is found by asking its batch one by one."""
    try:
        replies = student.answer([(one.item, one.path) for one in batch])
    except (MediaError, DataError) as fault:
        if len(batch) > 1:
            for one in batch:
                yield from _answer(student, [one])
            return
        yield _fault(batch[0], _reason(fault))
        return
    for one, reply in zip(batch, replies, strict=True):
        yield _row(one, reply)


def _row(one: Work, said: Generated) -> Prediction:
    question = storable(one.item.question)
    return Prediction(
        one.asked,
        storable(said.text),
        said.finish,
        media=one.media,
        evidence=storable(said.evidence),
        prompt=question if question != one.asked.question else "",
        detail=_detail(one, said),
    )


def _fault(one: Work, reason: str) -> Prediction:
    return Prediction(one.asked, "", "error", storable(reason), one.media, detail=_detail(one))


def _detail(one: Work, said: Generated | None = None) -> Json:
    own: Json = said.detail if isinstance(said, Detailed) else {}
    return ({"shown": one.shown} if one.shown else {}) | own


def _reason(fault: DemitasseError) -> str:
    return fault.reason if isinstance(fault, MediaError) else str(fault)
