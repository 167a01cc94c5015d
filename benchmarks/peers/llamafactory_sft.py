"""LLaMA-Factory's supervised fine-tuning on the rows of a race (train_race.py), in its own environment.

ENV/bin/python benchmarks/peers/llamafactory_sft.py RACE.json ROWS.json

Its own templates learn a line break behind the end of the turn; the race's does not, so that all learn the same tokens.
It takes pictures as files, which it decodes in each epoch.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torchaudio_stand_in  # noqa: F401  before anything imports the real one
import torchvision_without_ops  # noqa: F401  before anything imports torchvision

import numpy as np  # isort: skip
import torch
from gate import Gate
from llamafactory.data.formatter import StringFormatter
from llamafactory.data.mm_plugin import get_mm_plugin
from llamafactory.data.template import register_template
from llamafactory.train.sft.trainer import CustomSeq2SeqTrainer
from llamafactory.train.tuner import run_exp
from PIL import Image
from turns import Turns


def main(race_path: str, rows_path: str) -> None:
    """Train as the race says."""
    race, told = (json.loads(Path(path).read_text()) for path in (race_path, rows_path))
    torch.set_num_threads(race["threads"])
    register_template(
        name="race",
        format_user=StringFormatter(slots=["<|im_start|>user\n{{content}}<|im_end|>\n<|im_start|>assistant\n"]),
        format_assistant=StringFormatter(slots=["{{content}}<|im_end|>"]),
        stop_words=["<|im_end|>"],
        replace_eos=True,
        mm_plugin=get_mm_plugin(
            name="qwen3_vl" if race["family"] == "qwen3_vl" else "qwen2_vl",
            image_token="<|image_pad|>",
            video_token="<|video_pad|>",
        ),
    )
    given = {
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "full",
        "freeze_vision_tower": False,
        "freeze_multi_modal_projector": False,
        "model_name_or_path": told["model"],
        "flash_attn": "sdpa",
        "disable_gradient_checkpointing": True,
        "dataset_dir": str(write_data(told["rows"], Path(rows_path).parent / "llamafactory")),
        "dataset": "race",
        "template": "race",
        "cutoff_len": 16384,
        "image_max_pixels": 2**20,
        "image_min_pixels": 1,
        "overwrite_cache": True,
        "disable_shuffling": True,
        "output_dir": told["output"],
        "max_steps": race["steps"] * race["rounds"],
        "per_device_train_batch_size": race["batch"] // race["accumulate"],
        "gradient_accumulation_steps": race["accumulate"],
        "learning_rate": race["lr"],
        "lr_scheduler_type": "constant",
        "weight_decay": 0.0,
        "max_grad_norm": race["clip"],
        "bf16": False,
        "use_cpu": True,
        "dataloader_pin_memory": False,
        "report_to": "none",
        "save_strategy": "no",
        "disable_tqdm": True,
    }
    run_exp(given, callbacks=[Turns(CustomSeq2SeqTrainer, Gate(race["steps"], race["gradients"]))])


def write_data(rows: list[dict[str, str]], folder: Path) -> Path:
    """The rows as LLaMA-Factory reads them: pictures as files, and marks for them in the text."""
    folder.mkdir(exist_ok=True)
    written = []
    for row in rows:
        question = row["prompt"].removeprefix("<|im_start|>user\n").split("<|im_end|>")[0]
        images = pictures(Path(row["frames"])) if row["frames"] else []
        written.append(
            {
                "instruction": question.replace("<|vision_start|><|image_pad|><|vision_end|>", "<image>"),
                "input": "",
                "output": row["completion"].removesuffix("<|im_end|>"),
                "images": images,
            }
        )
    (folder / "rows.json").write_text(json.dumps(written))
    columns: dict[str, Any] = {"prompt": "instruction", "query": "input", "response": "output", "images": "images"}
    (folder / "dataset_info.json").write_text(json.dumps({"race": {"file_name": "rows.json", "columns": columns}}))
    return folder


def pictures(frames: Path) -> list[str]:
    """The frames as files, made once."""
    folder = frames.with_suffix(".frames")
    if not folder.is_dir():
        folder.mkdir()
        for number, frame in enumerate(np.load(frames)):
            Image.fromarray(frame).save(folder / f"{number:02d}.png")
    return [str(path) for path in sorted(folder.iterdir())]


if __name__ == "__main__":
    main(*sys.argv[1:])
