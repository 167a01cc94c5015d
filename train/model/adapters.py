"""Adapters beside linear layers, by PEFT: which layers get one is resolved here, name by name.

Left to the library, `gate_proj` also adapts Qwen2.5-VL's vision tower and "all-linear" adapts everything.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import torch

from demitasse.errors import ConfigError
from train.config import LoraConfig
from train.model.anatomy import is_learnable, part_of
from train.packages import NO_4_BITS


@dataclass(frozen=True, slots=True)
class Targets:
    """Full names of what gets an adapter: layers, and the experts' tensors, which transformers keeps one for all."""

    modules: list[str]
    experts: list[str]


def targets(model: Any, lora: LoraConfig, parts: list[str]) -> Targets:
    """What gets an adapter in the parts that learn by adapters.

    Without `lora.targets` that is each linear layer, and each embedding in the embeddings. Experts have to be named:
    there are many, PEFT computes their whole weights anew in each pass, and takes neither dropout nor DoRA.

    Raises:
        ConfigError: if a name or a part matches nothing, or adapters cannot stand where they are asked for.
    """
    layers, experts = _layers(model, parts), _experts(model, parts)
    if lora.targets:
        _check_names(lora.targets, [*layers, *experts], parts)
    layers = [name for name in layers if not lora.targets or _is_named(name, lora.targets)]
    experts = [name for name in experts if _is_named(name, lora.targets)]
    for part in parts:
        if not any(part_of(name) == part for name in (*layers, *experts)):
            there = _last_names(_layers(model, [part]))
            raise ConfigError(f"model.{part} learns by LoRA, but none of model.lora.targets is in it; it has {there}")
    if "embeddings" in parts and model.config.tie_word_embeddings:
        raise ConfigError(
            "model.embeddings.learn is 'lora', but this model's head shares the embeddings' weights, which an adapter "
            "of the embeddings would not reach; use 'full' or 'frozen'"
        )
    if experts and (lora.dropout or lora.variant == "dora"):
        raise ConfigError(
            f"model.lora.targets takes in experts ({_last_names(experts)}), whose adapters know neither dropout nor "
            "dora: set model.lora.dropout to 0 and model.lora.variant to 'lora' or 'rslora'"
        )
    return Targets(layers, experts)


def add(model: Any, lora: LoraConfig, where: Targets, seed: int) -> Any:
    """Put adapters in their places; all else is frozen. Returns the PeftModel."""
    from peft import LoraConfig as PeftConfig
    from peft import get_peft_model

    torch.manual_seed(seed)  # the adapters start at random
    settings = PeftConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        use_rslora=lora.variant == "rslora",
        use_dora=lora.variant == "dora",
        target_modules=where.modules,
        target_parameters=where.experts or None,
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PEFT asks transformers by an old name
        return get_peft_model(model, settings)


def keep_in_4_bits(model: Any, parts: list[str]) -> None:
    """Put the linear layers of these parts into 4 bits (NF4, its scales in 8), as QLoRA does (arXiv 2305.14314).

    The head stays as it is, as does what learns in full or is frozen: a vision tower is small beside its language
    model, and what it sees should not be blurred.

    Raises:
        ConfigError: if bitsandbytes is missing, or most of the model could not be put into 4 bits.
    """
    if _experts(model, parts):
        raise ConfigError("model.method is 'qlora', but this model's experts cannot be kept in 4 bits; use 'lora'")
    try:
        from train.model.four_bits import FrozenLinear4bit
    except ImportError:
        raise ConfigError(NO_4_BITS) from None
    for name in _layers(model, parts):
        layer = model.get_submodule(name)
        if part_of(name) != "embeddings":
            model.set_submodule(name, FrozenLinear4bit(layer))
    model.is_loaded_in_4bit = True  # by which PEFT knows how to merge into such layers


def shape_of(parameter: Any) -> tuple[int, ...]:
    """A parameter's shape, also where only its 4 bits, or a process's share of it (ZeRO-3), are held."""
    state = getattr(parameter, "quant_state", None)
    return tuple(state.shape if state is not None else getattr(parameter, "ds_shape", parameter.shape))


def _layers(model: Any, parts: list[str]) -> list[str]:
    """Names of the layers in these parts that can have an adapter."""
    linear, embedding = torch.nn.Linear, torch.nn.Embedding
    found = [(name, module) for name, module in model.named_modules() if isinstance(module, (linear, embedding))]
    # Embeddings of positions in the vision tower are no embeddings of tokens.
    return [
        name
        for name, module in found
        if part_of(name) in parts
        and is_learnable(name)
        and (isinstance(module, linear) or part_of(name) == "embeddings")
    ]


def _experts(model: Any, parts: list[str]) -> list[str]:
    """Names of the tensors that hold the weights of all experts of a layer."""
    return [
        name
        for name, parameter in model.named_parameters()
        if ".experts." in name and len(shape_of(parameter)) == 3 and part_of(name) in parts
    ]


def _is_named(name: str, wanted: list[str]) -> bool:
    return any(f".{name}".endswith(f".{target}") for target in wanted)


def _check_names(wanted: list[str], there: list[str], parts: list[str]) -> None:
    for target in wanted:
        if not any(_is_named(name, [target]) for name in there):
            raise ConfigError(
                f"model.lora.targets: '{target}' is no layer of what learns by LoRA ({', '.join(parts)}); "
                f"there are {_last_names(there)}"
            )


def _last_names(names: list[str]) -> str:
    return ", ".join(sorted({name.rsplit(".", 1)[-1] for name in names}))
