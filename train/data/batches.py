"""From the items of a step to the micro-batches of each process: which ones share a forward pass, and their tensors.

A step learns `optim.batch_size` items, however they are split. Every process makes as many forward passes in a step as
the others, as sharded ones wait for one another in each: who has nothing left gets an empty micro-batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from demitasse.student.collate import Batch, collate, pack
from demitasse.student.encode import IGNORE, Encoded
from demitasse.student.vision import VisionSettings
from train.config import LossConfig, OptimConfig
from train.data.packing import lay_rows
from train.data.places import places_of
from train.loop.loss import label_weights

if TYPE_CHECKING:
    from train.data.examples import Example
    from train.data.lengths import Length


class Ordered(Protocol):
    """The endless sequence of items, as `train.data.mixture.Order` has it."""

    def items(self, first: int, count: int) -> list[int]:
        """The items at `count` places from `first`."""
        ...


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """What one forward pass learns.

    Attributes:
        batch: the model's own arguments, `labels`, `places_of` them, and `weights` float32 [labels]: what each label
            counts for, in the order of `items`.
        items: the items that are in it.
        faults: items that could not be read, each with what is wrong; nothing is put in their place.
        tokens: tokens without padding.
        labels: tokens that the loss counts.
        weight: the sum of `weights`: what this micro-batch adds to what the step's loss is divided by.
    """

    batch: Batch
    items: list[int]
    faults: list[tuple[int, str]]
    tokens: int
    labels: int
    weight: float

    def pin_memory(self) -> MicroBatch:
        """As a loader asks for it: in memory that a GPU fetches from while the host goes on."""
        pinned = {name: one.pin_memory() if isinstance(one, torch.Tensor) else one for name, one in self.batch.items()}
        return replace(self, batch=pinned)


@dataclass(frozen=True, slots=True)
class MicroBatches:
    """A batch sampler: this process's micro-batches of the steps from `start` to `stop` (from 0), in order.

    Without packing, a process takes every `ranks`-th item of a step. With it, the step's items are laid end to end in
    rows of at most `optim.pack_tokens` (`train.data.packing`), for which `lengths` of all items are needed.
    """

    order: Ordered
    optim: OptimConfig
    start: int
    stop: int
    rank: int = 0
    ranks: int = 1
    lengths: Sequence[Length] = ()

    def __iter__(self) -> Iterator[list[int]]:
        for step in range(self.start, self.stop):
            yield from self.of_step(step)[self.rank]

    def in_step(self, step: int) -> int:
        """Micro-batches of a step (from 0) in each process."""
        return len(self.of_step(step)[0])

    def of_step(self, step: int) -> list[list[list[int]]]:
        """For each process its micro-batches of a step, each a list of items."""
        items = self.order.items(step * self.optim.batch_size, self.optim.batch_size)
        return _packed(items, self) if self.optim.pack else _split(items, self.ranks, self.optim)


def _split(items: list[int], ranks: int, optim: OptimConfig) -> list[list[list[int]]]:
    size = optim.micro_batch_size
    count = -(-len(range(0, len(items), ranks)) // size)  # the first process has most
    return [
        [items[rank::ranks][first : first + size] for first in range(0, count * size, size)] for rank in range(ranks)
    ]


def _packed(items: list[int], batches: MicroBatches) -> list[list[list[int]]]:
    lengths = [batches.lengths[item] for item in items]
    rows = lay_rows(
        [one.tokens for one in lengths], [one.patches for one in lengths], batches.optim.pack_tokens, batches.ranks
    )
    return [[[items[place] for place in row] for row in mine] for mine in rows]


def make_micro_batch(
    examples: Sequence[Example], vision: VisionSettings, pad_id: int, loss: LossConfig, packed: bool
) -> MicroBatch:
    """Collate examples: end to end in one row if `packed`, else padded.

    What could not be read is left out. Where nothing is left, two tokens without labels keep the model busy: the
    other processes wait for this one's forward pass.
    """
    kept = [(one.place, one.encoded) for one in examples if one.encoded is not None]
    read = [encoded for _, encoded in kept] or [_nothing(pad_id)]
    # Pixels stay bytes until the vision tower's device has them: a quarter of the memory and of the way between.
    raw = torch.uint8
    batch = pack(read, vision, raw) if packed else collate(read, vision, pad_id, dtype=raw)
    batch |= places_of(batch, read)
    weights = [label_weights(one, loss) for one in read]
    batch["weights"] = torch.from_numpy(np.concatenate(weights))
    return MicroBatch(
        batch=batch,
        items=[place for place, _ in kept],
        faults=[(one.place, one.fault) for one in examples if one.encoded is None],
        tokens=sum(len(encoded.input_ids) for _, encoded in kept),
        labels=sum(map(len, weights)),
        weight=float(np.concatenate(weights).sum(dtype=np.float64)),
    )


def _nothing(pad_id: int) -> Encoded:
    zeros = np.zeros(2, dtype=np.int64)
    return Encoded(
        input_ids=zeros + pad_id,
        labels=zeros + IGNORE,
        kinds=zeros.astype(np.uint8),
        token_types=zeros,
        positions=np.tile(np.arange(2), (3, 1)),
        pixels=None,
        seconds_per_patch=None,
        is_video=False,
    )
