"""Tiny Qwen-VL models built from configuration: the demo's student, and every test's.

The classes are transformers' own; only the numbers are small. The tokenizer is a byte-level BPE trained on
the texts it is given, with Qwen's control tokens and a short ChatML template.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from demitasse.student.tiny_configs import TinyFamily, tiny_config

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


# The newer families have no processors of their own.
_PROCESSORS = {"qwen2_vl": "Qwen2VLProcessor", "qwen2_5_vl": "Qwen2_5_VLProcessor"}


def build_tokenizer(texts: Iterable[str], vocabulary: int = 640, by_line: bool = False) -> Any:
    """A byte-level BPE tokenizer with Qwen's control tokens, trained on `texts`.

    `by_line` lets tokens grow beyond words, up to a line: what is said often is then short, and quick to learn.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    words = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not by_line)
    lines = pre_tokenizers.Split("\n", "merged_with_previous")
    core.pre_tokenizer = pre_tokenizers.Sequence([lines, words]) if by_line else words
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
    """A randomly initialised tiny model of the family, in float32; `patch` is the side of its patches in pixels."""
    from transformers import AutoModelForImageTextToText

    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in CONTROL_TOKENS}
    config = tiny_config(family, ids, len(tokenizer), (hidden, layers, heads, patch))
    torch.manual_seed(seed)
    model: Any = AutoModelForImageTextToText.from_config(config)
    model.generation_config.eos_token_id = ids["<|im_end|>"]
    model.generation_config.pad_token_id = ids["<|endoftext|>"]
    return model.eval()


def save_tiny(model: Any, tokenizer: Any, folder: Path, side: int = 64) -> None:
    """Save model, tokenizer and the processor files that transformers and we read.

    A picture of more than `side` × `side` pixels is made smaller, and a video of more than 64 such pictures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    processor = _PROCESSORS.get(model.config.model_type, "Qwen3VLProcessor")
    three, patch = processor == "Qwen3VLProcessor", model.config.vision_config.patch_size
    fewest, most = 4 * patch * patch, side * side
    pixels = {
        "patch_size": patch, "temporal_patch_size": 2, "merge_size": 2,
        "image_mean": [0.5] * 3 if three else [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.5] * 3 if three else [0.26862954, 0.26130258, 0.27577711],
        "processor_class": processor,
    }  # fmt: skip
    image = {
        **pixels,
        "image_processor_type": "Qwen2VLImageProcessor",
        "size": {"shortest_edge": fewest, "longest_edge": most},
    }
    video = {
        **pixels,
        "video_processor_type": "Qwen3VLVideoProcessor" if three else "Qwen2VLVideoProcessor",
        "size": {"shortest_edge": fewest, "longest_edge": most * 64 if three else most},
        "do_sample_frames": False,
        "cap_pixels_per_frame": False,
    }
    for name, settings in (("preprocessor_config.json", image), ("video_preprocessor_config.json", video)):
        (folder / name).write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")
