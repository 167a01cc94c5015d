"""A Qwen-VL family that is shown a video as single pictures, for peers that have no video path.

Each frame is a temporal patch of its own (`shown_frames` in the item makes them so) between its own marks, and no time
is told. Only the number of the placeholder's token differs from that of images; the vision tower's output replaces it.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

from demitasse.student.family import Family


def build(config: Any) -> Family:
    """The family of the configuration, but for how it writes a video."""
    real: Family = import_module(f"demitasse.student.{config.model_type}").build(config)
    return replace(
        real,
        write_video=lambda tokens, times, pad: "<|vision_end|><|vision_start|>".join([pad * tokens] * len(times)),
        video_runs=lambda grid: [(1, *grid[1:])] * grid[0],
        takes_seconds=False,
    )
