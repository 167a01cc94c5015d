"""Micro-batches, encoded in this process or by workers ahead of the steps."""

from __future__ import annotations

from functools import partial

import torch
from torch.utils.data import DataLoader

from demitasse.student.encode import Encoder
from demitasse.student.sight import Sight
from train.config import TrainConfig
from train.data.batches import MicroBatch, MicroBatches, make_micro_batch
from train.data.examples import Examples
from train.data.lessons import Lesson
from train.loop.stop import begin_worker


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
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=begin_worker,
        generator=torch.Generator(),  # of its own: it would draw from the one of dropout
    )
