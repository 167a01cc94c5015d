"""Checkpoints that survive a kill: written beside their place, renamed when whole.

A checkpoint holds weights, optimizer, scheduler and random states (accelerate's `save_state`) and `step.json`.
With the order of items a function of seed and step (train/data.py), that is the whole state of a run.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demitasse.errors import ConfigError
from train.config import TrainConfig

if TYPE_CHECKING:
    from accelerate import Accelerator

STEP_FILE = "step.json"
# It warns at each checkpoint that tied weights are written once; loading ties them again (a test resumes exactly).
logging.getLogger("accelerate.utils.other").setLevel(logging.ERROR)


def run_key(config: TrainConfig, items: list[str], processes: int) -> str:
    """Hash of what must not change between the parts of a resumed run: configuration, items, processes."""
    values = asdict(config)
    for passing in ("track", "save_every", "keep_checkpoints"):
        values.pop(passing)
    values["data"].pop("workers")
    text = json.dumps([values, items, processes], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def save(accelerator: Accelerator, folder: Path, step: int, key: str, keep: int) -> None:
    """Write `folder/step_000500` whole or not at all, and delete all but the newest `keep`."""
    partial, final = folder / f"partial_{step:06d}", folder / f"step_{step:06d}"
    if accelerator.is_main_process and partial.exists():
        shutil.rmtree(partial)
    accelerator.wait_for_everyone()
    accelerator.save_state(str(partial))
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        (partial / STEP_FILE).write_text(json.dumps({"step": step, "key": key}))
        if final.exists():
            shutil.rmtree(final)
        partial.rename(final)
        for old in _complete(folder)[:-keep]:
            shutil.rmtree(old)
    accelerator.wait_for_everyone()


def resume(accelerator: Accelerator, folder: Path, key: str) -> int:
    """Load the newest whole checkpoint and return its step; 0 if there is none.

    Raises:
        ConfigError: if it belongs to a run with other settings or data.
    """
    complete = _complete(folder)
    if not complete:
        return 0
    state: dict[str, Any] = json.loads((complete[-1] / STEP_FILE).read_text())
    if state["key"] != key:
        raise ConfigError(
            f"{complete[-1]}: this checkpoint was made with other settings, data or number of processes; "
            "give another output_dir, or delete this one to start again"
        )
    accelerator.load_state(str(complete[-1]))
    return int(state["step"])


def _complete(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob(f"step_*/{STEP_FILE}"))
