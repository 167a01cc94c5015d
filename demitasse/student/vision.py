"""From uint8 frames to the patches that a Qwen-VL vision tower reads, in plain torch.

The arithmetic is that of transformers' Qwen2-VL and Qwen3-VL processors (tests compare them value for value);
doing it here needs no torchvision, and lets frames stay uint8 until they are on the device.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from demitasse.errors import ConfigError, DataError
from demitasse.geometry import smart_resize
from demitasse.student.processor_files import pixel_bounds, processor_json, video_processor_json


@dataclass(frozen=True, slots=True)
class VisionSettings:
    """How frames become patches.

    Attributes:
        patch_size, temporal_patch_size, merge_size: pixels, frames, and patches on a side of a token.
        mean, std: of each colour, of values from 0 to 1.
        min_pixels, max_pixels: of an image, and of a frame of a video for which the next two say nothing else.
        video_min_pixels, video_max_pixels: of a video, as the model's own files have it; None for what a person has
            set, because a budget that a person sets should mean the same for every family.
        fits_whole_videos: Qwen3-VL's rule. The two above count the pixels of all frames together; else of one frame.
    """

    patch_size: int
    temporal_patch_size: int
    merge_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    min_pixels: int
    max_pixels: int
    video_min_pixels: int | None = None
    video_max_pixels: int | None = None
    fits_whole_videos: bool = False

    @property
    def factor(self) -> int:
        """Frame sides are multiples of this many pixels."""
        return self.patch_size * self.merge_size

    def with_bounds(self, min_pixels: int | None, max_pixels: int | None) -> VisionSettings:
        """These settings with other bounds for the pixels of an image or a frame; None keeps the present one.

        Raises:
            ConfigError: if the fewest are more than the most.
        """
        if min_pixels and max_pixels and min_pixels > max_pixels:
            raise ConfigError(f"min_pixels is {min_pixels}, which is more than max_pixels, {max_pixels}")
        changed = self
        if min_pixels:
            changed = replace(changed, min_pixels=min_pixels, video_min_pixels=None)
        if max_pixels:
            changed = replace(changed, max_pixels=max_pixels, video_max_pixels=None)
        return changed

    def fitted(self, count: int, height: int, width: int) -> tuple[int, int]:
        """Height and width to which `count` frames are resized; a single frame is an image.

        Raises:
            DataError: for sides in a proportion of more than 200 to 1.
        """
        if count == 1:
            return smart_resize(height, width, self.factor, self.min_pixels, self.max_pixels)
        if self.fits_whole_videos:
            fewest = self.video_min_pixels or self.min_pixels * count
            most = self.video_max_pixels or self.max_pixels * count
            return fit_video((count, height, width), self.factor, self.temporal_patch_size, (fewest, most))
        fewest = self.video_min_pixels or self.min_pixels
        return smart_resize(height, width, self.factor, fewest, self.video_max_pixels or self.max_pixels)


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
    found, video = processor_json(folder), video_processor_json(folder)
    fewest, most = pixel_bounds(found)
    video_fewest, video_most = pixel_bounds(video)
    kind = video.get("video_processor_type") or video.get("processor_class") or ""
    return VisionSettings(
        patch_size=found["patch_size"],
        temporal_patch_size=found["temporal_patch_size"],
        merge_size=found["merge_size"],
        mean=tuple(found["image_mean"]),
        std=tuple(found["image_std"]),
        min_pixels=fewest,
        max_pixels=most,
        video_min_pixels=video_fewest,
        video_max_pixels=video_most,
        fits_whole_videos=kind.startswith("Qwen3VL"),
    )


def fit_video(
    shape: tuple[int, int, int], factor: int, temporal_factor: int, bounds: tuple[int, int]
) -> tuple[int, int]:
    """Height and width to which Qwen3-VL's processor resizes the frames of a video (transformers 5).

    The bounds count all pixels of the video. An odd last frame counts or not as rounding has it, and half is rounded
    to the even: of five frames four count, of seven eight.

    Args:
        shape: number of frames, height and width.
        factor: sides become multiples of this many pixels.
        temporal_factor: frames in a temporal patch.
        bounds: fewest and most pixels.

    Raises:
        DataError: for sides in a proportion of more than 200 to 1.
    """
    count, height, width = shape
    if min(height, width) < factor:
        grow = max(factor / height, factor / width)
        height, width = int(height * grow), int(width * grow)
    if max(height, width) > 200 * min(height, width):
        raise DataError(f"frames of {shape[2]}×{shape[1]} cannot be resized: one side is over 200 times the other")
    counted = round(count / temporal_factor) * temporal_factor
    rows, columns = round(height / factor) * factor, round(width / factor) * factor
    fewest, most = bounds
    if counted * rows * columns > most:
        shrink = math.sqrt(count * height * width / most)
        rows, columns = (max(factor, math.floor(side / shrink / factor) * factor) for side in (height, width))
    elif counted * rows * columns < fewest:
        grow = math.sqrt(fewest / (count * height * width))
        rows, columns = (math.ceil(side * grow / factor) * factor for side in (height, width))
    return rows, columns


def resize_frames(frames: torch.Tensor, settings: VisionSettings) -> Pixels:
    """Fit uint8 frames [N, H, W, 3] to the settings; an odd last frame is repeated to fill its temporal patch.

    Raises:
        DataError: for sides in a proportion of more than 200 to 1.
    """
    count, height, width = frames.shape[:3]
    pixels = frames.permute(0, 3, 1, 2)
    target = settings.fitted(count, height, width)
    if target != (height, width):
        pixels = torch.nn.functional.interpolate(pixels, size=target, mode="bicubic", antialias=True)
    if missing := -count % settings.temporal_patch_size:
        pixels = torch.cat([pixels, pixels[-1:].expand(missing, -1, -1, -1)])
    patch = settings.patch_size
    grid = (len(pixels) // settings.temporal_patch_size, target[0] // patch, target[1] // patch)
    return Pixels(frames=pixels.contiguous(), grid=grid)


def patchify(pixels: Pixels, settings: VisionSettings, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Normalised patches [t*h*w, 3 * temporal_patch * patch * patch], in the order the vision tower expects.

    With `dtype` uint8 they are not normalised: `normalise` does that later, where it costs least.
    """
    t, h, w = pixels.grid
    patch, merge = settings.patch_size, settings.merge_size
    blocks = pixels.frames.view(t, settings.temporal_patch_size, 3, h // merge, merge, patch, w // merge, merge, patch)
    patches = blocks.permute(0, 3, 6, 4, 7, 2, 1, 5, 8).reshape(t * h * w, -1)
    return patches if dtype == torch.uint8 else normalise(patches, scale_of(settings)).to(dtype)


def scale_of(settings: VisionSettings) -> torch.Tensor:
    """Mean and deviation of each colour, of values from 0 to 255: float32 [2, 3]."""
    # Rescaling is folded in, as transformers does it: the same rounding, to the last bit.
    return torch.tensor([settings.mean, settings.std]) * 255.0


def normalise(patches: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Patches of uint8, whose colours follow one another, as the float32 that the vision tower expects."""
    mean, std = scale[:, :, None]
    colours = patches.view(len(patches), 3, -1).to(torch.float32)
    return ((colours - mean) / std).view(len(patches), -1)
