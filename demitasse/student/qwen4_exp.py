"""Qwen4-Exp: it sees and counts as Qwen3.5 does.

Its language model differs: hyper-connections, embeddings of n-grams, and an indexer that picks what attention reads.
transformers has no processor of its own for it; its folders name Qwen3-VL's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from demitasse.student import qwen3_5
from demitasse.student.family import Family


def build(config: Any) -> Family:
    """The family with this configuration's merge size."""
    return replace(qwen3_5.build(config), name="qwen4_exp")
