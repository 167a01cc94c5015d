"""Tiny Qwen-VL models built from configuration: the demo's student, and every test's.

The classes are transformers' own; only the numbers are small. The tokenizer is a byte-level BPE trained on
the texts it is given, with Qwen's control tokens and a short ChatML template.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import torch

CONTROL_TOKENS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>",
    "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
# Qwen3's tags for reasoning: single tokens, but plain text to the tokenizer (they are decoded, not skipped).
THINK_TOKENS = ("<think>", "</think>")
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content %}"
    "{% if part.type == 'video' %}<|vision_start|><|video_pad|><|vision_end|>"
    "{% elif part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ part.text }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TinyFamily = Literal["qwen2_5_vl", "qwen3_vl"]


def build_tokenizer(texts: Iterable[str], vocabulary: int = 640) -> Any:
    """A byte-level BPE tokenizer with Qwen's control tokens, trained on `texts`."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(CONTROL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        extra_special_tokens=[token for token in CONTROL_TOKENS if token not in ("<|im_end|>", "<|endoftext|>")],
    )
    tokenizer.add_tokens(list(THINK_TOKENS))
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def build_model(
    family: TinyFamily,
    tokenizer: Any,
    hidden: int = 128,
    layers: int = 2,
    heads: int = 4,
    seed: int = 0,
    patch: int = 16,
) -> Any:
    """A randomly initialised tiny model of the family, in float32; `patch` is the side of its patches in pixels.

    The initialiser range is 0.1: with the families' usual 0.02 so small a model learns nothing.
    """
    torch.manual_seed(seed)
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in CONTROL_TOKENS}
    shared = {
        "image_token_id": ids["<|image_pad|>"],
        "video_token_id": ids["<|video_pad|>"],
        "vision_start_token_id": ids["<|vision_start|>"],
        "vision_end_token_id": ids["<|vision_end|>"],
        "tie_word_embeddings": True,
    }
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": hidden,
        "intermediate_size": hidden * 2,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": heads,
        "head_dim": hidden // heads,
        "max_position_embeddings": 4096,
        "initializer_range": 0.1,
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": ids["<|im_end|>"],
        "pad_token_id": ids["<|endoftext|>"],
    }
    model = _BUILDERS[family](shared, text, hidden, heads, patch)
    model.generation_config.eos_token_id = ids["<|im_end|>"]
    model.generation_config.pad_token_id = ids["<|endoftext|>"]
    return model.eval()


def _sections(head: int) -> list[int]:
    """How the half head's frequencies are shared between time, rows and columns."""
    half = head // 2
    side = half * 3 // 8
    return [half - 2 * side, side, side]


def _qwen2_5(shared: dict[str, Any], text: dict[str, Any], hidden: int, heads: int, patch: int) -> Any:
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": _sections(hidden // heads)}
    vision = {
        "depth": 2, "hidden_size": 96, "intermediate_size": 192, "num_heads": 4, "out_hidden_size": hidden,
        "patch_size": patch, "spatial_merge_size": 2, "temporal_patch_size": 2, "window_size": 4 * patch,
        "fullatt_block_indexes": [1], "tokens_per_second": 2, "initializer_range": 0.1,
    }  # fmt: skip
    text = {key: value for key, value in text.items() if key != "head_dim"}
    config = Qwen2_5_VLConfig(text_config={**text, "rope_parameters": rope}, vision_config=vision, **shared)
    return Qwen2_5_VLForConditionalGeneration(config)


def _qwen3(shared: dict[str, Any], text: dict[str, Any], hidden: int, heads: int, patch: int) -> Any:
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    rope = {
        "rope_type": "default", "rope_theta": 10000.0,
        "mrope_section": _sections(hidden // heads), "mrope_interleaved": True,
    }  # fmt: skip
    vision = {
        "depth": 2, "hidden_size": 96, "intermediate_size": 192, "num_heads": 4, "out_hidden_size": hidden,
        "patch_size": patch, "spatial_merge_size": 2, "temporal_patch_size": 2, "num_position_embeddings": 64,
        "deepstack_visual_indexes": [0], "initializer_range": 0.1,
    }  # fmt: skip
    config = Qwen3VLConfig(text_config={**text, "rope_parameters": rope}, vision_config=vision, **shared)
    return Qwen3VLForConditionalGeneration(config)


_BUILDERS = {"qwen2_5_vl": _qwen2_5, "qwen3_vl": _qwen3}


def save_tiny(model: Any, tokenizer: Any, folder: Path, side: int = 64) -> None:
    """Save model, tokenizer and the processor files that transformers and we read.

    A picture of more than `side` × `side` pixels is made smaller.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    family = model.config.model_type
    three, patch = family == "qwen3_vl", model.config.vision_config.patch_size
    pixels = {
        "patch_size": patch, "temporal_patch_size": 2, "merge_size": 2,
        "image_mean": [0.5] * 3 if three else [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.5] * 3 if three else [0.26862954, 0.26130258, 0.27577711],
        "size": {"shortest_edge": 4 * patch * patch, "longest_edge": side * side},
    }  # fmt: skip
    image = {**pixels, "image_processor_type": "Qwen2VLImageProcessor"}
    video = {
        **pixels,
        "video_processor_type": "Qwen3VLVideoProcessor" if three else "Qwen2VLVideoProcessor",
        "do_sample_frames": False,
        "cap_pixels_per_frame": False,
    }
    processor = "Qwen3VLProcessor" if three else "Qwen2_5_VLProcessor"
    (folder / "preprocessor_config.json").write_text(
        json.dumps({**image, "processor_class": processor}, indent=2, sort_keys=True) + "\n"
    )
    (folder / "video_preprocessor_config.json").write_text(
        json.dumps({**video, "processor_class": processor}, indent=2, sort_keys=True) + "\n"
    )


def schedule(parameters: list[torch.nn.Parameter], lr: float, steps: int) -> tuple[Any, Any]:
    """AdamW, and a learning rate that rises for 50 steps and then falls to nothing."""
    optimizer = torch.optim.AdamW(parameters, lr=lr, betas=(0.9, 0.98), weight_decay=0.05)
    factor = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min((step + 1) / 50, (steps - step) / steps))
    return optimizer, factor


def advance(loss: torch.Tensor, parameters: list[torch.nn.Parameter], optimizer: Any, factor: Any) -> None:
    """One step of training."""
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
    factor.step()
    optimizer.zero_grad()
