"""What differs between the Qwen-VL families: how a video is written in the prompt, and its positions.

Adding a family is one file that builds a `Family`, an entry in `FAMILIES`, a tiny configuration in
`demitasse.student.tiny_configs`, and a recording of the parity benchmark (`docs/students.md`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demitasse.errors import ConfigError
from demitasse.student.modes import Positions

Grid = tuple[int, int, int]  # (t, h, w) in patches
TELLS_TIME = ("qwen2_vl", "qwen2_5_vl")  # by positions, and not as text: where the rules of `goes_on` differ


@dataclass(frozen=True, slots=True)
class Family:
    """One Qwen-VL family.

    Attributes:
        name: transformers' `model_type`.
        write_video: the text that replaces the template's one video placeholder, given the number of tokens of
            one temporal patch and the seconds of each temporal patch's middle.
        vision_positions: M-RoPE positions [3, tokens] of one run of vision tokens that starts at `start`.
        video_runs: how many runs of vision tokens a video of this grid makes.
        takes_seconds: whether the model is told the seconds between temporal patches (`second_per_grid_ts`).
        box_style: how it writes boxes, a name of `chat.kinds.BOX_STYLES`.
        packs: whether several samples may share a row. Only where a test shows that none of them sees another
            (`tests/train`): a linear-attention layer carries its state on, whatever the positions say.
        positions: the rule of `goes_on`.
    """

    name: str
    write_video: Callable[[int, NDArray[np.float64], str], str]
    vision_positions: Callable[[int, Grid, float], NDArray[np.int64]]
    video_runs: Callable[[Grid], list[Grid]]
    takes_seconds: bool
    box_style: str
    packs: bool
    positions: Positions = "transformers"


FAMILIES = {
    "qwen2_vl": "demitasse.student.qwen2_vl",
    "qwen2_5_vl": "demitasse.student.qwen2_5_vl",
    "qwen3_vl": "demitasse.student.qwen3_vl",
    "qwen3_vl_moe": "demitasse.student.qwen3_vl_moe",
    "qwen3_5": "demitasse.student.qwen3_5",
    "qwen3_5_moe": "demitasse.student.qwen3_5_moe",
    "qwen4_exp": "demitasse.student.qwen4_exp",
}


def family_of(config: Any, positions: Positions = "transformers") -> Family:
    """The family of a transformers configuration, with a rule for where text goes on (`goes_on`).

    Raises:
        ConfigError: for a model type that is not a supported Qwen-VL family.
    """
    name = getattr(config, "model_type", None)
    if name not in FAMILIES:
        known = ", ".join(sorted(FAMILIES))
        raise ConfigError(f"model type '{name}' is not supported; supported students are {known}")
    family: Family = import_module(FAMILIES[name]).build(config)
    return replace(family, positions=positions)


def grid_positions(start: int, grid: Grid, merge: int, interval: float) -> NDArray[np.int64]:
    """Positions [3, t*h*w/merge²] of a grid: time in steps of `interval`, rows and columns in steps of one.

    Products are float32 and truncated, as transformers computes them (temporal positions since 5.18).
    """
    t, h, w = grid[0], grid[1] // merge, grid[2] // merge
    time = (np.arange(t, dtype=np.float32) * np.float32(interval)).astype(np.int64)
    axes = np.meshgrid(time, np.arange(h), np.arange(w), indexing="ij")
    return np.stack([axis.reshape(-1) for axis in axes]).astype(np.int64) + start


def text_and_vision_positions(
    token_types: NDArray[np.int64], runs: list[Grid], family: Family, seconds_per_patch: float, merge: int
) -> NDArray[np.int64]:
    """M-RoPE positions [3, L] of a sequence; `token_types` [L] is 0 for text and not 0 for vision.

    `runs` are the grids of the vision runs in order.
    """
    edges = np.flatnonzero(np.diff(token_types)) + 1
    pieces: list[NDArray[np.int64]] = []
    position, grids = 0, iter(runs)
    for piece in np.split(token_types, edges):
        if piece[0] == 0:
            pieces.append(np.tile(np.arange(len(piece)) + position, (3, 1)))
            position += len(piece)
            continue
        taken = 0
        while taken < len(piece):  # two media side by side make one piece
            grid = next(grids)
            pieces.append(family.vision_positions(position, grid, seconds_per_patch))
            taken += pieces[-1].shape[1]
            position = goes_on(family.positions, position, pieces[-1], max(grid[1], grid[2]) // merge)
    return np.concatenate(pieces, axis=1)


def goes_on(rule: Positions, start: int, seen: NDArray[np.int64], side: int) -> int:
    """The position of what follows a run of vision tokens.

    The rules differ where time takes more positions than the larger side of a frame: in videos of Qwen2-VL and
    Qwen2.5-VL beyond some seconds. For pictures, and for families that write times as text, they are one.

    Args:
        rule: "transformers" goes on from the larger side, as its `get_rope_index` does since 5.3; "qwen" behind the
            largest position on any axis, as Qwen's published code, transformers up to 5.2 and vLLM do.
        start: where the run starts.
        seen: its positions [3, tokens].
        side: tokens on the larger side of a frame.
    """
    return start + side if rule == "transformers" else int(seen.max()) + 1
