"""The student that is trained on: which weights it starts from, and how it is opened."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from accelerate.utils import broadcast_object_list

from demitasse.errors import DemitasseError
from demitasse.student.collate import check_packs
from demitasse.student.load import Student, load_student
from demitasse.student.weights import weights_hash
from train.config import TrainConfig
from train.model.positions import positions_of

if TYPE_CHECKING:
    from accelerate import Accelerator


def base_hash(config: TrainConfig, accelerator: Accelerator) -> str:
    """Hash of the weights that are trained on, worked out by one process; "" where there is no model to load."""
    found = [""]
    if accelerator.is_main_process:
        with contextlib.suppress(DemitasseError):  # every process says so when it opens the student
            found = [weights_hash(Path(config.model.path))]
    broadcast_object_list(found)
    return found[0]


def open_student(config: TrainConfig) -> Student:
    """The student as it is before it learns, in main memory.

    Raises:
        ConfigError: if it is no model folder, or its family cannot be packed and `optim.pack` is asked for.
    """
    student = load_student(
        config.model.path,
        config.model.dtype,  # `parts.prepare` then turns what learns into the type it is kept in
        device="cpu",
        min_pixels=config.frames.min_pixels,
        max_pixels=config.frames.max_pixels,
        system_prompt=config.model.system_prompt,
        positions=positions_of(config.model),
    )
    if config.optim.pack:
        check_packs(student.encoder.family)
    return student
