"""How the layers run, which changes no result: their attention, what is kept for the backward pass, compilation."""

from __future__ import annotations

import shutil
import warnings
from typing import Any

from demitasse.errors import ConfigError
from train.config import ModelConfig


def run_as(model: Any, config: ModelConfig) -> None:
    """Set up attention, checkpointing and compilation; after adapters are in place, before the model is wrapped.

    Raises:
        ConfigError: for what is not installed here.
    """
    check(config)
    core = model.get_base_model() if hasattr(model, "get_base_model") else model
    core.set_attn_implementation(config.attention)
    if config.checkpointing:
        _checkpoint(core)
    if config.compile:
        _compile(core, within=config.checkpointing)


def check(config: ModelConfig) -> None:
    """Refuse what is not installed here; known before a model is loaded.

    Raises:
        ConfigError: naming what is missing.
    """
    import torch
    from transformers.utils.import_utils import is_flash_attn_2_available

    if config.attention == "flash_attention_2" and not is_flash_attn_2_available():
        # Without it transformers would fetch a kernel from the Hub, in the middle of a run.
        raise ConfigError(
            "model.attention is 'flash_attention_2', which needs a GPU and the package flash-attn; "
            "install it, or use 'sdpa', which gives the same result"
        )
    compilers = map(shutil.which, ("c++", "g++", "clang++"))
    if config.compile and not torch.cuda.is_available() and not any(compilers):
        raise ConfigError("model.compile needs a C++ compiler on a CPU; install g++, or leave it off")


def _checkpoint(core: Any) -> None:
    """Keep a layer's input only, and compute the layer again in the backward pass.

    Reentrant checkpoints give adapters no gradient unless their layer's input has one (peft#2880). For their sake
    transformers makes all inputs require gradients, and a frozen vision tower then keeps its graph (ms-swift#10214):
    with checkpoints that are not reentrant nobody needs that.
    """
    vision = core.model.visual
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the newest releases have another name for it
        core.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        core.disable_input_require_grads()
        if not any(parameter.requires_grad for parameter in vision.parameters()):
            vision.gradient_checkpointing_disable()  # there is no backward pass to keep anything for


def _compile(core: Any, within: bool) -> None:
    """Compile each decoder layer in its place, which leaves the weights' names as they are.

    All layers share their graphs; the whole model would break in too many places to be worth it. What is computed
    again in the backward pass is one piece to the compiler, and left alone where it cannot take all of it, as with
    packed rows: then (`within`) the layer's own modules are compiled, attention, norms and the rest.
    """
    for layer in core.model.language_model.layers:
        for module in layer.children() if within else (layer,):
            module.compile()
