"""Which parameters learn: parts of the model frozen, trained, or given adapters, in one place."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from demitasse.errors import ConfigError
from train.config import LoraConfig, ModelConfig

# First match wins. Qwen3-VL's deepstack mergers belong with the merger: they too map vision to language.
PARTS = (
    ("merger", re.compile(r"(^|\.)visual\.(merger|deepstack_merger_list)\.")),
    ("vision", re.compile(r"(^|\.)visual\.")),
    ("embeddings", re.compile(r"(^|\.)(embed_tokens|lm_head)\.")),
    ("language", re.compile(r"(^|\.)language_model\.")),
)


def part_of(name: str) -> str:
    """The part ("vision", "merger", "embeddings", "language") that a parameter or module name belongs to.

    Raises:
        ConfigError: for a name that belongs to none.
    """
    for part, pattern in PARTS:
        if pattern.search(name + "."):
            return part
    raise ConfigError(f"the model's '{name}' belongs to no known part; this family is not supported")


def prepare(model: Any, config: ModelConfig, seed: int) -> Any:
    """Freeze or adapt the model as configured; returns the model to train.

    Raises:
        ConfigError: if nothing would learn, or a LoRA target matches no layer.
    """
    if config.method == "lora":
        return _with_lora(model, config.lora, seed)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(part_of(name) not in config.frozen)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ConfigError(f"model.frozen is {list(config.frozen)}: nothing is left to learn")
    return model


def _with_lora(model: Any, lora: LoraConfig, seed: int) -> Any:
    import torch
    from peft import LoraConfig as PeftConfig
    from peft import get_peft_model

    targets = lora_targets(model, lora)
    torch.manual_seed(seed)  # the adapters start at random
    settings = PeftConfig(
        r=lora.r, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=targets, task_type="CAUSAL_LM"
    )
    return get_peft_model(model, settings)


def lora_targets(model: Any, lora: LoraConfig) -> list[str]:
    """Full names of the linear layers that get an adapter.

    Names are resolved here, not by suffix in the library: `gate_proj` is also a layer of Qwen2.5-VL's vision
    tower, and would be adapted without having been asked for.

    Raises:
        ConfigError: if a target matches no linear layer in the parts asked for.
    """
    import torch

    linear = [name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)]
    inside = [name for name in linear if part_of(name) in lora.parts]
    known = sorted({name.rsplit(".", 1)[-1] for name in inside})
    for target in lora.targets:
        if target not in known:
            raise ConfigError(f"model.lora.targets: '{target}' is no linear layer of {lora.parts}; there are {known}")
    return [name for name in inside if name.rsplit(".", 1)[-1] in lora.targets]


def table(model: Any) -> list[tuple[str, int, int]]:
    """Rows (part, parameters that learn, parameters in all), of parts that the model has."""
    learning: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for name, parameter in model.named_parameters():
        learning[part_of(name)] += parameter.numel() * parameter.requires_grad
        total[part_of(name)] += parameter.numel()
    return [(part, learning[part], total[part]) for part, _ in PARTS if part in total]
