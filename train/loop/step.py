"""One optimizer step over the micro-batches of all processes, with one normalisation of the loss."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from demitasse.student.collate import Batch
from train.data.batches import MicroBatch

if TYPE_CHECKING:
    from accelerate import Accelerator


@dataclass(frozen=True, slots=True)
class Stepped:
    """What a step was, over all processes.

    Attributes:
        loss: weighted mean of the target tokens' cross-entropies, before the update; 0 where there was no target.
        tokens: without padding.
        positions: with padding, as they went through the model.
        labels: target tokens.
        samples: items that were learnt.
        grad_norm: of the gradient, before it was cut.
        taken: whether the weights were changed.
        faults: items that could not be read, and why.
        data_seconds: time that this process waited for its micro-batches.
        seconds: of the whole step, data wait included.
    """

    loss: float
    tokens: int
    positions: int
    labels: int
    samples: int
    grad_norm: float
    taken: bool
    faults: list[tuple[int, str]]
    data_seconds: float
    seconds: float


def optimizer_step(
    accelerator: Accelerator,
    loss_of: Any,
    optimizer: Any,
    batches: Iterator[MicroBatch],
    micro_batches: int,
    max_grad_norm: float,
    accept: Callable[[float, float], bool] = lambda loss, norm: True,
) -> Stepped:
    """Fetch a step's micro-batches, gather the gradient of their exact mean loss, and update.

    Args:
        accelerator: of this process.
        loss_of: a prepared `SummedLoss`.
        optimizer: prepared.
        batches: this process's micro-batches, in order.
        micro_batches: how many of them make the step; the same number in every process.
        max_grad_norm: the gradient's norm is cut to this.
        accept: asked with loss and gradient norm, the same in all processes, whether to update; if not, the gradient
            is dropped. DeepSpeed updates within its backward pass: there the answer comes too late to drop it.
    """
    began = time.perf_counter()
    # All of them first: the loss is divided by the weights of their target tokens together.
    held = [next(batches) for _ in range(micro_batches)]
    counts = _count(accelerator, held)
    faults = _gather(accelerator, [fault for one in held for fault in one.faults]) if counts.faults else []
    waited = time.perf_counter() - began
    loss, norm, taken = 0.0, 0.0, False
    if counts.weight:
        loss = _backward(accelerator, loss_of, held, counts)
        norm = float(accelerator.clip_grad_norm_(loss_of.parameters(), max_grad_norm))
        taken = accept(loss, norm)
        if taken:
            optimizer.step()
        optimizer.zero_grad()
    return Stepped(
        loss=loss,
        tokens=int(counts.tokens),
        positions=int(counts.positions),
        labels=int(counts.labels),
        samples=int(counts.samples),
        grad_norm=norm,
        taken=taken,
        faults=faults,
        data_seconds=waited,
        seconds=time.perf_counter() - began,
    )


@dataclass(frozen=True, slots=True)
class _Counts:
    """Of a step, over all processes; `most_labels` is of one micro-batch."""

    weight: float
    tokens: float
    positions: float
    labels: float
    samples: float
    faults: float
    most_labels: int


def _count(accelerator: Accelerator, held: Sequence[MicroBatch]) -> _Counts:
    mine = [
        (one.weight, one.tokens, one.batch["input_ids"].numel(), one.labels, len(one.items), len(one.faults))
        for one in held
    ]
    most = max(one.labels for one in held)
    row = torch.tensor([[*(sum(column) for column in zip(*mine, strict=True)), most]], dtype=torch.float64)
    if accelerator.num_processes > 1:
        row = accelerator.gather(row.to(accelerator.device)).cpu()
    return _Counts(*row[:, :-1].sum(dim=0).tolist(), *row[:, -1:].max(dim=0).values.int().tolist())


def _gather(accelerator: Accelerator, faults: list[tuple[int, str]]) -> list[tuple[int, str]]:
    from accelerate.utils import gather_object

    gathered: list[tuple[int, str]] = gather_object(faults) if accelerator.num_processes > 1 else faults
    return sorted(gathered)


def _backward(accelerator: Accelerator, loss_of: Any, held: Sequence[MicroBatch], counts: _Counts) -> float:
    """Leave the gradient of the step's mean loss in the parameters; returns that loss."""
    total = torch.zeros((), device=accelerator.device)
    for number, one in enumerate(held, start=1):
        last = number == len(held)
        accelerator.sync_gradients = last  # DeepSpeed goes by this, others by the context
        with contextlib.nullcontext() if last else accelerator.no_sync(loss_of):
            loss = loss_of(_to_device(one.batch, accelerator.device), counts.most_labels)
            # Processes average their gradients; times their number, that is a sum.
            accelerator.backward(loss * (accelerator.num_processes / counts.weight))
        total += loss.detach()
    return float(accelerator.reduce(total, "sum")) / counts.weight


def _to_device(batch: Batch, device: torch.device) -> Batch:
    return {
        name: value.to(device, non_blocking=True) if isinstance(value, torch.Tensor) else value
        for name, value in batch.items()
    }
