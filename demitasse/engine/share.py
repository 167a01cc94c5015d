"""What one process of a run works on, and whom it shares the endpoints with."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from demitasse.engine.budget import Purse
from demitasse.engine.gate import Admission, Gate
from demitasse.engine.limits import Limits
from demitasse.engine.runner import Finished
from demitasse.engine.step import Record


@dataclass(frozen=True)
class Share:
    """A whole run, a shard of one, or what a worker of a cluster gets.

    Attributes:
        folder: where its rows, replies and outcomes go.
        records: what it works on.
        left_out: inputs that never became records, as (what, why).
        paid: a results folder whose replies are not bought again; it is only read.
        done: a results folder whose rows are taken over; it is only read, and must not change meanwhile.
        parts: how many processes work at once, under the same limits.
        gates: makes the admission to a model.
        purse: who holds the money; None where the share has it to itself.
        on_finished, interruption: as `run` takes them.
    """

    folder: Path
    records: Iterable[Record] | AsyncIterable[Record]
    left_out: Sequence[tuple[str, str]] = ()
    paid: Path | None = None
    done: Path | None = None
    parts: int = 1
    gates: Callable[[str, Limits], Admission] = Gate
    purse: Purse | None = None
    on_finished: Callable[[Finished], None] | None = None
    interruption: Callable[[], Awaitable[object]] | None = None
