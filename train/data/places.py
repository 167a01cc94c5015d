"""Where in a batch's rows targets and vision tokens stand, and what was seen: told by the host, which has it at hand.

A device that has to look for them (a mask as an index, `tolist`) makes the host wait until all work before it is done.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from demitasse.student.collate import Batch
from demitasse.student.encode import IGNORE, Encoded


def places_of(batch: Batch, items: Sequence[Encoded]) -> Batch:
    """What the loss needs to know of a batch besides its tensors.

    Args:
        batch: of `collate`, padded on the right, or of `pack`.
        items: what was collated, in order.

    Returns:
        `target_places` int64 [labels] and `vision_places` int64 [vision tokens]: places in the rows laid end to end,
        of the tokens that precede a label, and of the tokens that the tower's output replaces, images first. `grids`:
        (t, h, w) in patches of each image, then of each video.
    """
    length = batch["input_ids"].shape[1]
    rows, columns = np.nonzero(batch["labels"].numpy()[:, 1:] != IGNORE)
    sizes = [len(item.input_ids) for item in items]
    starts = np.cumsum([0, *sizes[:-1]]) if "samples" in batch else np.arange(len(items)) * length
    # Images before videos, as the tower is shown them.
    seen = sorted(zip(starts, items, strict=True), key=lambda one: one[1].is_video)
    shown = [(start, item, item.pixels) for start, item in seen if item.pixels is not None]
    tokens = [start + np.flatnonzero(item.token_types) for start, item, _ in shown]
    return {
        "target_places": torch.from_numpy(rows * length + columns),
        "vision_places": torch.from_numpy(np.concatenate([np.zeros(0, dtype=np.int64), *tokens])),
        "grids": tuple(pixels.grid for _, _, pixels in shown),
    }
