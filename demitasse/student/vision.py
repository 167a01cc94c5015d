"""From uint8 frames to the patches that a Qwen-VL vision tower reads, in plain torch.

The arithmetic is that of transformers' Qwen2-VL and Qwen3-VL processors (tests compare them value for value);
doing it here needs no torchvision, and lets frames stay uint8 until they are on the device.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from demitasse.geometry import smart_resize
from demitasse.student.processor_files import pixel_bounds, processor_json


@dataclass(frozen=True, slots=True)
class VisionSettings:
    """How frames become patches. Pixel bounds are for one frame.

    Qwen3-VL's own files count pixels over the whole video; `read_vision_settings` leaves those bounds alone and
    takes ours from the configuration, because a budget a person sets should mean the same for every family.
    """

    patch_size: int
    temporal_patch_size: int
    merge_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    min_pixels: int
    max_pixels: int

    @property
    def factor(self) -> int:
        """Frame sides are multiples of this many pixels."""
        return self.patch_size * self.merge_size

    def with_bounds(self, min_pixels: int | None, max_pixels: int | None) -> VisionSettings:
        """These settings with other bounds for one frame's pixels; None keeps the present one."""
        return replace(self, min_pixels=min_pixels or self.min_pixels, max_pixels=max_pixels or self.max_pixels)


@dataclass(frozen=True, slots=True)
class Pixels:
    """Resized frames of one video or image: uint8 [N, 3, h, w], N a multiple of the temporal patch.

    `grid` is (t, h, w) in patches, as the model's `video_grid_thw` wants it.
    """

    frames: torch.Tensor
    grid: tuple[int, int, int]


def read_vision_settings(folder: Path) -> VisionSettings:
    """Read patch sizes and normalisation from a saved model's processor files.

    Raises:
        ConfigError: if the folder holds none of the processor files.
    """
    found = processor_json(folder)
    fewest, most = pixel_bounds(found)
    return VisionSettings(
        patch_size=found["patch_size"],
        temporal_patch_size=found["temporal_patch_size"],
        merge_size=found["merge_size"],
        mean=tuple(found["image_mean"]),
        std=tuple(found["image_std"]),
        min_pixels=fewest,
        max_pixels=most,
    )


def resize_frames(frames: torch.Tensor, settings: VisionSettings) -> Pixels:
    """Fit uint8 frames [N, H, W, 3] to the settings; an odd last frame is repeated to fill its temporal patch.

    Raises:
        DataError: for sides in a proportion of more than 200 to 1.
    """
    count, height, width = frames.shape[:3]
    pixels = frames.permute(0, 3, 1, 2)
    target = smart_resize(height, width, settings.factor, settings.min_pixels, settings.max_pixels)
    if target != (height, width):
        pixels = torch.nn.functional.interpolate(pixels, size=target, mode="bicubic", antialias=True)
    if missing := -count % settings.temporal_patch_size:
        pixels = torch.cat([pixels, pixels[-1:].expand(missing, -1, -1, -1)])
    patch = settings.patch_size
    grid = (len(pixels) // settings.temporal_patch_size, target[0] // patch, target[1] // patch)
    return Pixels(frames=pixels.contiguous(), grid=grid)


def patchify(pixels: Pixels, settings: VisionSettings, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Normalised patches [t*h*w, 3 * temporal_patch * patch * patch], in the order the vision tower expects."""
    scale = 1 / 255
    mean = torch.tensor(settings.mean, device=pixels.frames.device).view(3, 1, 1)
    std = torch.tensor(settings.std, device=pixels.frames.device).view(3, 1, 1)
    # Rescaling folded into mean and deviation, as transformers does it: the same rounding.
    values = (pixels.frames.to(torch.float32) - mean / scale) / (std / scale)
    t, h, w = pixels.grid
    patch, merge = settings.patch_size, settings.merge_size
    blocks = values.view(t, settings.temporal_patch_size, 3, h // merge, merge, patch, w // merge, merge, patch)
    ordered = blocks.permute(0, 3, 6, 4, 7, 2, 1, 5, 8)
    return ordered.reshape(t * h * w, -1).to(dtype)
