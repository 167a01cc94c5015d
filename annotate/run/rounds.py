"""How often a person has had a step's questions asked anew: the number of the round is part of every key.

So what is paid for is never taken for the answer to a question that is put again, and a round that is cut off goes on
where it was: its number stands in the results folder until it has come to its end. Without being asked to go on with
it a run keeps to the round before, whose replies are still there.

Shards do not know of each other. Each takes the number that follows the whole folder's, and the round ends when they
are merged.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from demitasse.atomic import write_text
from demitasse.errors import DataError

FILE = "rounds.json"


@dataclass
class Rounds:
    """By step: the number of the latest round, and whether it is still under way. Steps asked once are not named."""

    numbers: dict[str, int] = field(default_factory=dict)
    under_way: list[str] = field(default_factory=list)

    def joined(self, steps: Collection[str]) -> Rounds:
        """With a round of these steps under way, begun now or before."""
        begun = {step: self.numbers.get(step, 0) + (step not in self.under_way) for step in steps}
        return Rounds(self.numbers | begun, sorted({*self.under_way, *steps}))

    def settled(self) -> dict[str, int]:
        """The numbers that count for a run that asks nothing again."""
        return {step: number - (step in self.under_way) for step, number in self.numbers.items()}


def rounds_for(results_dir: Path, again: Collection[str]) -> dict[str, int]:
    """The number that is part of the keys, by step, in a run that asks the steps `again`."""
    whole = read_rounds(results_dir)
    joined = whole.joined(again)
    return whole.settled() | {step: joined.numbers[step] for step in again}


def begin_round(results_dir: Path, folder: Path, again: Collection[str]) -> None:
    """Note in a run's folder, which must be locked, that it asks the steps `again`."""
    if again:
        _write(folder, read_rounds(results_dir).joined(again))
    elif folder != results_dir:  # a shard that asked again before, and now does not
        (folder / FILE).unlink(missing_ok=True)


def end_round(results_dir: Path) -> None:
    """Note that the round under way has come to its end."""
    rounds = read_rounds(results_dir)
    if rounds.under_way:
        _write(results_dir, Rounds(rounds.numbers))


def merge_rounds(results_dir: Path, shards: Iterable[Path], whole: bool) -> None:
    """Take over the round that shards asked in, which ends if they are all there."""
    asked = [read_rounds(shard) for shard in shards if (shard / FILE).exists()]
    if asked:
        rounds = asked[0]  # shards of one run have the same
        _write(results_dir, Rounds(rounds.numbers, [] if whole else rounds.under_way))


def read_rounds(folder: Path) -> Rounds:
    """What a folder tells.

    Raises:
        DataError: if it cannot be understood.
    """
    path = folder / FILE
    if not path.exists():
        return Rounds()
    try:
        told = orjson.loads(path.read_bytes())
        return Rounds(dict(told["numbers"]), list(told["under_way"]))
    except (ValueError, TypeError, KeyError) as error:
        told = f"{path}: not the rounds of a run ({error}); remove it, and what was asked again will be bought again"
        raise DataError(told) from None


def _write(folder: Path, rounds: Rounds) -> None:
    write_text(folder / FILE, orjson.dumps(rounds).decode() + "\n")
