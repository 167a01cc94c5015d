"""AdamW with a learning rate for each part of the model, and how the rates rise and fall over a run."""

from __future__ import annotations

import math
import warnings
from typing import Any

import torch
from torch.optim.lr_scheduler import LambdaLR

from train.config import OptimConfig, TrainConfig
from train.model.adapters import shape_of
from train.model.anatomy import part_of
from train.model.parts import rate_of


def parameter_groups(model: Any, config: TrainConfig) -> list[dict[str, Any]]:
    """What learns, in groups of one part each, matrices and the rest apart.

    Weight decay pulls at matrices only: norms, biases and whatever else has one dimension keep their scale, as in
    GPT-3's training and in transformers' Trainer.
    """
    groups: dict[tuple[str, bool], list[Any]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((part_of(name), len(shape_of(parameter)) > 1), []).append(parameter)
    return [
        {
            "part": part,
            "params": parameters,
            "lr": rate_of(config, part),
            "weight_decay": config.optim.weight_decay if decays else 0.0,
        }
        for (part, decays), parameters in sorted(groups.items(), key=lambda group: group[0])
    ]


def build_optimizer(model: Any, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW over what learns."""
    # One kernel for all parameters, where there are kernels: the loop over tensors is a GPU's waiting time.
    return torch.optim.AdamW(
        parameter_groups(model, config), lr=config.optim.lr, betas=config.optim.betas, fused=torch.cuda.is_available()
    )


class Schedule(LambdaLR):
    """A schedule that also moves on where the guard left a step out, which torch takes for a mistake in the loop."""

    def step(self, epoch: int | None = None) -> None:
        """Take the rates of the next step."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"Detected call of `lr_scheduler\.step\(\)` before")
            super().step(epoch)


def build_schedule(optimizer: Any, optim: OptimConfig, steps: int) -> Schedule:
    """The schedule of a run of so many steps; it moves the rates of all parts alike."""
    return Schedule(optimizer, lambda step: learning_rate_factor(step, steps, optim))


def endless_warmup(optim: OptimConfig, steps: int) -> str:
    """A sentence for a run that ends before its warm-up does; empty for any other."""
    if optim.warmup < max(1, steps):
        return ""
    peak = learning_rate_factor(steps - 1, steps, optim)
    return (
        f"optim.warmup is {optim.warmup:g} steps and the run takes {steps}, so no rate comes above {peak:.0%} of its "
        "peak; give it fewer steps, or a share of them such as 0.03"
    )


def learning_rate_factor(step: int, steps: int, optim: OptimConfig) -> float:
    """The share of a peak rate at a step (from 0): linear warm-up, then as `optim.schedule` says."""
    warmup = optim.warmup if optim.warmup >= 1 else optim.warmup * steps
    if step < warmup:
        return (step + 1) / (warmup + 1)
    done = min(1.0, (step - warmup) / max(1, steps - warmup))
    if optim.schedule == "constant":
        return 1.0
    return 1.0 - done if optim.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * done))
