"""What a model's `config.json` tells of its size: enough to count the operations of reading and writing tokens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demitasse.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Tower:
    """A stack of transformer layers.

    Attributes:
        hidden, layers, heads, kv_heads, head_dim: widths and counts.
        intermediate: width of the feed-forward part.
        gated: whether it has a third matrix (SwiGLU).
    """

    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    gated: bool

    @property
    def weights(self) -> int:
        """Weights of the matrices that every token passes: attention's four and the feed-forward two or three."""
        attention = self.hidden * self.head_dim * (2 * self.heads + 2 * self.kv_heads)
        return self.layers * (attention + (3 if self.gated else 2) * self.hidden * self.intermediate)


@dataclass(frozen=True, slots=True)
class Eye:
    """A vision tower.

    Attributes:
        tower: its layers.
        patch: side of a patch in pixels.
        merge: patches along a side that become one token of the language model.
        temporal: frames that become one patch.
        side: pixels along a side that every frame is resized to; None for a tower that takes any size (Qwen-VL).
    """

    tower: Tower
    patch: int
    merge: int
    temporal: int
    side: int | None


@dataclass(frozen=True, slots=True)
class Dimensions:
    """A language model of `vocabulary` words, and its eye if it has one."""

    name: str
    language: Tower
    vocabulary: int
    eye: Eye | None


def read_dimensions(path: Path, name: str = "") -> Dimensions:
    """Dimensions from a model's folder, or from a `config.json` in transformers' form: Qwen-VL's, InternVL's, a text
    model's.

    Raises:
        ConfigError: if there is no such file, or a width is missing.
    """
    file = path / "config.json" if path.is_dir() else path
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(config, dict):
            raise ValueError("it is no object")
        return _dimensions(config, name or (path.name if path.is_dir() else path.stem))
    except OSError as fault:
        raise ConfigError(
            f"{file} cannot be read ({fault.strerror}); give a model's folder or its config.json"
        ) from fault
    except KeyError as fault:
        raise ConfigError(f"{file} does not tell {fault.args[0]!r}, which the cost is counted from") from fault
    except (ValueError, TypeError) as fault:
        raise ConfigError(f"{file} is no model's configuration ({fault})") from fault


def _dimensions(config: Mapping[str, Any], name: str) -> Dimensions:
    text = next((config[key] for key in ("text_config", "llm_config") if isinstance(config.get(key), dict)), config)
    language = _tower(text, gated=True)
    vision = config.get("vision_config")
    # Qwen2.5-VL writes the language model's dimensions at the top as well as below; both are the same.
    return Dimensions(name, language, int(text["vocab_size"]), _eye(vision, config) if vision else None)


def _tower(config: Mapping[str, Any], gated: bool) -> Tower:
    hidden, heads = _number(config, "hidden_size", "embed_dim"), _number(config, "num_attention_heads", "num_heads")
    ratio = config.get("mlp_ratio")  # Qwen2-VL's eye says it so
    return Tower(
        hidden=hidden,
        intermediate=round(hidden * ratio) if ratio else _number(config, "intermediate_size"),
        layers=_number(config, "num_hidden_layers", "depth"),
        heads=heads,
        kv_heads=int(config.get("num_key_value_heads") or heads),
        head_dim=int(config.get("head_dim") or hidden // heads),
        gated=gated,
    )


def _eye(vision: Mapping[str, Any], config: Mapping[str, Any]) -> Eye:
    qwen = "spatial_merge_size" in vision
    # Qwen2.5-VL's eye is gated (SwiGLU); those of Qwen2-VL, Qwen3-VL and InternVL are not.
    gated = qwen and str(config.get("model_type", "")).startswith("qwen2_5")
    # Qwen2-VL's `hidden_size` is the width of what leaves its eye, and `embed_dim` that of the eye itself.
    own = {key: value for key, value in vision.items() if not (key == "hidden_size" and "embed_dim" in vision)}
    side = None if qwen else int(config.get("force_image_size") or vision["image_size"])
    merge = int(vision["spatial_merge_size"]) if qwen else round(1 / float(config.get("downsample_ratio", 1)))
    temporal = int(vision.get("temporal_patch_size", 1)) if qwen else 1
    return Eye(_tower(own, gated), int(vision["patch_size"]), merge, temporal, side)


def _number(config: Mapping[str, Any], *names: str) -> int:
    for name in names:
        if isinstance(config.get(name), int):
            return int(config[name])
    raise KeyError(names[0])
