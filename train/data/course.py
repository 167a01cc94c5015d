"""What a run learns, in which order, and in how many steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from demitasse.student.encode import Encoder
from demitasse.student.sight import Sight
from train.config import TrainConfig
from train.data.lengths import Length, keep_fitting, measure
from train.data.lessons import Lesson
from train.data.mixture import Order, steps_of
from train.loop.agreed import from_main

if TYPE_CHECKING:
    from accelerate import Accelerator


@dataclass(frozen=True, slots=True)
class Course:
    """The lessons of a run and the steps that learn them.

    Attributes:
        config: of the run.
        lessons: what is learnt.
        order: which of them comes at which place.
        lengths: of each; empty where nothing needs them.
    """

    config: TrainConfig
    lessons: list[Lesson]
    order: Order
    lengths: Sequence[Length] = ()

    @classmethod
    def of(cls, config: TrainConfig, lessons: list[Lesson]) -> Course:
        """The course of all these lessons, none of them measured.

        Raises:
            ConfigError: if `data.weights` do not fit them.
        """
        return cls(config, lessons, Order(lessons, config.data, config.seed))

    def measured(self, encoder: Encoder, sight: Sight, accelerator: Accelerator) -> Course:
        """The course of those lessons that fit `data.max_tokens`, with their lengths; a call for all processes.

        Raises:
            DemitasseError: as `train.data.lengths.measure` and `keep_fitting`.
        """
        # One process measures: read by each, a file that is there only now and then would part them.
        lengths = from_main(accelerator, lambda: measure(self.lessons, encoder, sight))
        output, writes = Path(self.config.output_dir), accelerator.is_main_process
        lessons, lengths = keep_fitting(self.lessons, lengths, self.config.data, output, writes)
        return replace(Course.of(self.config, lessons), lengths=lengths)

    @property
    def steps(self) -> int:
        """Optimizer steps of the run."""
        optim = self.config.optim
        return steps_of(self.order.epoch, optim.batch_size, optim.steps, optim.epochs)

    def shown(self, step: int) -> list[int]:
        """Which lessons a step (from 1) shows, in their order."""
        size = self.config.optim.batch_size
        return self.order.items((step - 1) * size, size)
