"""Ending a run on request: SIGTERM (what a cluster sends) and Ctrl-C save at the end of the step, then end it.

A second Ctrl-C ends at once. The data workers hear these signals as well, being of the same group, and must leave
them to the process that they work for; but none outlives it.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accelerate import Accelerator

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Exception):
    """A signal ended the run after a step, of which there is a checkpoint; before the first one there is no need."""

    def __init__(self, number: int, step: int, steps: int) -> None:
        done = f"saved and stopped after step {step} of {steps}" if step else "stopped before the first step"
        super().__init__(f"{signal.Signals(number).name}: {done}; the same command goes on")
        self.exit_code = 128 + number


class StopRequest:
    """While entered, remembers the first signal that asks for an end, instead of dying of it.

    Attributes:
        signal: what was heard, by any process, when it was last asked; 0 for nothing.
    """

    def __init__(self, accelerator: Accelerator) -> None:
        self.signal = 0
        self._accelerator = accelerator
        self._heard = 0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopRequest:
        self._before = {one: signal.signal(one, self._hear) for one in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self._heard and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._heard = self._heard or number

    def is_asked(self) -> bool:
        """Whether any process has heard a signal; the same answer in all of them, which wait for one another."""
        self.signal = self._heard
        if self._accelerator.num_processes > 1:
            import torch

            heard = torch.tensor([self._heard], device=self._accelerator.device)
            self.signal = int(self._accelerator.gather(heard).max())
        return self.signal > 0


def begin_worker(_: int) -> None:
    """Start of a data worker: it leaves signals to its process, and ends when that says so, or is gone.

    A process that is killed says nothing. On Linux the kernel then ends the worker at once; elsewhere torch's worker
    looks for its parent every five seconds.
    """
    for one in SIGNALS:
        signal.signal(one, signal.SIG_IGN)
    if sys.platform == "linux":
        parent = multiprocessing.parent_process()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if parent is not None and os.getppid() != parent.pid:  # it was gone before the kernel knew
            os._exit(1)


_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
