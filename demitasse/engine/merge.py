"""Are all shards of a run there and finished, and may they be put together?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from demitasse.engine.outcomes import Summary
from demitasse.engine.shard import SHARDS, Shard, find_shards, read_state
from demitasse.engine.unite import United, unite
from demitasse.errors import DataError


@dataclass
class Stock:
    """The shards of a results folder.

    Attributes:
        count: of how many the run consists.
        kind: what they make.
        folders: of those that ever began.
        summary: of the finished ones together.
        missing: those that never began.
        unfinished: those that began and have not come to their end.
        doubtful: those of the unfinished whose folders hold rows of other settings too; no one can tell which.
    """

    count: int
    kind: str
    folders: list[Path] = field(default_factory=list)
    summary: Summary = field(default_factory=Summary)
    missing: list[Shard] = field(default_factory=list)
    unfinished: list[Shard] = field(default_factory=list)
    doubtful: list[Shard] = field(default_factory=list)

    def counts(self, record_id: str) -> bool:
        """Whether what there is of a record was made by this run."""
        return not any(shard.holds(record_id) for shard in (*self.missing, *self.doubtful))


def take_stock(results_dir: Path) -> Stock:
    """See what shards there are.

    Raises:
        DataError: if there are none, or shards of several runs.
    """
    found = find_shards(results_dir)
    if not found:
        raise DataError(f"{results_dir / SHARDS} holds no shards: run them first, with --shard i/n")
    (first, few), (last, many) = found[0], found[-1]
    if few.count != many.count:
        raise DataError(
            f"{first} is one of {few.count} shards and {last} one of {many.count}: remove those that are not meant"
        )
    states = {shard: (folder, read_state(folder)) for folder, shard in found}
    stock = Stock(few.count, "")
    settings: dict[str, Path] = {}
    for shard in (Shard(index, few.count) for index in range(few.count)):
        folder, state = states.get(shard, (None, None))
        if folder is None or state is None:
            stock.missing.append(shard)
            continue
        stock.folders.append(folder)
        stock.kind = state.kind
        settings.setdefault(state.settings, folder)
        if state.summary is not None:
            stock.summary.add(state.summary)
        else:
            stock.unfinished.append(shard)
            stock.doubtful += [] if state.pure else [shard]
    _refuse_mixture(list(settings.values()))
    return stock


def _refuse_mixture(folders: Sequence[Path]) -> None:
    if len(folders) > 1:
        raise DataError(
            f"{folders[0]} and {folders[1]} were run with different settings or prompts: compare what is saved in them "
            "and run the shards that are behind again; what has not changed is not bought again"
        )


def merge_shards(
    results_dir: Path, stock: Stock, inputs: int, partial: bool = False, id_field: str = "video"
) -> tuple[Summary, United]:
    """Unite the shards in the results folder; returns how the run's inputs ended, and what was new.

    Args:
        results_dir: the run's.
        stock: what `take_stock` found.
        inputs: how many there are, those that never became records included.
        partial: take what is there; what is missing is then counted as unfinished.
        id_field: the row's field that holds the record's id.

    Raises:
        DataError: if something is missing.
    """
    problem = _lacking(results_dir, stock, inputs)
    if problem and not partial:
        raise DataError(f"{problem}; run it, or merge what is there with --partial")
    summary = stock.summary
    summary.unfinished = max(0, inputs - summary.total)
    united = unite(stock.folders, results_dir, id_field)
    for folder in stock.folders:
        state = read_state(folder)
        if state is not None:
            state.merged = True
            state.save(folder)
    return summary, united


def _lacking(results_dir: Path, stock: Stock, inputs: int) -> str:
    lacking = [(stock.missing, "never begun"), (stock.unfinished, "not finished")]
    told = [f"{', '.join(map(str, shards))} {why}" for shards, why in lacking if shards]
    if told:
        return f"{results_dir / SHARDS}: of {stock.count} shards {' and '.join(told)}"
    if stock.summary.total != inputs:
        return (
            f"{results_dir / SHARDS}: the shards saw {stock.summary.total} inputs and now there are {inputs}, "
            "so every shard has to look again"
        )
    return ""
