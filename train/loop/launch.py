"""Processes and what they share, also where accelerate 1.15 knows GPUs only.

On a machine without one, accelerate (1.15) runs several processes as strangers to one another unless it is told
`cpu`, knows no FSDP there, and for `accelerate launch --num_processes 2` starts one process, without a word: its
launcher for several is for GPUs, or needs MPI. Each of these is mended here, so that the commands and configurations of
a cluster run, and can be tested, on any machine.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demitasse.errors import ConfigError
from train.config import GuardConfig, ModelConfig, OptimConfig
from train.model.precision import BF16, NO, dtype_of_folder, mixed_precision

if TYPE_CHECKING:
    from accelerate import Accelerator
    from accelerate.state import PartialState

_NUMBER = re.compile(r"--num[_-]processes(?:=(\d+))?")
_FILE = re.compile(r"--config[_-]file(?:=(.+))?")
_SHARDED = ("FSDP", "DEEPSPEED")
# Processes wait while the first one makes data, measures them or saves, which may take longer than NCCL's ten minutes.
PATIENCE = timedelta(hours=4)


def start_processes() -> PartialState:
    """This process among the others that train, before it is known what: a recipe may have to make its data first."""
    import torch
    from accelerate.state import PartialState

    if torch.accelerator.is_available():
        return PartialState(timeout=PATIENCE)
    if _is_set("ACCELERATE_USE_DEEPSPEED"):
        return PartialState(backend="gloo", timeout=PATIENCE)
    return PartialState(cpu=True, timeout=PATIENCE)


def start_accelerator(model: ModelConfig) -> Accelerator:
    """What this process trains such a student with, and the others it trains with.

    Raises:
        ConfigError: for a precision that cannot be trained in.
    """
    import torch
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, PartialState
    from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin

    told = os.environ.get("ACCELERATE_MIXED_PRECISION", NO)
    if told not in (NO, BF16):
        raise ConfigError(
            f"mixed precision '{told}' is not supported (fp16's loss scale leaves steps out); take "
            "--mixed_precision bf16, or no"
        )
    if _is_set("ACCELERATE_USE_FSDP"):
        check_shards(model)
    start_processes()
    gpu = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    mixed = mixed_precision(model, dtype_of_folder(model.path), told, gpu, _is_set("ACCELERATE_USE_FSDP"))
    # accelerate refuses to be told anew what it was told already.
    new = None if mixed == told else mixed
    if torch.accelerator.is_available():
        return with_exact_sums(Accelerator(mixed_precision=new))
    if _is_set("ACCELERATE_USE_DEEPSPEED"):
        return Accelerator(mixed_precision=new)
    accelerator = Accelerator(cpu=True, mixed_precision=new)
    if _is_set("ACCELERATE_USE_FSDP") and accelerator.distributed_type == DistributedType.MULTI_CPU:
        for state in (PartialState._shared_state, AcceleratorState._shared_state):
            state["distributed_type"] = DistributedType.FSDP
        AcceleratorState._shared_state["fsdp_plugin"] = FullyShardedDataParallelPlugin()
    return with_exact_sums(accelerator)


def check_shards(model: ModelConfig) -> None:
    """Refuse what FSDP2 could not shard: it takes what learns outside the layers in one piece, which has one type.

    Raises:
        ConfigError: for adapters, which are float32, among 16-bit weights that learn in full.
    """
    from train.model.parts import plan

    how = plan(model)
    adapted = [part for part in ("merger", "embeddings") if how[part] == "lora"]
    if model.dtype == "bfloat16" and adapted and "full" in how.values():
        raise ConfigError(
            f"model.dtype is 'bfloat16', and FSDP2 cannot shard float32 adapters (model.{adapted[0]}) together with "
            "16-bit weights that learn in full; set model.dtype=auto, which keeps both in float32"
        )


def with_exact_sums(accelerator: Accelerator) -> Accelerator:
    """Let FSDP2 compute layers in bfloat16, and everything that is summed in float32.

    accelerate's own policy also rounds what goes into the model and comes out of it: the weights of the loss, the
    loss itself, and gradients as they are added up over micro-batches and processes.
    """
    import torch
    from torch.distributed.fsdp import MixedPrecisionPolicy

    plugin = getattr(accelerator.state, "fsdp_plugin", None)
    if plugin is not None and accelerator.mixed_precision == "bf16":
        plugin.mixed_precision_policy = MixedPrecisionPolicy(
            param_dtype=torch.bfloat16, reduce_dtype=torch.float32, cast_forward_inputs=False
        )
    return accelerator


def tell_deepspeed(accelerator: Accelerator, optim: OptimConfig, guard: GuardConfig) -> None:
    """Give DeepSpeed, where it trains, what it has to know before it takes the model.

    Raises:
        ConfigError: if steps are to be left out: DeepSpeed updates within the backward pass, before that is known.
    """
    plugin = accelerator.state.deepspeed_plugin
    if plugin is None:
        return
    if guard.spike or guard.not_finite == "skip":
        raise ConfigError(
            "guard.spike and guard.not_finite=skip cannot leave a step out with DeepSpeed, which updates within the "
            "backward pass; set guard.spike=0 and guard.not_finite=stop, or train with FSDP2"
        )
    from transformers.integrations.deepspeed import unset_hf_deepspeed_config

    # Else transformers (5.23) would load the student in shards, where no weight is left over, and save it under names
    # that no server knows. DeepSpeed shards it in `prepare`, as FSDP2 does.
    unset_hf_deepspeed_config()
    plugin.deepspeed_config["train_micro_batch_size_per_gpu"] = optim.micro_batch_size
    plugin.deepspeed_config["gradient_clipping"] = optim.max_grad_norm
    plugin.deepspeed_config["gradient_accumulation_steps"] = 1  # the loss is divided once, in train/loop/step.py


def _is_set(name: str) -> bool:
    return os.environ.get(name, "").lower() in ("true", "1")


def missing_processes(environment: Mapping[str, str], launcher: Sequence[str]) -> int:
    """How many processes were asked for, if accelerate started only this one; otherwise 0.

    Args:
        environment: this process's environment.
        launcher: the command line of the process that started it.

    Raises:
        ConfigError: if more than one was asked for, and the number cannot be found; or if accelerate was told of a
            way to shard the model, which it forgets with --cpu.
    """
    alone = "WORLD_SIZE" not in environment and "RANK" not in environment
    on_cpu = environment.get("ACCELERATE_USE_CPU", "").lower() in ("true", "1")
    if not (alone and on_cpu and any("accelerate" in word for word in launcher)):
        return 0
    config = _launch_config(launcher)
    if config.get("distributed_type") in _SHARDED and "--cpu" in launcher:
        raise ConfigError(f"accelerate forgets {config['distributed_type']} when it is given --cpu; leave --cpu out")
    if "MASTER_PORT" not in environment:
        return 0
    number = _value(launcher, _NUMBER) or config.get("num_processes")
    if number:
        return int(number)
    raise ConfigError(
        "accelerate starts one process on a CPU and its command line does not say how many were meant; "
        "give --num_processes, or start with `torchrun --nproc_per_node N train/sft.py …`"
    )


def _value(words: Sequence[str], flag: re.Pattern[str]) -> str:
    for place, word in enumerate(words):
        if found := flag.fullmatch(word):
            return found[1] or words[place + 1]
    return ""


def _launch_config(launcher: Sequence[str]) -> dict[str, Any]:
    import yaml

    path = _value(launcher, _FILE)
    return dict(yaml.safe_load(Path(path).read_text()) or {}) if path else {}


def launch_missing(script: str, arguments: Sequence[str]) -> int | None:
    """Start the processes that accelerate did not, and wait for them; their exit code, None if none is missing."""
    import psutil
    import torch

    parent = psutil.Process().parent()
    # Without a GPU accelerate means a CPU, whether it is told so or not.
    cpu = {} if torch.accelerator.is_available() else {"ACCELERATE_USE_CPU": "true"}
    processes = missing_processes(os.environ | cpu, parent.cmdline() if parent else [])
    if processes < 2:
        return None
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import main

    try:
        main(["--standalone", "--nproc_per_node", str(processes), script, *arguments])
    except SignalException as ended:  # the processes have heard it and have saved
        return 128 + int(ended.sigval)
    except ChildFailedError as failed:  # they have said why
        return max(abs(failure.exitcode) for failure in failed.failures.values())
    return 0
