"""Qwen3-VL: each temporal patch is a block of its own behind its time in seconds; positions do not tell time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from demitasse.student.family import Family, Grid, grid_positions


def build(config: Any) -> Family:
    """The family with this configuration's merge size."""
    merge = config.vision_config.spatial_merge_size

    def vision_positions(start: int, grid: Grid, seconds_per_patch: float) -> NDArray[np.int64]:
        return grid_positions(start, grid, merge, 1.0)

    def video_runs(grid: Grid) -> list[Grid]:
        return [(1, *grid[1:])] * grid[0]

    return Family(
        "qwen3_vl",
        write_video,
        vision_positions,
        video_runs,
        takes_seconds=False,
        box_style="qwen_1000",
        packs=True,
    )


def write_video(tokens_per_patch: int, times: NDArray[np.float64], pad: str) -> str:
    """`<1.0 seconds>` and a vision block for each temporal patch.

    The template's own vision_start and vision_end stay around the whole, as transformers 5 keeps them.
    """
    block = f"<|vision_start|>{pad * tokens_per_patch}<|vision_end|>"
    return "".join(f"<{time:.1f} seconds>{block}" for time in times)
