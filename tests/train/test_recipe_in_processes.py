"""A recipe's own training in two processes that share the weights between them, as it is on several GPUs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from demitasse.config import read_config
from train.config import TrainConfig
from train.sft import train

ROOT = Path(__file__).parents[2]
STEPS = 3


def logged(output: Path, name: str) -> list[float]:
    return [json.loads(line)[name] for line in (output / "log.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_the_quickstarts_training_on_two_processes_with_fsdp2_is_that_of_one(data_folder, tmp_path):
    recipe = ROOT / "recipes" / "quickstart" / "config.yaml"

    def settings(name: str) -> list[str]:
        return [
            f"output_dir={tmp_path / name}",
            f"model.path={recipe.parent}/base/qwen2_5_vl",
            f"data.files=[{data_folder}]",
            "data.tasks=[mcq,open_qa]",
            f"data.cache_dir={tmp_path / 'cache'}",
            f"optim.steps={STEPS}",
            "optim.micro_batch_size=8",
            "track.log_every=1",
        ]

    one = train(read_config(TrainConfig, recipe, settings("one"), section="train"))
    command = [
        sys.executable, "-m", "accelerate.commands.launch", "--config_file", "recipes/accelerate/fsdp2.yaml",
        "--num_processes", "2", "--mixed_precision", "no", "--main_process_port", "0",
        "train/sft.py", "--config", str(recipe), *settings("two"),
    ]  # fmt: skip
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert len(logged(tmp_path / "two", "loss")) == STEPS
    assert logged(tmp_path / "two", "loss") == pytest.approx(logged(tmp_path / "one", "loss"), abs=1e-5)
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (one, tmp_path / "two" / "student"))
    assert ours.keys() == theirs.keys()
    assert max(float((ours[name] - theirs[name]).abs().max()) for name in ours) < 1e-4
