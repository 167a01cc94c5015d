"""Qwen3.5: it sees and counts as Qwen3-VL does, with its processors; most layers have linear attention."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from demitasse.student import qwen3_vl
from demitasse.student.family import Family


def build(config: Any) -> Family:
    """The family with this configuration's merge size."""
    return replace(qwen3_vl.build(config), name="qwen3_5", packs=False)
