"""The loss: cross-entropy summed over the target's tokens, divided by how many there are in the whole step.

Dividing once, by the count over all micro-batches and processes, makes a step's gradient independent of how
its items are split up; averages of micro-batch averages weight short answers more (transformers#37766).
Logits are computed for target rows only: in a video item they are a small part, and the vocabulary is large.
"""

from __future__ import annotations

from typing import Any

import torch

from demitasse.student.collate import Batch
from demitasse.student.encode import IGNORE

FLOAT = torch.float32


class SummedLoss(torch.nn.Module):
    """A student whose forward pass is the summed loss of a batch; the module that is wrapped for several processes."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self._sees = any(p.requires_grad for name, p in model.named_parameters() if ".visual." in name)

    def forward(self, batch: Batch) -> torch.Tensor:
        """Sum of the cross-entropies (float32, scalar) of the labelled tokens of a collated batch."""
        core = self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model
        inputs = {name: value for name, value in batch.items() if name != "labels"}
        # use_cache is passed in each call: only so is it off in the nested text model as well.
        hidden = core.model(**inputs, use_cache=False).last_hidden_state
        wanted = batch["labels"][:, 1:] != IGNORE
        logits = core.lm_head(hidden[:, :-1][wanted])
        labels = batch["labels"][:, 1:][wanted]
        loss = torch.nn.functional.cross_entropy(logits.to(FLOAT), labels, reduction="sum")
        if self._sees and not any(name in batch for name in ("pixel_values", "pixel_values_videos")):
            loss = loss + self._unseen(core)
        return loss

    def _unseen(self, core: Any) -> torch.Tensor:
        """Zero, through the vision tower: processes that wait for its gradients would hang on a text-only batch."""
        vision = core.config.vision_config
        merge = vision.spatial_merge_size
        width = 3 * vision.temporal_patch_size * vision.patch_size**2
        weight = next(core.model.visual.parameters())
        patches = torch.zeros(merge * merge, width, dtype=weight.dtype, device=weight.device)
        grid = torch.tensor([[1, merge, merge]], device=weight.device)
        seen = core.model.visual(patches, grid_thw=grid)
        return sum((part.sum() for part in _tensors(seen)), torch.zeros((), device=weight.device)) * 0.0


def _tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        return [tensor for part in value.values() for tensor in _tensors(part)]
    return [tensor for part in value for tensor in _tensors(part)] if isinstance(value, (list, tuple)) else []


def label_count(batch: Batch) -> int:
    """How many tokens of a collated batch the loss counts (the first of a row can never be predicted)."""
    return int((batch["labels"][:, 1:] != IGNORE).sum())
