"""From lessons to batches: in which order, encoded.

The order is a pure function of seed and step, so a run that is resumed at step 500 sees exactly the items that
it would have seen; nothing is replayed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch.utils.data import Dataset

from demitasse.student.encode import Encoded, Encoder
from demitasse.student.sight import Sight
from train.lessons import Lesson


class Lessons(Dataset[Encoded]):
    """Lessons as encoded examples; a medium that cannot be read is an error that names it."""

    def __init__(self, lessons: list[Lesson], encoder: Encoder, sight: Sight) -> None:
        self._lessons = lessons
        self._encoder = encoder
        self._sight = sight

    def __len__(self) -> int:
        return len(self._lessons)

    def __getitem__(self, index: int) -> Encoded:
        lesson = self._lessons[index]
        clip = self._sight.show(lesson.item, lesson.media)
        return self._encoder.example(lesson.item, clip, lesson.way)


def steps_of(items: int, batch_size: int, steps: int, epochs: float) -> int:
    """Optimizer steps of a run: `steps`, or as many as `epochs` passes take."""
    return steps or max(1, round(items * epochs / batch_size))


def order(items: int, seed: int, epoch: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The items of an epoch in their order: int64 [items]."""
    return np.random.default_rng([seed, epoch]).permutation(items)


def step_items(items: int, seed: int, step: int, batch_size: int) -> list[int]:
    """The items of one step. Epochs follow each other without a gap, so every step is full."""
    first = step * batch_size
    places = range(first, first + batch_size)
    orders = {epoch: order(items, seed, epoch) for epoch in {place // items for place in places}}
    return [int(orders[place // items][place % items]) for place in places]


@dataclass(frozen=True, slots=True)
class MicroBatches:
    """A batch sampler: this process's micro-batches of the steps from `start` to `stop`, in order.

    Every process takes every `processes`-th item of a step, so each sees as many.
    """

    items: int
    seed: int
    start: int
    stop: int
    batch_size: int
    micro_batch_size: int
    rank: int = 0
    processes: int = 1

    def __iter__(self) -> Iterator[list[int]]:
        for step in range(self.start, self.stop):
            mine = step_items(self.items, self.seed, step, self.batch_size)[self.rank :: self.processes]
            for first in range(0, len(mine), self.micro_batch_size):
                yield mine[first : first + self.micro_batch_size]

    @property
    def a_step(self) -> int:
        """Micro-batches of one step in this process."""
        mine = len(range(self.rank, self.batch_size, self.processes))
        return -(-mine // self.micro_batch_size)
