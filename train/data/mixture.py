"""Which item comes at which place of the endless order: a mix of files and tasks that is a pure function of the seed.

Nothing is replayed when a run goes on at place 8,000: the item there is computed. Without weights and balance, epochs
of all items in an order of their own follow one another without a gap. With them, each file (or task of a file) is a
stream that is drawn from without replacement, and which stream's turn it is follows from a fixed rotation: place n
falls at (start + n times the golden ratio) modulo 1, and each stream owns as much of that circle as its share. So the
shares are exact in the long run and nearly so in any stretch (a Kronecker sequence: n places miss by O(log n) items,
where a lottery misses by about the root of n), and how often a stream came before place n is a sum of floors, known
without counting up to it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from demitasse.errors import ConfigError
from train.config import DataConfig, OptimConfig
from train.data.lessons import Lesson

CIRCLE = 2**64
TURN = 0x9E3779B97F4A7C15  # the golden ratio's fraction of the circle, odd: every place of it is met once


def steps_of(places: int, batch_size: int, steps: int, epochs: float) -> int:
    """Optimizer steps of a run: `steps`, or as many as `epochs` passes of `places` take."""
    return steps or max(1, round(places * epochs / batch_size))


def rounding(places: int, optim: OptimConfig) -> str:
    """A sentence where `optim.epochs` comes to no whole number of steps; empty where it does."""
    if optim.steps:
        return ""
    taken = steps_of(places, optim.batch_size, 0, optim.epochs) * optim.batch_size
    over = taken - places * optim.epochs
    if not over:
        return ""
    what = f"{over:g} come once more" if over > 0 else f"the last {-over:g} are not learnt in this run"
    return f"optim.epochs={optim.epochs:g} of {places} items is {taken} in whole steps of {optim.batch_size}: {what}"


class Order:
    """The endless order of lessons.

    Args:
        lessons: what there is to draw.
        data: `weights` and `balance`.
        seed: another seed, another order.

    Raises:
        ConfigError: if the weights are not one for each of `data.files`, or a file with a weight has no item left.
    """

    def __init__(self, lessons: Sequence[Lesson], data: DataConfig, seed: int) -> None:
        self.epoch = len(lessons)
        self._seed = seed
        self._streams, shares = _streams(lessons, data)
        total = sum(shares)
        # A stream owns the circle from where the one before it ends; the last ends where the circle does.
        self._ends = [round(CIRCLE * part / total) for part in accumulate(shares)]
        self._start = int(np.random.default_rng(seed).integers(CIRCLE, dtype=np.uint64))
        self._newest: dict[int, tuple[int, NDArray[np.int64]]] = {}

    def items(self, first: int, count: int) -> list[int]:
        """Indices of the lessons at `count` places from `first` on."""
        before = [self._before(first, stream) for stream in range(len(self._streams))]
        found = []
        for place in range(first, first + count):
            stream = bisect_right(self._ends, (self._start + place * TURN) % CIRCLE)
            epoch, at = divmod(before[stream], len(self._streams[stream]))
            found.append(int(self._drawn(stream, epoch)[at]))
            before[stream] += 1
        return found

    def shares(self) -> list[tuple[list[int], float]]:
        """Each stream's lessons, and its share of what is drawn."""
        starts = [0, *self._ends]
        return [
            (indices, (end - start) / CIRCLE)
            for indices, start, end in zip(self._streams, starts, self._ends, strict=False)
        ]

    def _before(self, place: int, stream: int) -> int:
        """How many of the places before this one are the stream's."""
        low = self._ends[stream - 1] if stream else 0
        return self._below(place, self._ends[stream]) - self._below(place, low)

    def _below(self, place: int, end: int) -> int:
        """How many of the places before this one fall on the circle before `end`: x mod m < e is ⌊x/m⌋ - ⌊(x-e)/m⌋."""
        return sum_of_floors(place, CIRCLE, TURN, self._start) - sum_of_floors(place, CIRCLE, TURN, self._start - end)

    def _drawn(self, stream: int, epoch: int) -> NDArray[np.int64]:
        """A stream's lessons in the order of its own epoch; the newest one is kept, as places mostly follow."""
        kept = self._newest.get(stream)
        if kept is None or kept[0] != epoch:
            seed = [self._seed, epoch, stream] if stream else [self._seed, epoch]
            kept = epoch, np.random.default_rng(seed).permutation(np.asarray(self._streams[stream], np.int64))
            self._newest[stream] = kept
        return kept[1]


def _streams(lessons: Sequence[Lesson], data: DataConfig) -> tuple[list[list[int]], list[Fraction]]:
    """What is drawn from apart, as indices of lessons, and how much each counts."""
    if data.weights and len(data.weights) != len(data.files):
        raise ConfigError(
            f"data.weights has {len(data.weights)} numbers for {len(data.files)} data.files; give one each"
        )
    counts = Counter(lesson.source for lesson in lessons)
    for source, (file, weight) in enumerate(zip(data.files, data.weights, strict=False)):
        if not counts[source]:
            raise ConfigError(f"data.weights gives {file} {weight:g}, and no item of it is learnt; leave both out")
    if not data.weights and data.balance == "none":
        return [list(range(len(lessons)))], [Fraction(1)]
    streams: dict[tuple[int, str], list[int]] = {}
    for index, lesson in enumerate(lessons):
        streams.setdefault((lesson.source, lesson.task if data.balance == "task" else ""), []).append(index)
    tasks = Counter(source for source, _ in streams)
    whole = [Fraction(data.weights[source] if data.weights else counts[source]) for source, _ in streams]
    return list(streams.values()), [part / tasks[source] for part, (source, _) in zip(whole, streams, strict=True)]


def sum_of_floors(count: int, modulus: int, slope: int, start: int) -> int:
    """Σ ⌊(slope·i + start) / modulus⌋ for i below `count`, in as many steps as Euclid's algorithm takes."""
    total = 0
    while count > 0:
        total += count * (count - 1) // 2 * (slope // modulus) + count * (start // modulus)
        slope, start = slope % modulus, start % modulus
        top = slope * count + start
        count, start, modulus, slope = top // modulus, top % modulus, slope, modulus
    return total
