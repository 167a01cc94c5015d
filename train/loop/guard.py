"""Steps that must not be taken: a loss that is no number, or one that leaps out of the last ones.

A step left out changes no weight, and is told and counted. The loss and the norm that are judged are those of all
processes together, so all of them decide alike.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from statistics import median
from typing import Any

from demitasse.errors import ConfigError, DataError
from train.config import GuardConfig

FEWEST = 5  # losses that a median says something from


class Guard:
    """Says of each step, in turn, whether it is taken.

    Args:
        config: what is taken.
        say: takes a sentence about each step that is left out.

    Raises:
        ConfigError: for a `guard.spike` that ordinary losses reach.
    """

    def __init__(self, config: GuardConfig, say: Callable[[str], None] = lambda _: None) -> None:
        check(config)
        self._config = config
        self._say = say
        self._losses: deque[float] = deque(maxlen=config.window)
        self._in_a_row = 0
        self.left_out = 0

    def accepts(self, step: int, loss: float, norm: float, unsound: Callable[[], str] = lambda: "") -> bool:
        """Whether to take a step.

        Args:
            step: counted from 1.
            loss: its mean loss.
            norm: of its gradient.
            unsound: names the weights that are no numbers; asked only where loss or norm is none.

        Raises:
            DataError: if the run has to stop: at a loss that is no number, where guard.not_finite says so or the
                weights are to blame, or when `guard.most` steps in a row were left out.
        """
        is_number = math.isfinite(loss) and math.isfinite(norm)
        fault = self._leap(loss) if is_number else _no_number(loss, norm)
        if not fault:
            self._losses.append(loss)
            self._in_a_row = 0
            return True
        self.left_out += 1
        self._in_a_row += 1
        told = f"step {step}: {fault}"
        if not is_number and (weights := unsound()):
            raise DataError(f"{told}, because of the weights it began with: {weights}. {LOST}")
        if not is_number and self._config.not_finite == "stop":
            raise DataError(f"{told}, and nothing was learnt from it; {_MEND}, or leave such steps out {_SKIP}")
        if self._in_a_row >= self._config.most:
            first = step - self._in_a_row + 1
            raise DataError(
                f"{told}; steps {first} to {step} were left out, and guard.most is {self._config.most} in a row; "
                + (_EASE if is_number else _MEND)
            )
        self._say(f"{told}; it is left out ({self._in_a_row} in a row, guard.most is {self._config.most})")
        return False

    def _leap(self, loss: float) -> str:
        if not self._config.spike or len(self._losses) < min(FEWEST, self._config.window):
            return ""
        usual = median(self._losses)
        if loss <= self._config.spike * usual:
            return ""
        return (
            f"the loss is {loss:.4g}, more than guard.spike={self._config.spike:g} times {usual:.4g}, "
            f"the median of the last {len(self._losses)} losses"
        )

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps of it."""
        return {"losses": list(self._losses), "in_a_row": self._in_a_row, "left_out": self.left_out}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up a checkpoint's state; the window may have another size now."""
        self._losses = deque(state["losses"], maxlen=self._config.window)
        self._in_a_row, self.left_out = state["in_a_row"], state["left_out"]


def check(config: GuardConfig) -> None:
    """Refuse a guard that nothing passes.

    Raises:
        ConfigError: for a `guard.spike` that ordinary losses reach.
    """
    if 0 < config.spike <= 1:
        raise ConfigError(
            f"guard.spike is {config.spike}, which leaves out every other step; it is how many times the median a "
            "loss may be: 3, for example, or 0 never to look"
        )


def _no_number(loss: float, norm: float) -> str:
    if not math.isfinite(loss):
        return f"the loss is {loss}"
    return f"the gradient's norm is {norm} at a loss of {loss:.4g}"


# What may be changed for a run that goes on is the guard; anything else is another run, in another folder.
_MEND = (
    "look at its items in items.jsonl, or train in another output_dir with a lower optim.lr or in bfloat16 or float32"
)
_SKIP = "with guard.not_finite=skip; the same command then goes on from the newest checkpoint"
_EASE = (
    "look at their items in items.jsonl; if such losses are usual here, raise guard.spike and the same command goes "
    "on, else train in another output_dir with a lower optim.lr"
)
LOST = (
    "The checkpoints are from before that and are kept; from there the same would come again, so train in another "
    "output_dir with a lower optim.lr, a longer optim.warmup or model.dtype=float32"
)
