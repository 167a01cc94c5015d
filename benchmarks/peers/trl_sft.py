"""TRL's SFTTrainer on the rows of a race (train_race.py), in TRL's environment.

ENV/bin/python benchmarks/peers/trl_sft.py RACE.json ROWS.json
"""

from __future__ import annotations

import json
import sys
from typing import Any

import torchvision_without_ops  # noqa: F401  before anything imports torchvision

import numpy as np  # isort: skip
import torch
from datasets import Dataset
from gate import Gate
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor
from trl import SFTConfig, SFTTrainer
from turns import Turns


def main(race_path: str, rows_path: str) -> None:
    """Train as the race says."""
    with open(race_path) as file:
        race = json.load(file)
    with open(rows_path) as file:
        told = json.load(file)
    torch.set_num_threads(race["threads"])
    trainer = SFTTrainer(
        model=AutoModelForImageTextToText.from_pretrained(
            told["model"], dtype=torch.float32, attn_implementation="sdpa"
        ),
        processing_class=AutoProcessor.from_pretrained(told["model"]),
        train_dataset=Dataset.from_list(told["rows"]).with_transform(with_images),
        callbacks=[Turns(SFTTrainer, Gate(race["steps"], race["gradients"]))],
        args=SFTConfig(
            output_dir=told["output"],
            max_steps=race["steps"] * race["rounds"],
            per_device_train_batch_size=race["batch"] // race["accumulate"],
            gradient_accumulation_steps=race["accumulate"],
            train_sampling_strategy="sequential",
            max_length=None,
            loss_type="nll",  # and "chunked_nll" is another name for it
            learning_rate=race["lr"],
            lr_scheduler_type="constant",
            weight_decay=0.0,
            max_grad_norm=race["clip"],
            bf16=False,
            use_cpu=True,
            gradient_checkpointing=False,
            dataloader_pin_memory=False,
            remove_unused_columns=False,
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
        ),
    )
    trainer.train()


def with_images(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Decoded frames as pictures, none for an item without any."""
    frames = [np.load(path) if path else [] for path in rows["frames"]]
    return {**rows, "images": [[Image.fromarray(frame) for frame in one] for one in frames]}


if __name__ == "__main__":
    main(*sys.argv[1:])
