"""What a run opens: the student, and its micro-batches, encoded in this process or by workers ahead of the steps."""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from accelerate.utils import broadcast_object_list
from torch.utils.data import DataLoader

from demitasse.errors import DemitasseError
from demitasse.student.collate import check_packs
from demitasse.student.encode import Encoder
from demitasse.student.load import Student, load_student
from demitasse.student.sight import Sight
from demitasse.student.weights import weights_hash
from train.batches import MicroBatch, MicroBatches, make_micro_batch
from train.config import TrainConfig
from train.examples import Examples
from train.lessons import Lesson
from train.stop import ignore_signals

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
        config.model.dtype,
        device="cpu",
        min_pixels=config.frames.min_pixels,
        max_pixels=config.frames.max_pixels,
        system_prompt=config.model.system_prompt,
    )
    if config.optim.pack:
        check_packs(student.encoder.family)
    return student


def open_loader(
    config: TrainConfig, lessons: list[Lesson], encoder: Encoder, sight: Sight, batches: MicroBatches
) -> DataLoader[MicroBatch]:
    """Micro-batches in the order of `batches`, the same with any number of workers."""
    collate = partial(
        make_micro_batch,
        vision=encoder.vision,
        pad_id=encoder.tokenizer.pad_token_id,
        loss=config.loss,
        packed=config.optim.pack,
    )
    return DataLoader(
        Examples(lessons, encoder, sight),  # type: ignore[arg-type]
        batch_sampler=batches,
        num_workers=config.data.workers,
        collate_fn=collate,
        worker_init_fn=ignore_signals,
        generator=torch.Generator(),  # of its own: it would draw from the one of dropout
    )
