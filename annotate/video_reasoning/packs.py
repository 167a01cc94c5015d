"""Which prompts a run asks with: a pack in YAML, or a Python prompts module as TAO's specs name them."""

from __future__ import annotations

from annotate.video_reasoning.config import SECTION, VideoReasoning
from annotate.video_reasoning.prompt_keys import PROMPTS, used_keys
from demitasse.errors import ConfigError
from demitasse.prompts import Pack, load_module, load_pack

# What TAO calls its own modules, and our pack for the same footage.
_TAO_MODULES = {"prompts": "general", "prompts_traffic": "traffic", "prompts_warehouse": "warehouse"}


def pack_of(config: VideoReasoning) -> Pack:
    """The prompts of a run, held to what its steps and question types ask.

    Raises:
        ConfigError: as `load_pack` and `load_module`, naming the field of the spec.
    """
    used = used_keys(config.workflow.steps, config.workflow.qa_types)
    if not config.prompts_module:
        return load_pack(config.prompts, PROMPTS, used)
    try:
        return load_module(config.prompts_module, PROMPTS, used)
    except ConfigError as fault:
        raise ConfigError(f"{SECTION}.prompts_module: {fault}{_hint(config.prompts_module)}") from fault


def _hint(module: str) -> str:
    """TAO's documentation names modules that its package has not; ours has packs for the same footage."""
    package, _, name = module.rpartition(".")
    if not package.startswith("nvidia_tao_ds.") or name not in _TAO_MODULES:
        return ""
    return f"; to use our own pack, set {SECTION}.prompts_module= {SECTION}.prompts={_TAO_MODULES[name]}"
