"""Many processes: configurations that accelerate itself reads, launchers that start what was asked for, and FSDP2."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from demitasse.errors import ConfigError
from demitasse.student.load import load_student
from train.config import GuardConfig, ModelConfig, OptimConfig, PartConfig
from train.loop.checkpoint import FOLDER, complete
from train.loop.launch import (
    check_shards,
    launch_missing,
    missing_processes,
    start_accelerator,
    tell_deepspeed,
    with_exact_sums,
)

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "recipes" / "accelerate"
NAMES = ("ddp", "ddp_nodes", "fsdp2", "fsdp2_nodes", "zero3", "zero3_nodes")
KINDS = {"ddp": "MULTI_GPU", "fsdp2": "FSDP", "zero3": "DEEPSPEED"}


def test_every_configuration_is_tested_here():
    assert sorted(path.stem for path in CONFIGS.glob("*.yaml")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_accelerates_own_loader_takes_a_configuration_whole(name):
    from accelerate.commands.config.config_args import load_config_from_file

    config = load_config_from_file(str(CONFIGS / f"{name}.yaml"))
    assert config.distributed_type == KINDS[name.removesuffix("_nodes")]
    assert config.mixed_precision == "bf16"
    assert config.num_machines == (2 if name.endswith("_nodes") else 1)
    assert config.num_processes == 8 * config.num_machines


@pytest.mark.parametrize("name", NAMES)
def test_accelerates_launcher_knows_every_key_of_a_configuration(name):
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser

    words = ["--config_file", str(CONFIGS / f"{name}.yaml"), "train/sft.py", "--config", "mine.yaml", "optim.lr=1"]
    args = launch_command_parser().parse_args(words)
    values = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
    nested = {**values.get("fsdp_config", {}), **values.get("deepspeed_config", {})}
    assert set(nested) <= set(vars(args))
    args, *_ = _validate_launch_command(args)
    assert {key: getattr(args, key) for key in nested} == nested
    kind = name.removesuffix("_nodes")
    assert (args.multi_gpu, args.use_fsdp, args.use_deepspeed) == (kind == "ddp", kind == "fsdp2", kind == "zero3")
    assert args.training_script_args == ["--config", "mine.yaml", "optim.lr=1"]
    if kind == "fsdp2":
        assert (args.fsdp_version, args.fsdp_auto_wrap_policy) == (2, "TRANSFORMER_BASED_WRAP")
    if kind == "zero3":
        assert (args.zero_stage, args.gradient_accumulation_steps) == (3, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_the_configuration_for_nodes_differs_in_what_nodes_need_alone(kind):
    one, many = (yaml.safe_load((CONFIGS / f"{name}.yaml").read_text()) for name in (kind, f"{kind}_nodes"))
    for values in (one, many):
        for key in ("num_machines", "num_processes", "main_process_ip", "main_process_port", "rdzv_backend"):
            values.pop(key, None)
        values.get("deepspeed_config", {}).pop("deepspeed_multinode_launcher", None)
    assert one == many


def test_the_layers_that_fsdp_shards_are_named_by_the_loss(student_folder):
    from train.loop.loss import SummedLoss

    model = load_student(student_folder).model
    named = set(SummedLoss(model)._no_split_modules)
    assert named
    assert named <= {type(module).__name__ for module in model.modules()}


ON_CPU = {"ACCELERATE_USE_CPU": "True", "MASTER_PORT": "29500"}


@pytest.mark.parametrize(
    ("environment", "launcher", "expected"),
    [
        pytest.param(ON_CPU, "accelerate launch --num_processes 2 --cpu train/sft.py", 2, id="asked_for_in_two_words"),
        pytest.param(ON_CPU, "accelerate launch --num-processes=3 --cpu train/sft.py", 3, id="asked_for_in_one"),
        pytest.param({}, "accelerate launch --num_processes 2 train/sft.py", 0, id="not_on_a_cpu"),
        pytest.param(ON_CPU | {"RANK": "0"}, "accelerate launch --num_processes 2 --cpu x", 0, id="already_started"),
        pytest.param(ON_CPU, "bash", 0, id="not_accelerate"),
        pytest.param(
            {"ACCELERATE_USE_CPU": "True"}, "accelerate launch --num_processes 1 --cpu x", 0, id="one_is_what_was_asked"
        ),
        pytest.param(
            ON_CPU, f"accelerate launch --cpu --config_file {CONFIGS}/ddp.yaml x", 8, id="asked_for_in_a_file"
        ),
    ],
)
def test_processes_that_accelerate_did_not_start_are_counted(environment, launcher, expected):
    assert missing_processes(environment, shlex.split(launcher)) == expected


@pytest.mark.parametrize(
    ("gpu", "started"),
    [
        pytest.param(False, ["--standalone", "--nproc_per_node", "2", "sft.py", "seed=1"], id="no_gpu"),
        pytest.param(True, [], id="a_gpu_is_accelerates_business"),
    ],
)
def test_without_a_gpu_the_number_of_processes_holds_though_nobody_says_cpu(monkeypatch, gpu, started):
    ran: list[str] = []
    monkeypatch.setattr("torch.accelerator.is_available", lambda: gpu)
    monkeypatch.setattr("torch.distributed.run.main", ran.extend)
    monkeypatch.setattr("psutil.Process.cmdline", lambda _: shlex.split("accelerate launch --num_processes 2 sft.py"))
    monkeypatch.setattr("os.environ", {"ACCELERATE_USE_CPU": "False", "MASTER_PORT": "29500"})
    assert launch_missing("sft.py", ["seed=1"]) == (None if gpu else 0)
    assert ran == started


@pytest.mark.parametrize("name", ["fsdp2", "zero3"])
def test_sharding_that_accelerate_would_forget_on_a_cpu_is_refused(name):
    launcher = ["accelerate", "launch", "--cpu", "--config_file", str(CONFIGS / f"{name}.yaml"), "train/sft.py"]
    with pytest.raises(ConfigError, match="leave --cpu out"):
        missing_processes(ON_CPU, launcher)


def test_a_number_that_cannot_be_found_is_asked_for():
    with pytest.raises(ConfigError, match="give --num_processes"):
        missing_processes(ON_CPU, ["accelerate", "launch", "--cpu", "train/sft.py"])


def losses(output: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (output / "log.jsonl").read_text().splitlines()]


def test_fsdp2_learns_what_one_process_learns_and_one_process_goes_on_from_its_shards(recipe, train_it, tmp_path):
    one = train_it(f"output_dir={tmp_path}/one")
    command = [
        sys.executable, "-m", "accelerate.commands.launch", "--config_file", "recipes/accelerate/fsdp2.yaml",
        "--num_processes", "2", "--mixed_precision", "no", "--main_process_port", "0",
        "train/sft.py", "--config", str(recipe), f"output_dir={tmp_path}/two",
    ]  # fmt: skip
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400)
    assert ran.returncode == 0, ran.stderr[-2000:]
    [saved] = complete(tmp_path / "two" / FOLDER)
    assert len(list((saved / "weights").glob("*.distcp"))) == 2  # each process wrote its shards
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), abs=1e-5)
    (tmp_path / "two" / "train.json").unlink()
    files = (load_file(folder / "student" / "model.safetensors") for folder in (tmp_path / "one", tmp_path / "two"))
    assert len({frozenset(one) for one in files}) == 1, "a tied head is saved once, sharded or not"
    for student in (tmp_path / "two" / "student", train_it(f"output_dir={tmp_path}/two")):
        ours, theirs = (dict(load_student(folder).model.named_parameters()) for folder in (one, student))
        assert max(float((ours[name] - theirs[name]).detach().abs().max()) for name in ours) < 1e-4
        assert not any(torch.isnan(weight).any() for weight in theirs.values())


def test_fsdp2_in_bfloat16_adds_up_in_float32_and_leaves_what_goes_in_and_out_as_it_is():
    from types import SimpleNamespace

    from accelerate.utils import FullyShardedDataParallelPlugin

    plugin = FullyShardedDataParallelPlugin(fsdp_version=2)
    plugin.set_mixed_precision("bf16")  # accelerate's own way: everything in bfloat16
    assert plugin.mixed_precision_policy.reduce_dtype == torch.bfloat16
    with_exact_sums(SimpleNamespace(state=SimpleNamespace(fsdp_plugin=plugin), mixed_precision="bf16"))  # type: ignore[arg-type]
    policy = plugin.mixed_precision_policy
    assert (policy.param_dtype, policy.reduce_dtype) == (torch.bfloat16, torch.float32)
    assert policy.output_dtype is None and not policy.cast_forward_inputs


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_fsdp2_learns_float32_adapters_beside_a_base_and_mergers_of_16_bits(
    recipe, train_it, narrow_folder, tmp_path, precision
):
    settings = [f"model.path={narrow_folder}", "model.method=lora", "model.merger.learn=full", "model.dtype=bfloat16"]
    one = train_it(f"output_dir={tmp_path}/one", *settings)
    command = [
        sys.executable, "-m", "accelerate.commands.launch", "--config_file", "recipes/accelerate/fsdp2.yaml",
        "--num_processes", "2", "--mixed_precision", precision, "--main_process_port", "0",
        "train/sft.py", "--config", str(recipe), f"output_dir={tmp_path}/two", *settings,
    ]  # fmt: skip
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert losses(tmp_path / "two") == pytest.approx(losses(one.parent), abs=0.02)
    ours, theirs = (load_file(tmp_path / name / "student" / "adapter_model.safetensors") for name in ("one", "two"))
    assert {name: (tensor.dtype, tensor.shape) for name, tensor in ours.items()} == {
        name: (tensor.dtype, tensor.shape) for name, tensor in theirs.items()
    }
    assert {tensor.dtype for tensor in theirs.values()} == {torch.float32, torch.bfloat16}


@pytest.mark.slow
def test_fsdp2_in_bfloat16_learns_what_one_process_does_in_float32_but_for_rounding(recipe, train_it, tmp_path):
    one = train_it(f"output_dir={tmp_path}/one")
    command = [
        sys.executable, "-m", "accelerate.commands.launch", "--config_file", "recipes/accelerate/fsdp2.yaml",
        "--num_processes", "2", "--main_process_port", "0",
        "train/sft.py", "--config", str(recipe), f"output_dir={tmp_path}/two",
    ]  # fmt: skip
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400)
    assert ran.returncode == 0, ran.stderr[-2000:]
    told = losses(tmp_path / "two")
    assert told == pytest.approx(losses(one.parent), abs=0.02)
    assert any(loss != float(torch.tensor(loss).bfloat16()) for loss in told)


def test_the_slurm_template_is_bash_and_names_files_that_are_there():
    template = ROOT / "recipes" / "slurm" / "train.slurm"
    assert subprocess.run(["bash", "-n", template], capture_output=True).returncode == 0
    text = template.read_text()
    assert "recipes/accelerate/fsdp2_nodes.yaml" in text and "train/sft.py" in text
    for name in ("num_machines", "num_processes", "machine_rank", "main_process_ip", "main_process_port"):
        assert f"--{name} " in text


@pytest.mark.parametrize("guard", [{"spike": 3.0}, {"not_finite": "skip"}])
def test_deepspeed_cannot_leave_a_step_out_and_says_so(guard):
    from types import SimpleNamespace

    told: dict[str, float] = {}
    state = SimpleNamespace(deepspeed_plugin=SimpleNamespace(deepspeed_config=told))
    accelerator = SimpleNamespace(state=state)
    tell_deepspeed(accelerator, OptimConfig(micro_batch_size=3, max_grad_norm=0.5), GuardConfig())  # type: ignore[arg-type]
    assert told == {"train_micro_batch_size_per_gpu": 3, "gradient_clipping": 0.5, "gradient_accumulation_steps": 1}
    with pytest.raises(ConfigError, match="cannot leave a step out with DeepSpeed"):
        tell_deepspeed(accelerator, OptimConfig(), GuardConfig(**guard))  # type: ignore[arg-type]


LORA, FULL = PartConfig("lora"), PartConfig("full")


def test_two_types_in_one_group_of_fsdp2_are_refused_before_anything_is_loaded(monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(ConfigError, match=r"model\.merger.*set model\.dtype=auto"):
        start_accelerator(ModelConfig(method="lora", merger=LORA, embeddings=FULL, dtype="bfloat16"))


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"merger": LORA, "embeddings": FULL}, id="all_that_learns_is_float32"),
        pytest.param({"merger": FULL, "dtype": "bfloat16"}, id="adapters_lie_in_layers"),
        pytest.param({"merger": LORA, "dtype": "bfloat16"}, id="adapters_alone"),
    ],
)
def test_types_that_do_not_meet_in_a_group_of_fsdp2_are_taken(settings):
    check_shards(ModelConfig(method="lora", **settings))


@pytest.mark.parametrize("precision", ["fp16", "fp8"])
def test_precisions_other_than_bfloat16_are_refused(monkeypatch, precision):
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", precision)
    with pytest.raises(ConfigError, match=f"'{precision}' is not supported.*bf16"):
        start_accelerator(ModelConfig())
