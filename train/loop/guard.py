"""Steps that must not be taken: a loss that is no number, or one that leaps out of the last ones.

A step left out changes no weight, and is counted. The loss and the norm that are judged are those of all processes
together, so all of them decide alike.
"""

from __future__ import annotations

import math
from collections import deque
from statistics import median
from typing import Any

from demitasse.errors import ConfigError, DataError
from train.config import GuardConfig

FEWEST = 5  # losses that a median says something from


class Guard:
    """Says of each step, in turn, whether it is taken.

    Raises:
        ConfigError: for a `guard.spike` that ordinary losses reach.
    """

    def __init__(self, config: GuardConfig) -> None:
        if 0 < config.spike <= 1:
            raise ConfigError(
                f"guard.spike is {config.spike}, which leaves out every other step; it is how many times the median a "
                "loss may be: 3, for example, or 0 never to look"
            )
        self._config = config
        self._losses: deque[float] = deque(maxlen=config.window)
        self._in_a_row = 0
        self.left_out = 0

    def accepts(self, step: int, loss: float, norm: float) -> bool:
        """Whether to take a step, counted from 1, whose mean loss and gradient norm these are.

        Raises:
            DataError: if the run has to stop: at a loss that is no number, where guard.not_finite says so, or when
                `guard.most` steps in a row were left out.
        """
        fault = self._fault(loss, norm)
        if not fault:
            self._losses.append(loss)
            self._in_a_row = 0
            return True
        self.left_out += 1
        self._in_a_row += 1
        if not (math.isfinite(loss) and math.isfinite(norm)) and self._config.not_finite == "stop":
            raise DataError(
                f"step {step}: {fault}, and nothing was learnt from it; {_REMEDY}, or leave such steps out "
                "with guard.not_finite=skip; the same command goes on from the newest checkpoint"
            )
        if self._in_a_row >= self._config.most:
            raise DataError(
                f"step {step}: {fault}, and this is step {self._in_a_row} in a row that was left out "
                f"(guard.most is {self._config.most}); {_REMEDY}; the same command goes on from the newest checkpoint"
            )
        return False

    def _fault(self, loss: float, norm: float) -> str:
        if not math.isfinite(loss):
            return f"the loss is {loss}"
        if not math.isfinite(norm):
            return f"the gradient's norm is {norm} at a loss of {loss:.4g}"
        if self._config.spike and len(self._losses) >= min(FEWEST, self._config.window):
            usual = median(self._losses)
            if loss > self._config.spike * usual:
                return f"the loss is {loss:.4g}, more than {self._config.spike:g} times the usual {usual:.4g}"
        return ""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps of it."""
        return {"losses": list(self._losses), "in_a_row": self._in_a_row, "left_out": self.left_out}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up a checkpoint's state; the window may have another size now."""
        self._losses = deque(state["losses"], maxlen=self._config.window)
        self._in_a_row, self.left_out = state["in_a_row"], state["left_out"]


_REMEDY = "look at its items in items.jsonl, lower optim.lr, or train in bfloat16 or float32"
