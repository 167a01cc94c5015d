"""Qwen2-VL: one block of tokens for a video; M-RoPE's time axis counts temporal patches, not seconds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from demitasse.student.family import Family, Grid, grid_positions
from demitasse.student.qwen2_5_vl import write_video


def build(config: Any) -> Family:
    """The family with this configuration's merge size."""
    merge = config.vision_config.spatial_merge_size

    def vision_positions(start: int, grid: Grid, seconds_per_patch: float) -> NDArray[np.int64]:
        return grid_positions(start, grid, merge, 1.0)

    return Family(
        "qwen2_vl",
        write_video,
        vision_positions,
        lambda grid: [grid],
        takes_seconds=False,
        box_style="qwen_1000",
        packs=True,
    )
