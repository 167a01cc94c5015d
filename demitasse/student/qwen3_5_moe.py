"""Qwen3.5 with experts: it sees and counts as Qwen3.5 does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from demitasse.student import qwen3_5
from demitasse.student.family import Family


def build(config: Any) -> Family:
    """The family with this configuration's merge size."""
    return replace(qwen3_5.build(config), name="qwen3_5_moe")
