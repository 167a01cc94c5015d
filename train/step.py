"""One optimizer step over the micro-batches of all processes, with one normalisation of the loss."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from demitasse.student.collate import Batch
from train.config import OptimConfig
from train.loss import label_count

if TYPE_CHECKING:
    from accelerate import Accelerator


@dataclass(frozen=True, slots=True)
class Stepped:
    """What a step was: mean loss a target token, tokens over all processes, gradient norm, seconds waited for data."""

    loss: float
    tokens: int
    labels: int
    grad_norm: float
    data_seconds: float


def optimizer_step(
    accelerator: Accelerator,
    loss_of: Any,
    optimizer: Any,
    batches: Iterator[Batch],
    micro_batches: int,
    max_grad_norm: float,
) -> Stepped:
    """Fetch a step's micro-batches, accumulate the gradient of their exact mean loss, and update."""
    began = time.perf_counter()
    # All of them first: the loss is divided by the count of their target tokens together.
    held = [_to_device(next(batches), accelerator.device) for _ in range(micro_batches)]
    counts = [sum(map(label_count, held)), sum(int(batch["attention_mask"].sum()) for batch in held)]
    labels, tokens = accelerator.reduce(torch.tensor(counts, device=accelerator.device), "sum").tolist()
    waited = time.perf_counter() - began
    total = torch.zeros((), device=accelerator.device)
    for batch in held:
        syncs = contextlib.nullcontext() if batch is held[-1] else accelerator.no_sync(loss_of)
        with syncs:
            loss = loss_of(batch)
            # Processes average their gradients; times their number, that is a sum.
            accelerator.backward(loss * (accelerator.num_processes / labels))
        total += loss.detach()
    norm = accelerator.clip_grad_norm_(loss_of.parameters(), max_grad_norm)
    optimizer.step()
    optimizer.zero_grad()
    return Stepped(accelerator.reduce(total, "sum").item() / labels, tokens, labels, float(norm), waited)


def learning_rate_factor(step: int, steps: int, optim: OptimConfig) -> float:
    """The share of `optim.lr` at a step (from 0): linear warm-up, then a cosine to zero at the end."""
    warmup = optim.warmup if optim.warmup >= 1 else optim.warmup * steps
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def _to_device(batch: Batch, device: torch.device) -> Batch:
    return {name: value.to(device, non_blocking=True) for name, value in batch.items()}
