"""Encoded sequences to one batch of the model's own arguments: padded rows, or one row without padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from demitasse.errors import ConfigError
from demitasse.student.encode import IGNORE, Encoded
from demitasse.student.family import Family
from demitasse.student.vision import VisionSettings, patchify, scale_of

Batch = dict[str, Any]


def collate(
    items: Sequence[Encoded],
    vision: VisionSettings,
    pad_id: int,
    side: str = "right",
    dtype: torch.dtype = torch.float32,
) -> Batch:
    """Pad on one side and stack: `input_ids`, `labels`, `attention_mask`, `mm_token_type_ids` [B, L],
    `position_ids` [3, B, L], and the pixels of all items in order.

    Training pads right; generation must pad left, or the first new token would follow padding.
    """
    length = max(len(item.input_ids) for item in items)

    def stack(rows: Sequence[NDArray[np.int64]], fill: int) -> torch.Tensor:
        padded = np.full((len(rows), *rows[0].shape[:-1], length), fill, dtype=np.int64)
        for place, row in zip(padded, rows, strict=True):
            size = row.shape[-1]
            place[..., slice(0, size) if side == "right" else slice(length - size, length)] = row
        return torch.from_numpy(padded)

    batch: Batch = {
        "input_ids": stack([item.input_ids for item in items], pad_id),
        "labels": stack([item.labels for item in items], IGNORE),
        "attention_mask": stack([np.ones_like(item.input_ids) for item in items], 0),
        "mm_token_type_ids": stack([item.token_types for item in items], 0),
        "position_ids": stack([item.positions for item in items], 0).permute(1, 0, 2),
    }
    batch.update(_media(items, vision, dtype))
    return batch


def check_packs(family: Family) -> None:
    """Refuse packing for a family whose samples would see their neighbours in a row.

    Raises:
        ConfigError: if the family does not pack.
    """
    if not family.packs:
        raise ConfigError(
            f"a {family.name} model cannot learn packed rows: its linear attention carries what it read of one sample "
            "into the next, whatever the positions say; set optim.pack=false"
        )


def pack(items: Sequence[Encoded], vision: VisionSettings, dtype: torch.dtype = torch.float32) -> Batch:
    """Lay items end to end in one row: `input_ids`, `labels` [1, L], `position_ids` [4, 1, L], the pixels of all, and
    `samples`, the length of each, for an attention that goes by it.

    The first row of `position_ids` counts the tokens of each sample from 0, which tells transformers where one ends,
    so that attention stays inside it; this needs that there is no mask and no cache, and holds for "sdpa" and
    "flash_attention_2" alike. The other three are M-RoPE positions, which each sample too counts from 0. The first
    token of a sample is no target: the last one of its neighbour would learn it.

    Only for families that pack (`check_packs`).
    """
    labels = [np.where(np.arange(len(item.labels)) == 0, IGNORE, item.labels) for item in items]
    positions = [np.vstack([np.arange(len(item.input_ids)), item.positions]) for item in items]
    batch: Batch = {
        "input_ids": torch.from_numpy(np.concatenate([item.input_ids for item in items]))[None],
        "labels": torch.from_numpy(np.concatenate(labels))[None],
        "attention_mask": None,
        "position_ids": torch.from_numpy(np.concatenate(positions, axis=1))[:, None],
        "samples": [len(item.input_ids) for item in items],
    }
    batch.update(_media(items, vision, dtype))
    return batch


def _media(items: Sequence[Encoded], vision: VisionSettings, dtype: torch.dtype) -> Batch:
    batch: Batch = {}
    for is_video, pixels_key, grid_key in (
        (True, "pixel_values_videos", "video_grid_thw"),
        (False, "pixel_values", "image_grid_thw"),
    ):
        seen = [item for item in items if item.pixels is not None and item.is_video == is_video]
        if not seen:
            continue
        pixels = [item.pixels for item in seen if item.pixels is not None]
        batch[pixels_key] = torch.cat([patchify(one, vision, dtype) for one in pixels])
        if dtype == torch.uint8:
            batch["pixel_scale"] = scale_of(vision)
        batch[grid_key] = torch.tensor([one.grid for one in pixels], dtype=torch.int64)
        seconds = [item.seconds_per_patch for item in seen if item.seconds_per_patch is not None]
        if is_video and seconds:
            batch["second_per_grid_ts"] = torch.tensor(seconds)
    return batch
