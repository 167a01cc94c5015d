"""The numbers of tiny Qwen-VL models, a function for each family: transformers' own classes, made small."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

TinyFamily = Literal[
    "qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe", "qwen3_5", "qwen3_5_moe", "qwen4_exp"
]  # fmt: skip
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2}
INITIALIZER_RANGE = 0.1  # with the families' usual 0.02 so small a model learns nothing


@dataclass(frozen=True, slots=True)
class Tiny:
    """What a tiny model is made of: `shared` are the arguments of every configuration, `text` of every text part."""

    shared: dict[str, Any]
    text: dict[str, Any]
    hidden: int
    heads: int
    layers: int
    patch: int


def tiny_config(family: TinyFamily, tokens: dict[str, int], vocabulary: int, sizes: tuple[int, int, int, int]) -> Any:
    """The configuration of a tiny model.

    Args:
        family: transformers' `model_type`.
        tokens: ids of Qwen's control tokens.
        vocabulary: how many tokens there are.
        sizes: hidden size, layers, heads, and the side of a patch in pixels.
    """
    hidden, layers, heads, patch = sizes
    shared = {
        "image_token_id": tokens["<|image_pad|>"],
        "video_token_id": tokens["<|video_pad|>"],
        "vision_start_token_id": tokens["<|vision_start|>"],
        "vision_end_token_id": tokens["<|vision_end|>"],
        "tie_word_embeddings": True,
    }
    text = {
        "vocab_size": vocabulary,
        "hidden_size": hidden,
        "intermediate_size": hidden * 2,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": heads,
        "max_position_embeddings": 4096,
        "initializer_range": INITIALIZER_RANGE,
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": tokens["<|im_end|>"],
        "pad_token_id": tokens["<|endoftext|>"],
    }
    return _CONFIGS[family](Tiny(shared, text, hidden, heads, layers, patch))


def _sections(half: int) -> list[int]:
    """How the frequencies that are turned are shared between time, rows and columns."""
    side = half * 3 // 8
    return [half - 2 * side, side, side]


def _rope(head: int, share: float = 1.0, **more: Any) -> dict[str, Any]:
    half = int(head * share) // 2
    return {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": _sections(half), **more}


def _vision(tiny: Tiny, **more: Any) -> dict[str, Any]:
    return {
        "depth": 2, "hidden_size": 96, "intermediate_size": 192, "num_heads": 4, "out_hidden_size": tiny.hidden,
        "patch_size": tiny.patch, "spatial_merge_size": 2, "temporal_patch_size": 2,
        "initializer_range": INITIALIZER_RANGE, **more,
    }  # fmt: skip


def _qwen2(tiny: Tiny) -> Any:
    from transformers import Qwen2VLConfig

    vision = {
        "depth": 2, "embed_dim": 96, "hidden_size": tiny.hidden, "num_heads": 4, "mlp_ratio": 2,
        "patch_size": tiny.patch, "spatial_merge_size": 2, "temporal_patch_size": 2,
        "initializer_range": INITIALIZER_RANGE,
    }  # fmt: skip
    text = {**tiny.text, "rope_parameters": _rope(tiny.hidden // tiny.heads)}
    return Qwen2VLConfig(text_config=text, vision_config=vision, **tiny.shared)


def _qwen2_5(tiny: Tiny) -> Any:
    from transformers import Qwen2_5_VLConfig

    vision = _vision(tiny, window_size=4 * tiny.patch, fullatt_block_indexes=[1], tokens_per_second=2)
    text = {**tiny.text, "rope_parameters": _rope(tiny.hidden // tiny.heads)}
    return Qwen2_5_VLConfig(text_config=text, vision_config=vision, **tiny.shared)


def _qwen3_text(tiny: Tiny) -> dict[str, Any]:
    head = tiny.hidden // tiny.heads
    return {**tiny.text, "head_dim": head, "rope_parameters": _rope(head, mrope_interleaved=True)}


def _qwen3(tiny: Tiny) -> Any:
    from transformers import Qwen3VLConfig

    vision = _vision(tiny, num_position_embeddings=64, deepstack_visual_indexes=[0])
    return Qwen3VLConfig(text_config=_qwen3_text(tiny), vision_config=vision, **tiny.shared)


def _qwen3_moe(tiny: Tiny) -> Any:
    from transformers import Qwen3VLMoeConfig

    vision = _vision(tiny, num_position_embeddings=64, deepstack_visual_indexes=[0])
    text = {**_qwen3_text(tiny), **EXPERTS, "moe_intermediate_size": tiny.hidden, "mlp_only_layers": []}
    return Qwen3VLMoeConfig(text_config=text, vision_config=vision, **tiny.shared)


def _qwen3_5_text(tiny: Tiny, full: str = "full_attention") -> dict[str, Any]:
    """Linear and full attention take turns and the last layer has full attention, as in the released models."""
    head, share = tiny.hidden // tiny.heads, 0.5
    rope = _rope(head, share, mrope_interleaved=True, partial_rotary_factor=share)
    kinds = [full if (tiny.layers - place) % 2 else "linear_attention" for place in range(tiny.layers)]
    linear = {
        "linear_conv_kernel_dim": 4, "linear_key_head_dim": 8, "linear_value_head_dim": 8,
        "linear_num_key_heads": 2, "linear_num_value_heads": 4,
    }  # fmt: skip
    return {**tiny.text, **linear, "head_dim": head, "layer_types": kinds, "rope_parameters": rope}


def _with_experts(text: dict[str, Any], tiny: Tiny) -> dict[str, Any]:
    text = {key: value for key, value in text.items() if key != "intermediate_size"}
    return {
        **text,
        **EXPERTS,
        "moe_intermediate_size": tiny.hidden,
        "shared_expert_intermediate_size": tiny.hidden,
    }


def _qwen3_5(tiny: Tiny) -> Any:
    from transformers import Qwen3_5Config

    vision = _vision(tiny, num_position_embeddings=64)
    return Qwen3_5Config(text_config=_qwen3_5_text(tiny), vision_config=vision, **tiny.shared)


def _qwen3_5_moe(tiny: Tiny) -> Any:
    from transformers import Qwen3_5MoeConfig

    vision = _vision(tiny, num_position_embeddings=64)
    text = _with_experts(_qwen3_5_text(tiny), tiny)
    return Qwen3_5MoeConfig(text_config=text, vision_config=vision, **tiny.shared)


def _qwen4(tiny: Tiny) -> Any:
    from transformers import Qwen4ExpConfig

    text = _with_experts(_qwen3_5_text(tiny, full="indexed_attention"), tiny)
    streams = {"hc_count": 2, "hc_lowrank": 8}
    grams = {
        "ple_layer_ids": [1] if text["layer_types"][0] == "linear_attention" else [], "ple_embed_dim": tiny.hidden,
        "ngram_size": 3, "heads_per_ngram": 2, "ngram_vocab_size_base": 101, "make_ngram_vocab_size_divisible_by": 8,
        "split_ngram_parts": 2,
    }  # fmt: skip
    indexer = {
        "indexer_n_heads": tiny.heads, "indexer_kv_heads": 1, "indexer_head_dim": tiny.hidden // tiny.heads,
        "indexer_budget": 64, "indexer_compress_ratio": 4,
    }  # fmt: skip
    vision = _vision(tiny, num_position_embeddings=64)
    return Qwen4ExpConfig(text_config={**text, **streams, **grams, **indexer}, vision_config=vision, **tiny.shared)


_CONFIGS: dict[TinyFamily, Callable[[Tiny], Any]] = {
    "qwen2_vl": _qwen2,
    "qwen2_5_vl": _qwen2_5,
    "qwen3_vl": _qwen3,
    "qwen3_vl_moe": _qwen3_moe,
    "qwen3_5": _qwen3_5,
    "qwen3_5_moe": _qwen3_5_moe,
    "qwen4_exp": _qwen4,
}
