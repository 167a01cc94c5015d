"""Which part of a Qwen-VL model a name belongs to: vision, merger, language or embeddings."""

from __future__ import annotations

import re

from demitasse.errors import ConfigError

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


def is_learnable(name: str) -> bool:
    """Whether the loss has a gradient for a parameter.

    Qwen4's indexer says which keys a query may see: a choice, which passes no gradient on. Were it counted among what
    learns, processes would wait for its gradients for ever.
    """
    return ".indexer." not in name
