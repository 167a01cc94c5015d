"""The vision tower's work in fewer and larger pieces: the same sums, in another order.

Patches are embedded by a convolution whose window is the whole patch. That is a matrix product, but backends do not see
it, and take up to ten times as long (pytorch/pytorch#174051, transformers#45041). And without flash attention each
frame (or window of one) attends in a call of its own, so that a packed row makes hundreds of small ones in each block;
neighbours of one size can share a call.
"""

from __future__ import annotations

from itertools import groupby
from types import MethodType
from typing import Any

import torch

# transformers hands over the bounds of the frames, in place of one frame at a time, where the name says "flash".
NAME = "sdpa_by_frames_as_flash"


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
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """transformers' interface: query, key, value [1, heads, L, head] to [1, L, heads, head]."""
    sizes = (cu_seq_lens_q[1:] - cu_seq_lens_q[:-1]).tolist()
    alike = [(size, len(list(same))) for size, same in groupby(sizes)]
    rows = [size * count for size, count in alike]
    attended = []
    for (size, count), *parts in zip(alike, *(one[0].split(rows, dim=1) for one in (query, key, value)), strict=True):
        # [heads, count * size, head] to [count, heads, size, head]
        q, k, v = (one.unflatten(1, (count, size)).transpose(0, 1) for one in parts)
        seen = torch.nn.functional.scaled_dot_product_attention(q, k, v, dropout_p=dropout, scale=scaling)
        attended.append(seen.transpose(1, 2).flatten(0, 1))
    return torch.cat(attended)[None], None
