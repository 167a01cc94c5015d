"""The types that a student is kept and computed in while it learns, decided once for training, planning and memory.

Weights that learn in 16 bits lose each change of less than 1/256 of themselves, and AdamW's second moment, kept in the
same type, never falls again. So where `model.dtype` is "auto", what learns in full is kept in float32, as adapters
are, and products are computed in the checkpoint's own type by autocast ("Mixed Precision Training", arXiv 1710.03740).
What is frozen stays as the checkpoint has it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from demitasse.errors import ConfigError
from demitasse.student.weights import ADAPTER_CONFIG, base_of
from train.config import ModelConfig

NO, BF16 = "no", "bf16"  # accelerate's names of mixed precision
SIXTEEN_BITS = ("bfloat16", "float16")
_NAMES = ("dtype", "torch_dtype")  # in `config.json`, the second in older ones


def own_dtype(settings: Any) -> str:
    """The type that a checkpoint has by its transformers configuration; "float32" where that does not say.

    Published Qwen3-VL models tell it of their text part alone.
    """
    told = (getattr(part, "dtype", None) for part in (settings, getattr(settings, "text_config", None)))
    return str(next(filter(None, told), "float32")).removeprefix("torch.")


def dtype_of_folder(path: str) -> str:
    """The same of a model's folder, or of an adapter's base, without reading more than its `config.json`.

    A folder that cannot be read counts as "float32": that it cannot is told where the student is opened.
    """
    folder = Path(path)
    try:
        folder = base_of(folder) if (folder / ADAPTER_CONFIG).is_file() else folder
        settings: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        told = [part.get(name) for part in (settings, settings.get("text_config", {})) for name in _NAMES]
    except (OSError, ValueError, AttributeError, ConfigError):
        told = []
    return str(next(filter(None, told), "float32")).removeprefix("torch.")


def loaded_dtype(config: ModelConfig, own: str) -> str:
    """The type that weights are loaded in, before `keep_what_learns`; `own` is the checkpoint's."""
    return own if config.dtype == "auto" else config.dtype


def mixed_precision(config: ModelConfig, own: str, told: str = NO, gpu: bool = True, sharded: bool = False) -> str:
    """What a run computes in beside its weights' types: "bf16", by autocast, or "no".

    Args:
        config: of the student.
        own: the checkpoint's type.
        told: by the launcher, whose "no" is also what it says when it was not told.
        gpu: whether the run's device is a GPU that has bfloat16.
        sharded: by FSDP2, whose way of bfloat16 would turn weights that are to learn in 16 bits into 32.
    """
    if config.dtype == "bfloat16" and sharded:
        return NO
    if config.dtype == "auto" and own in SIXTEEN_BITS and gpu:
        return BF16
    return told


def keep_what_learns(model: Any, config: ModelConfig, mixed: str) -> None:
    """Turn what learns of a prepared model into float32, where the person leaves the types to us.

    Nothing is rounded. Without autocast, products need factors of one type: then all of a model that learns in full
    is turned. Adapters alone take inputs of any type.

    Args:
        model: what learns in it requires gradients, and adapters are in place.
        config: of the student.
        mixed: as `mixed_precision` says.
    """
    import torch

    if config.dtype != "auto":
        return
    floats = [one for one in model.parameters() if one.is_floating_point()]
    learning = [one for one in floats if one.requires_grad]
    if any(one.dtype != torch.float32 for one in learning):  # PEFT keeps adapters in float32
        for one in learning if mixed == BF16 else floats:
            one.data = one.data.to(torch.float32)


def computed_in(config: ModelConfig, own: str, mixed: str) -> str:
    """The type of most factors: "bfloat16", "float16" or "float32"; what a GPU's peak is told for."""
    return "bfloat16" if mixed == BF16 else loaded_dtype(config, own)
