"""The student that a run ends with: that of its best round of validation, which may be the one before training.

Of the student before its first step no checkpoint is kept, which for a model that learns in full would be as large as
the model: it follows from the base's weights and the seed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from train.config import TrainConfig
from train.loop.checkpoint import Checkpoints
from train.loop.shards import is_deepspeed
from train.model import parts
from train.model.student import open_student


def put_back_best(
    checkpoints: Checkpoints, best: int | None, step: int, config: TrainConfig, say: Callable[[str], None]
) -> int:
    """Give the model the weights of the best round; a call for all processes.

    Args:
        checkpoints: of the run, with its model.
        best: the step of that round, 0 for the one before training; None if there was none.
        step: the last one that was taken.
        config: of the run.
        say: takes a sentence about what is done.

    Returns:
        The step whose weights the model has now.
    """
    if best is None or best >= step:
        return step
    if checkpoints.holds(best):
        say(f"the student is that of step {best}, the best round of validation")
        checkpoints.restore(best)
        return best
    if best == 0 and not is_deepspeed(checkpoints.accelerator):
        say("no round of validation was as good as the one before training: the student is as it was then (step 0)")
        begin_again(checkpoints.model, config, str(checkpoints.accelerator.mixed_precision))
        return 0
    why = "its checkpoint is gone" if best else "DeepSpeed cannot put back what was before training"
    say(f"the best round of validation was that of step {best}, but {why}: the student is that of step {step}")
    return step


def begin_again(loss_of: Any, config: TrainConfig, precision: str) -> None:
    """Put what learnt back to what it was before the first step, bit for bit; a call for all processes.

    Args:
        loss_of: the prepared module around the model, its attribute `model`.
        config: of the run.
        precision: its mixed precision.
    """
    from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict

    fresh = parts.prepare(open_student(config).model, config.model, config.seed, precision)
    weights = {f"model.{name}": one.detach() for name, one in fresh.named_parameters() if one.requires_grad}
    # What does not learn is not in it; each process has all of what does, and keeps its share.
    set_model_state_dict(loss_of, weights, options=StateDictOptions(full_state_dict=True, strict=False))
