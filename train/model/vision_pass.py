"""The vision tower's one pass in every forward pass, whatever a batch holds, and its way into the language model.

A model makes a pass for its images, another for its videos, and none for text. Processes that wait for one another in
each block of the tower, or for its gradients, then hang as soon as their batches differ. And it looks on the device for
the tokens that are seen, several times over, for which the host waits each time; here their places are known.
"""

from __future__ import annotations

from typing import Any

import torch

from demitasse.student.collate import Batch
from demitasse.student.vision import normalise
from train.model.quick_vision import layout

MEDIA = (("image", "pixel_values", "image_grid_thw"), ("video", "pixel_values_videos", "video_grid_thw"))


def look(core: Any, batch: Batch) -> list[torch.Tensor]:
    """Show the vision tower all images and videos of a batch at once.

    Args:
        core: the model, without adapters around it.
        batch: of `make_micro_batch`.

    Returns:
        What takes the place of the vision tokens [V, hidden], and what later layers add to them, each [V, hidden].
        Where there is nothing to see V is 0, and yet the tower was passed: each of its parameters gets a gradient.
    """
    tower = core.model.visual
    batch = with_normal_pixels(batch)
    there = [batch[name] for _, name, _ in MEDIA if name in batch]
    pixels, grids = (torch.cat(there), batch["grids"]) if there else _smallest(tower)
    grid = torch.tensor(grids)
    known = layout(tower, grid, pixels.device)
    on_device = grid.to(pixels.device, non_blocking=True)
    seen = tower(pixels.type(tower.dtype), grid_thw=on_device, return_dict=True, **known)
    levels = [seen.pooler_output, *(getattr(seen, "deepstack_features", None) or [])]
    return [level[: len(batch["vision_places"])] for level in levels]


def language_inputs(core: Any, batch: Batch, seen: list[torch.Tensor]) -> dict[str, Any]:
    """Arguments of the language model (not of its attention): what it reads, with what is seen in its places.

    Args:
        core: the model, without adapters around it.
        batch: of `make_micro_batch`.
        seen: of `look`.
    """
    features, *levels = seen
    words = core.get_input_embeddings()(batch["input_ids"])
    places = batch["vision_places"]
    read = words.flatten(0, 1).index_copy(0, places, features.to(words.dtype)).view_as(words)
    inputs = {"inputs_embeds": read, "position_ids": batch["position_ids"], "attention_mask": batch["attention_mask"]}
    if levels:
        inputs |= {"visual_pos_masks": places, "deepstack_visual_embeds": levels}  # as `quicken` takes them
    if getattr(core.config.get_text_config(), "ple_layer_ids", None):
        inputs["ple_input_ids"] = batch["input_ids"]
    return inputs


def with_normal_pixels(batch: Batch) -> Batch:
    """The batch with its pixels as a model takes them; they come as bytes (`make_micro_batch`)."""
    if "pixel_scale" not in batch:
        return batch
    normal = {name: normalise(batch[name], batch["pixel_scale"]) for _, name, _ in MEDIA if name in batch}
    return {name: value for name, value in batch.items() if name != "pixel_scale"} | normal


def _smallest(tower: Any) -> tuple[torch.Tensor, tuple[tuple[int, int, int], ...]]:
    """The pixels and the grid of the smallest picture."""
    vision, weight = tower.config, next(tower.parameters())
    side = vision.spatial_merge_size
    width = 3 * vision.temporal_patch_size * vision.patch_size**2
    return torch.zeros(side * side, width, device=weight.device), ((1, side, side),)
