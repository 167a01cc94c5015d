"""The vision tower's one pass in every forward pass, whatever a batch holds.

A model makes a pass for its images, another for its videos, and none for text. Processes that wait for one another in
each block of the tower, or for its gradients, then hang as soon as their batches differ.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch

from demitasse.student.collate import Batch
from demitasse.student.vision import normalise

MEDIA = (("image", "pixel_values", "image_grid_thw"), ("video", "pixel_values_videos", "video_grid_thw"))


def look(core: Any, batch: Batch) -> tuple[dict[str, Any], torch.Tensor]:
    """Show the vision tower all images and videos of a batch at once.

    Args:
        core: the model, without adapters around it.
        batch: of `collate` or `pack`.

    Returns:
        Features as the model's `mm_encoder_outputs`, and a zero that has gone through the tower where there was
        nothing to see: added to the loss, it gives each of the tower's parameters a gradient.
    """
    batch = with_normal_pixels(batch)
    there = [(kind, batch[pixels], batch[grid]) for kind, pixels, grid in MEDIA if pixels in batch]
    if not there:
        return {}, _blank(core)
    pixels, grids = (torch.cat(parts) for parts in zip(*[one[1:] for one in there], strict=True))
    seen = core.model.get_image_features(pixels, grids, return_dict=True)
    outputs, first = {}, 0
    for kind, _, grid in there:
        outputs[kind] = _part(seen, slice(first, first + len(grid)))
        first += len(grid)
    return outputs, torch.zeros((), device=pixels.device)


def with_normal_pixels(batch: Batch) -> Batch:
    """The batch with its pixels as a model takes them; they come as bytes (`make_micro_batch`)."""
    if "pixel_scale" not in batch:
        return batch
    normal = {name: normalise(batch[name], batch["pixel_scale"]) for _, name, _ in MEDIA if name in batch}
    return {name: value for name, value in batch.items() if name != "pixel_scale"} | normal


def _part(seen: Any, which: slice) -> SimpleNamespace:
    """What the model reads of its tower's output, for some of the media."""
    deepstack = getattr(seen, "deepstack_features", None)
    return SimpleNamespace(
        pooler_output=seen.pooler_output[which],
        deepstack_features=deepstack and [level[which] for level in deepstack],
    )


def _blank(core: Any) -> torch.Tensor:
    """Zero, through the tower, of the smallest picture."""
    vision = core.config.vision_config
    side = vision.spatial_merge_size
    weight = next(core.model.visual.parameters())
    pixels = torch.zeros(side * side, 3 * vision.temporal_patch_size * vision.patch_size**2, device=weight.device)
    grid = torch.tensor([[1, side, side]], device=weight.device)
    seen = core.model.get_image_features(pixels, grid, return_dict=True)
    levels = [seen.pooler_output, *(getattr(seen, "deepstack_features", None) or [])]
    return torch.stack([one.sum() for level in levels for one in level]).sum() * 0.0
