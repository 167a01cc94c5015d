"""The vision tower's work in fewer and larger pieces: the same sums, in another order.

Patches are embedded by a convolution whose window is the whole patch. That is a matrix product, but backends do not see
it, and take up to ten times as long (pytorch/pytorch#174051, transformers#45041). And without flash attention each
frame (or window of one) attends in a call of its own, so that a packed row makes hundreds of small ones in each block;
neighbours of one size can share a call.

What follows from the sizes of images and videos is worked out on the host, which knows them (`layout`). On the device
each block would ask for it again, and the host would wait for the device each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from types import MethodType
from typing import Any

import torch

# transformers hands over the bounds of the frames, in place of one frame at a time, where the name says "flash".
NAME = "sdpa_by_frames_as_flash"


@dataclass(frozen=True, slots=True)
class Frames:
    """Frames (or windows of them) in order: patches of each, and how many neighbours have as many."""

    runs: tuple[tuple[int, int], ...]

    @classmethod
    def between(cls, bounds: torch.Tensor) -> Frames:
        """Those between cumulative bounds: int32 [frames + 1]."""
        sizes = bounds.diff().tolist()
        return cls(tuple((size, len(list(same))) for size, same in groupby(sizes)))


def quicken(core: Any) -> None:
    """Let a model's vision tower work so; what is saved of it does not change.

    Args:
        core: the model, without adapters around it.
    """
    from transformers import AttentionInterface

    projection = core.model.visual.patch_embed.proj
    if isinstance(projection, torch.nn.Conv3d):  # and not wrapped by an adapter
        projection.forward = MethodType(_project, projection)  # type: ignore[method-assign]
    config = core.config.vision_config
    if config._attn_implementation == "sdpa":
        AttentionInterface.register(NAME, _attend)
        config._attn_implementation = NAME
    language = core.model.language_model
    if hasattr(language, "_deepstack_process"):
        language._deepstack_process = MethodType(_add_seen, language)


def layout(tower: Any, grid: torch.Tensor, device: torch.device) -> dict[str, Any]:
    """What a tower works out of its grids, as the arguments under which it takes that instead.

    Args:
        tower: of a Qwen-VL model.
        grid: (t, h, w) in patches of each image and video: int64 [media, 3], on the host.
        device: where the tower is.
    """
    from transformers import vision_utils

    merge = tower.config.spatial_merge_size
    bounds = vision_utils.get_vision_cu_seqlens(grid)
    found = {
        "position_ids": vision_utils.get_vision_position_ids(grid, merge),
        "cu_seqlens": bounds,
        "max_seqlen": _sizes(tower, bounds),
    }
    if hasattr(tower, "window_size"):
        index, windows = vision_utils.get_vision_window_index(grid, merge, tower.window_size, tower.patch_size)
        found |= {"window_index": index, "cu_window_seqlens": windows, "max_window_seqlen": _sizes(tower, windows)}
    if hasattr(tower, "num_grid_per_side"):
        found["interp_indices"], found["interp_weights"] = vision_utils.get_vision_interpolation_indices_and_weights(
            grid,
            num_grid_per_side=tower.num_grid_per_side,
            mode=tower.interpolation_mode,
            align_corners=tower.interpolation_align_corners,
            spatial_merge_size=merge,
        )
    return {
        name: value.to(device, non_blocking=True) if isinstance(value, torch.Tensor) else value
        for name, value in found.items()
    }


def _sizes(tower: Any, bounds: torch.Tensor) -> Frames | int:
    """What an attention asks for besides bounds: flash kernels for the longest, ours for all sizes, in its place."""
    if tower.config._attn_implementation == NAME:
        return Frames.between(bounds)
    return int(bounds.diff().max())


def _add_seen(self: Any, hidden: torch.Tensor, places: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    """[B, L, hidden], with features [V, hidden] added at `places` [V] of the rows laid end to end."""
    if places.dtype == torch.bool:  # transformers' own call, as when it generates
        added: torch.Tensor = type(self)._deepstack_process(self, hidden, places, features)
        return added
    return hidden.flatten(0, 1).index_add(0, places, features.to(hidden.dtype)).view_as(hidden)


def _project(self: torch.nn.Conv3d, patches: torch.Tensor) -> torch.Tensor:
    """[N, 3, t, p, p] to [N, out, 1, 1, 1]."""
    made = torch.nn.functional.linear(patches.flatten(1), self.weight.flatten(1), self.bias)
    return made.view(*made.shape, 1, 1, 1)


def _attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    dropout: float,
    cu_seq_lens_q: torch.Tensor,
    max_length_q: Frames | int,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """transformers' interface: query, key, value [1, heads, L, head] to [1, L, heads, head].

    `max_length_q` holds the sizes where `layout` told them, and the largest where transformers looked for itself.
    """
    frames = max_length_q if isinstance(max_length_q, Frames) else Frames.between(cu_seq_lens_q)
    rows = [size * count for size, count in frames.runs]
    attended = []
    for (size, count), *parts in zip(
        frames.runs, *(one[0].split(rows, dim=1) for one in (query, key, value)), strict=True
    ):
        # [heads, count * size, head] to [count, heads, size, head]
        q, k, v = (one.unflatten(1, (count, size)).transpose(0, 1) for one in parts)
        seen = torch.nn.functional.scaled_dot_product_attention(q, k, v, dropout_p=dropout, scale=scaling)
        attended.append(seen.transpose(1, 2).flatten(0, 1))
    return torch.cat(attended)[None], None
