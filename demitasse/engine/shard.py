"""A run in shards: each takes the records that a hash of their ids deals to it, in a folder of its own.

Many processes, on one machine or on many that share a filesystem, so annotate one data set without talking to each
other. A shard's folder is a results folder like any other, with its lock, its journals and its replies; `unite.py`
puts them together again.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from demitasse.atomic import write_text
from demitasse.engine.outcomes import Summary
from demitasse.errors import ConfigError, DataError

SHARDS = "shards"
STATE = "shard.json"
SLURM = "slurm"
_FOLDER = re.compile(r"(\d+)-of-(\d+)")


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `count` shares, numbered from 0 as Slurm arrays, ranks and data sets' shards are."""

    index: int
    count: int

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def holds(self, record_id: str) -> bool:
        """Whether a record is this shard's: of each `count` the hashes of their ids leave it to one."""
        digest = hashlib.sha256(record_id.encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8]) % self.count == self.index

    def folder(self, results_dir: Path) -> Path:
        """Where it works."""
        return results_dir / SHARDS / f"{self.index}-of-{self.count}"


def read_shard(text: str, environment: Mapping[str, str]) -> Shard:
    """The shard that `--shard` names: `i/n`, or `slurm` for a task of a Slurm array.

    Args:
        text: what was given.
        environment: where Slurm's variables are.

    Raises:
        ConfigError: saying what would be right.
    """
    if text == SLURM:
        return _slurm_shard(environment)
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if match is None:
        raise ConfigError(f"--shard {text}: write i/n, as in 0/4, or {SLURM} in a task of a Slurm array")
    index, count = int(match[1]), int(match[2])
    if count < 1:
        raise ConfigError(f"--shard {text}: there must be at least one shard, 0/1")
    if index >= count:
        raise ConfigError(
            f"--shard {text}: shards are counted from 0, so the last one of {count} is {count - 1}/{count}"
        )
    return Shard(index, count)


def _slurm_shard(environment: Mapping[str, str]) -> Shard:
    """An array from 0 without gaps. Any other may be some tasks of an array that are run again."""
    names = [f"SLURM_ARRAY_TASK_{name}" for name in ("ID", "COUNT", "MIN", "MAX")]
    try:
        index, count, first, last = (int(environment[name]) for name in names)
    except KeyError as missing:
        raise ConfigError(f"--shard {SLURM}: {missing.args[0]} is not set; this is no task of a Slurm array") from None
    except ValueError as error:
        raise ConfigError(f"--shard {SLURM}: one of {', '.join(names)} is no number ({error})") from None
    if first != 0 or last != count - 1:
        raise ConfigError(
            f"--shard {SLURM}: the array runs from {first} to {last} with {count} tasks, not from 0 without gaps; "
            f'name the whole by hand: --shard "$SLURM_ARRAY_TASK_ID/N" with N shards in all'
        )
    return Shard(index, count)


@dataclass(slots=True)
class ShardState:
    """What a shard's folder tells of itself.

    Attributes:
        kind: what is made, as the command is called that makes it: "video", "espresso", "predict".
        settings: hash of everything that decides the answers; shards of one run have the same.
        pure: whether nothing in the folder was made with other settings.
        summary: how its inputs ended; None until it has come to its end.
        merged: whether everything in the folder has been taken over into the results folder.
        command: the command line of the whole run, where no file beside it says what it was run with.
    """

    kind: str
    settings: str
    pure: bool = True
    summary: Summary | None = None
    merged: bool = False
    command: str = ""

    def save(self, folder: Path) -> None:
        """Write it, whole."""
        write_text(folder / STATE, orjson.dumps(self).decode() + "\n")


def read_state(folder: Path) -> ShardState | None:
    """What a folder tells of itself; None if no shard ever began there.

    Raises:
        DataError: if it cannot be understood.
    """
    path = folder / STATE
    if not path.exists():
        return None
    try:
        told = orjson.loads(path.read_bytes())
        summary = told.pop("summary")
        if summary is not None:
            summary = Summary(**summary | {"skipped": Counter(summary["skipped"])})
        return ShardState(**told, summary=summary)
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path}: not the state of a shard ({error}); remove it and run the shard again") from None


def begin_shard(shard: Shard, results_dir: Path, kind: str, settings: str, command: str = "") -> ShardState:
    """Note that a shard begins; its folder must be locked. Returns its state, to be completed at its end.

    Raises:
        ConfigError: if there are shards of another number, whose replies would be bought again.
    """
    for folder, other in find_shards(results_dir):
        if other.count != shard.count:
            raise ConfigError(
                f"{folder} is one of {other.count} shards, and this is one of {shard.count}: what is paid for there "
                f"would be bought again; keep to {other.count}, or run `demitasse data merge --partial {results_dir}` "
                f"and remove {results_dir / SHARDS}"
            )
    folder = shard.folder(results_dir)
    earlier = read_state(folder)
    pure = earlier is None or (earlier.pure and earlier.settings == settings)
    state = ShardState(kind, settings, pure, command=command)
    state.save(folder)
    return state


def refuse_unmerged_shards(results_dir: Path) -> None:
    """To be called before a run that does not see what shards have paid for.

    Raises:
        ConfigError: if there are shards that have not been merged since they last ran.
    """
    for folder, _ in find_shards(results_dir):
        state = read_state(folder)
        if state is not None and not state.merged:
            raise ConfigError(
                f"{folder} has not been merged, and what it has paid for would be bought again: run "
                f"`demitasse data merge --partial {results_dir}` first"
            )


def find_shards(results_dir: Path) -> list[tuple[Path, Shard]]:
    """The shards that ever began in a results folder, in their order."""
    found = []
    for path in (results_dir / SHARDS).glob(f"*/{STATE}"):
        match = _FOLDER.fullmatch(path.parent.name)
        if match is not None:
            found.append((path.parent, Shard(int(match[1]), int(match[2]))))
    return sorted(found, key=lambda one: (one[1].count, one[1].index))
