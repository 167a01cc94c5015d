"""The trained student on disk: a folder that loads like any other, and `train.json`, which says the run is whole."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from train.config import TrainConfig

STUDENT = "student"
RECORD = "train.json"
# How the base's frames are fitted and its chat is written belongs to the student as well.
CARRIED = ("preprocessor_config.json", "video_preprocessor_config.json", "processor_config.json", "chat_template.jinja")


def is_finished(output: Path, key: str) -> bool:
    """Whether `output` holds the whole result of the run with this key."""
    record = output / RECORD
    return record.is_file() and json.loads(record.read_text())["key"] == key


def save(model: Any, tokenizer: Any, config: TrainConfig, key: str) -> None:
    """Write the student (for LoRA: the adapter) and then the record."""
    output, base = Path(config.output_dir), Path(config.model.path)
    partial, final = output / f"{STUDENT}.partial", output / STUDENT
    for folder in (partial, final):
        shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(partial)
    tokenizer.save_pretrained(partial)
    for name in CARRIED:
        if (base / name).is_file():
            shutil.copy(base / name, partial / name)
    partial.rename(final)
    versions = {name: version(name) for name in ("torch", "transformers", "peft", "accelerate")}
    (output / RECORD).write_text(json.dumps({"key": key, "config": asdict(config), "versions": versions}, indent=2))
