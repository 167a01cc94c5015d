"""DeepSpeed's ZeRO-3, where it is installed: two processes on a CPU learn what one process without it learns.

    pip install deepspeed && DS_ACCELERATOR=cpu pytest tests/train/test_zero3.py

The first start compiles one of DeepSpeed's operations, which takes a C++ compiler, ninja and a minute or more.
"""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from train.loop.checkpoint import FOLDER, complete

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "recipes" / "accelerate"

pytestmark = [
    pytest.mark.skipif(find_spec("deepspeed") is None, reason="deepspeed is not installed"),
    pytest.mark.slow,
]


def zero3(recipe: Path, *overrides: str, processes: int = 2) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(CONFIGS / "zero3.yaml"),
        "--num_processes", str(processes), "--mixed_precision", "no", "--main_process_port", "0",
        "train/sft.py", "--config", str(recipe), *overrides,
    ]  # fmt: skip
    settings = {"DS_ACCELERATOR": "cpu", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, timeout=900, check=False
    )


def figures(output: Path, name: str) -> list[float]:
    return [json.loads(line)[name] for line in (output / "log.jsonl").read_text().splitlines()]


def unfinished(output: Path, to: Path) -> Path:
    """A copy of a run as it stood when a kill took it: a checkpoint half-way, and no student."""
    shutil.copytree(output, to)
    shutil.rmtree(to / "student")
    (to / "train.json").unlink()
    return to


def furthest(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().max()) for name in one)


def test_zero3_learns_what_one_process_learns_and_goes_on_bit_for_bit(recipe, train_it, tmp_path):
    one = train_it(f"output_dir={tmp_path}/one", "optim.micro_batch_size=1")  # two micro-batches a process
    ran = zero3(recipe, f"output_dir={tmp_path}/two", "optim.micro_batch_size=1")
    assert ran.returncode == 0, ran.stderr[-2000:]
    for name in ("loss", "grad_norm"):
        assert figures(tmp_path / "two", name) == pytest.approx(figures(tmp_path / "one", name), abs=1e-5)
    learnt = load_file(tmp_path / "two" / "student" / "model.safetensors")
    assert furthest(load_file(one / "model.safetensors"), learnt) < 1e-5

    again = unfinished(tmp_path / "two", tmp_path / "again")
    assert [path.name for path in complete(again / FOLDER)] == ["step_000002"]
    refused = zero3(recipe, f"output_dir={again}", "optim.micro_batch_size=1", processes=1)
    assert refused.returncode and "start as many, or train with FSDP2 or DDP" in refused.stderr
    ran = zero3(recipe, f"output_dir={again}", "optim.micro_batch_size=1")
    assert ran.returncode == 0 and "going on after step 2" in ran.stdout, ran.stderr[-2000:]
    assert furthest(learnt, load_file(again / "student" / "model.safetensors")) == 0


def test_adapters_learn_with_zero3_and_its_checkpoints_hold_nothing_frozen(recipe, train_it, tmp_path):
    lora = ("model.method=lora", "model.lora.r=2")
    one = train_it(f"output_dir={tmp_path}/one", *lora)
    ran = zero3(recipe, f"output_dir={tmp_path}/two", *lora)
    assert ran.returncode == 0, ran.stderr[-2000:]
    learnt = load_file(tmp_path / "two" / "student" / "adapter_model.safetensors")
    assert furthest(load_file(one / "adapter_model.safetensors"), learnt) < 1e-5

    [saved] = complete(tmp_path / "two" / FOLDER)
    states = sorted(saved.glob("weights/pytorch_model/*_model_states.pt"))
    for file in states:
        # DeepSpeed's own pickle, written a moment ago by the run above.
        fragments = torch.load(file, weights_only=False)["frozen_param_fragments"]
        assert not fragments
    assert len(states) == 2
    again = unfinished(tmp_path / "two", tmp_path / "again")
    ran = zero3(recipe, f"output_dir={again}", *lora)
    assert ran.returncode == 0 and "going on after step 2" in ran.stdout, ran.stderr[-2000:]
    assert furthest(learnt, load_file(again / "student" / "adapter_model.safetensors")) == 0


@pytest.mark.parametrize("name", ["zero3", "zero3_nodes"])
def test_deepspeeds_own_configuration_takes_what_accelerate_makes_of_ours(name):
    """In a process of its own: DeepSpeed decides on import which device it serves."""
    given = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())["deepspeed_config"]
    given.pop("deepspeed_multinode_launcher", None)  # the launcher's own
    program = (
        "import json, sys\n"
        "from accelerate import DeepSpeedPlugin\n"
        "from deepspeed.runtime.config import DeepSpeedConfig\n"
        "made = DeepSpeedPlugin(**json.loads(sys.argv[1])).deepspeed_config\n"
        "made = {name: value for name, value in made.items() if value != 'auto'}\n"
        "made |= {'train_micro_batch_size_per_gpu': 2, 'gradient_clipping': 1.0, 'bf16': {'enabled': True}}\n"
        "config = DeepSpeedConfig(made); zero = config.zero_config\n"
        "print(int(zero.stage), zero.gather_16bit_weights_on_model_save, config.gradient_accumulation_steps)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, json.dumps(given)],
        env=os.environ | {"DS_ACCELERATOR": "cpu"}, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert ran.stdout.splitlines()[-1] == "3 True 1"
