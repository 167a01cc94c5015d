"""All that the steps of a run change, which is what a checkpoint holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from train.data.course import Course
from train.data.examples import Unreadable
from train.data.kept import Kept
from train.loop.checkpoint import FOLDER, Checkpoints, Stateful
from train.loop.guard import Guard
from train.loop.identity import Identity
from train.loop.loss import SummedLoss
from train.loop.optimizer import Schedule, build_optimizer, build_schedule

if TYPE_CHECKING:
    from accelerate import Accelerator


@dataclass(frozen=True, slots=True)
class TrainingState:
    """The weights, what updates them, and what is remembered of the steps so far; every process has one.

    Attributes:
        accelerator: of this process.
        loss_of: the prepared module around the model, its attribute `model`; its forward pass is the loss.
        optimizer: prepared.
        schedule: of its rates.
        guard: says which steps are taken.
        unreadable: items that nothing was learnt from.
        checkpoints: which save and resume all of these.
    """

    accelerator: Accelerator
    loss_of: Any
    optimizer: Any
    schedule: Schedule
    guard: Guard
    unreadable: Unreadable
    checkpoints: Checkpoints

    @classmethod
    def fresh(
        cls, course: Course, model: Any, identity: Identity, accelerator: Accelerator, say: Callable[[str], None]
    ) -> TrainingState:
        """The state before the first step; a call for all processes.

        Args:
            course: what is to be learnt.
            model: set up by `train.model.parts.prepare`.
            identity: of the run, which its checkpoints carry.
            accelerator: of this process.
            say: takes a sentence about each step that the guard leaves out.
        """
        config = course.config
        optimizer = build_optimizer(model, config)
        schedule = build_schedule(optimizer, config.optim, course.steps)
        loss_of, optimizer = accelerator.prepare(SummedLoss(model), optimizer)
        output, guard = Path(config.output_dir), Guard(config.guard, say)
        folder, writes = output / FOLDER, accelerator.is_main_process
        unreadable = Unreadable(course.lessons, config.data.max_unreadable, output, writes)
        kept = Kept(course.lessons, folder)
        small: dict[str, Stateful] = {"kept": kept, "schedule": schedule, "guard": guard, "unreadable": unreadable}
        checkpoints = Checkpoints(accelerator, folder, identity, loss_of, optimizer, small, config.keep_checkpoints)
        return cls(accelerator, loss_of, optimizer, schedule, guard, unreadable, checkpoints)
