"""Qwen2.5-VL: one block of tokens for a video; M-RoPE's time axis counts real seconds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from demitasse.student.family import Family, Grid, grid_positions


def build(config: Any) -> Family:
    """The family with this configuration's merge size and tokens per second."""
    merge = config.vision_config.spatial_merge_size
    tokens_per_second = config.vision_config.tokens_per_second

    def vision_positions(start: int, grid: Grid, seconds_per_patch: float) -> NDArray[np.int64]:
        return grid_positions(start, grid, merge, tokens_per_second * seconds_per_patch)

    return Family(
        "qwen2_5_vl",
        write_video,
        vision_positions,
        lambda grid: [grid],
        takes_seconds=True,
        box_style="qwen2_5_vl_px",
        packs=True,
    )


def write_video(tokens_per_patch: int, times: NDArray[np.float64], pad: str) -> str:
    """All of the video's pads in one block; the times are told by the positions."""
    return pad * (tokens_per_patch * len(times))
