"""Halts a training between rounds of a few steps, so that two trainings can take turns; runs in either environment.

A line on standard input starts a round; what it took is written to standard output behind an `@`. When the input
ends, the process does, too: what a trainer does after its last step is nobody's business here.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from typing import Any


class Gate:
    """Counts steps, and stops after so many of them."""

    def __init__(self, steps: int, gradients: bool = False) -> None:
        self._steps = steps
        self._opened = False
        self._losses: list[float] = []
        self._norms: list[list[Any]] = []
        self._tokens = self._labels = 0
        if gradients:
            self._watch_gradients()

    def open(self) -> None:
        """Before the first step, when the model is there: waits for the first line."""
        if not self._opened:
            self._opened = True
            self._say({"memory": _high_water()})
            self._wait()

    def step(self, loss: float, tokens: int, labels: int) -> None:
        """After each step, with its mean loss, useful tokens and target tokens."""
        self._losses.append(loss)
        self._tokens += tokens
        self._labels += labels
        if len(self._losses) == self._steps:
            self._say(
                {
                    "wall": time.perf_counter() - self._wall,
                    "cpu": time.process_time() - self._cpu,
                    "tokens": self._tokens,
                    "labels": self._labels,
                    "losses": self._losses,
                    "memory": _high_water(),
                    "norms": self._norms,
                }
            )
            self._wait()

    def _wait(self) -> None:
        if not sys.stdin.readline():
            os._exit(0)
        self._losses, self._norms, self._tokens, self._labels = [], [], 0, 0
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def _say(self, told: dict[str, Any]) -> None:
        print(f"\n@{json.dumps(told)}", flush=True)

    def _watch_gradients(self) -> None:
        """Keeps the norm of every gradient tensor, largest first, of whichever optimizer steps."""
        from torch.optim.optimizer import register_optimizer_step_pre_hook

        def look(optimizer: Any, *_: Any) -> None:
            learning = [one for group in optimizer.param_groups for one in group["params"] if one.grad is not None]
            self._norms.append(sorted((float(one.grad.norm()) for one in learning), reverse=True))

        register_optimizer_step_pre_hook(look)


def _high_water() -> float:
    """Most MiB that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
