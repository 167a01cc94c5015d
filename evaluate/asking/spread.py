"""A run in several processes: the workers of a Ray cluster, or shards that are put together at the end.

The engine has both, and knows nothing of questions. What is dealt is a batch, the same one however many processes
there are, so that nothing about the answers depends on them.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from demitasse.engine.budget import Ledger
from demitasse.engine.cluster import Cluster
from demitasse.engine.merge import merge_shards, take_stock
from demitasse.engine.outcomes import Summary
from demitasse.engine.ray_executor import run_on_ray
from demitasse.engine.shard import Shard, read_state
from demitasse.engine.share import Share
from demitasse.engine.step import Record
from demitasse.errors import ConfigError
from evaluate.asking.answering import ID, Endpoint, Student, ask_share
from evaluate.asking.work import Work

_PACKED = "packed"


@dataclass(frozen=True, slots=True)
class Spread:
    """Which processes do the work: this one, the workers of a cluster, or this one a shard of it.

    `merge` puts shards together, `partial` even if some are missing.
    """

    cluster: Cluster | None = None
    shard: Shard | None = None
    merge: bool = False
    partial: bool = False


ALONE = Spread()


def part_of(work: Sequence[Work], batch_size: int, shard: Shard) -> list[Work]:
    """A shard's part: every n-th batch of the whole run, so that shards are of a length and their batches its own."""
    starts = range(shard.index * batch_size, len(work), shard.count * batch_size)
    return [one for start in starts for one in work[start : start + batch_size]]


def unite_shards(out: Path, settings: str, items: int, partial: bool) -> None:
    """Take over the rows and replies of a run's shards.

    Args:
        out: the run folder.
        settings: what `begin_shard` was given.
        items: of the whole run.
        partial: take what is there.

    Raises:
        ConfigError: if the shards are of a run with other settings, items or batches.
        DataError: if there are none, or some are missing.
    """
    stock = take_stock(out)
    for folder in stock.folders:
        state = read_state(folder)
        if state is not None and state.settings != settings:
            raise ConfigError(
                f"{folder} was asked with other settings, items or --batch-size: say what it was run with"
            )
    merge_shards(out, stock, items, partial, ID)


def ask_on_cluster(
    open_student: Callable[[], Student | Endpoint],
    records: Sequence[Record],
    out: Path,
    cluster: Cluster,
    purse: Ledger | None,
) -> Summary:
    """Have workers ask, each a student that it has opened itself.

    Raises:
        ConfigError: if Ray is not installed, or the cluster cannot be reached.
        DemitasseError: if a worker could not go on; what was answered is kept.
    """
    # In bytes: who deals them out knows nothing of a stage, and could not unpickle what belongs to one.
    packed = [Record(record.id, {_PACKED: pickle.dumps(record.fields)}) for record in records]
    return run_on_ray(
        partial(_ask_dealt, open_student),
        packed,
        out,
        cluster,
        cap=purse.cap if purse is not None else None,
        spent=purse.spent if purse is not None else 0.0,
        id_field=ID,
    )


def _ask_dealt(open_student: Callable[[], Student | Endpoint], share: Share) -> Summary:
    """What a worker does."""
    return ask_share(open_student, replace(share, records=_Unpacked(share.records)))


class _Unpacked:
    """Dealt records as `ask_share` takes them; several tasks may ask at once."""

    def __init__(self, dealt: Any) -> None:
        self._dealt = aiter(dealt)

    def __aiter__(self) -> _Unpacked:
        return self

    async def __anext__(self) -> Record:
        record: Record = await anext(self._dealt)
        return Record(record.id, pickle.loads(record.fields[_PACKED]))
