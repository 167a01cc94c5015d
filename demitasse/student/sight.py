"""What a student is shown: an item's frames, from the cache, by one policy for training and asking.

`first` shows the first of the frames alone, a video of one frame; `blank` shows as many black frames instead, a control
that keeps everything but the seeing; `none` shows nothing, and the prompt is text alone. `shuffled` shows what it is
given: another video, which whoever asks has chosen. An item may say by itself what is to be seen of its medium, in its
extra field `shown_frames`: the sampled frames nearest to these seconds, or nothing at all if there are none.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from demitasse.dataset import Item
from demitasse.dataset.grounding import UNITS
from demitasse.dataset.shown_frames import shown_frames
from demitasse.errors import ConfigError, DataError
from demitasse.media.cache import FrameCache, Outline
from demitasse.media.images import image_size, read_image
from demitasse.media.sample import SamplingPolicy, VideoBudget, frame_bound
from demitasse.student.encode import Clip
from demitasse.student.modes import Frames
from demitasse.student.vision import Pixels, VisionSettings, resize_frames

STYLE_FACTOR = 28  # sides that qwen2_5_vl_px counts in are multiples of Qwen2.5-VL's patch of 14 times its merge of 2
KEPT_BYTES = 2**28  # of fitted clips in memory, in each process that reads


@dataclass(frozen=True, slots=True)
class SightSettings:
    """How a video becomes frames. The same in training and in asking, or times would mean something else.

    Attributes:
        policy: which frames.
        max_pixels: most pixels of a decoded frame.
        frames: what is shown of them.
        video_pixels: most pixels of all frames of one video together; no frame is made smaller than the model's least.
    """

    policy: SamplingPolicy
    max_pixels: int | None = None
    frames: Frames = "video"
    video_pixels: int | None = None


class Sight:
    """Shows an item's medium as a `Clip`.

    Raises:
        ConfigError: for a budget of a video's pixels that no video could keep to.
    """

    def __init__(self, settings: SightSettings, cache: FrameCache, vision: VisionSettings) -> None:
        self.settings = settings
        self.cache = cache
        self._vision = vision
        self.budget = _budget(settings, vision) if settings.video_pixels else None
        self._kept: OrderedDict[tuple[Path, bool], Clip] = OrderedDict()
        self._kept_bytes = 0
        self._outlines: dict[tuple[Path, bool], Clip] = {}  # without pixels

    def show(self, item: Item, path: Path) -> Clip | None:
        """The item's clip; None where nothing of it is to be seen, and then its file need not be there.

        Raises:
            MediaError: if the file cannot be read.
            DataError: if the item's boxes count in pixels of another size than the item is shown in, or its
                `shown_frames` are no seconds.
        """
        seconds = shown_frames(item)
        if self.settings.frames == "none" or seconds == []:
            return None
        return self._chosen(self._whole(item, path), seconds)

    def outline(self, item: Item, path: Path) -> Clip | None:
        """The clip that `show` would give, with pixels that have a shape and no values, on torch's meta device.

        Nothing is decoded. One place says of both what the student sees, so neither can count other tokens.

        Raises:
            MediaError, DataError: as `show`, for what can be told without decoding.
        """
        seconds = shown_frames(item)
        if self.settings.frames == "none" or seconds == []:
            return None
        key = _key(item, path)
        if key not in self._outlines:
            self._outlines[key] = self._fitted(item, *self._unseen(item, path))
        whole = self._outlines[key]
        _check_boxes(item, whole, self._vision.factor)
        return self._chosen(whole, seconds)

    def cached(self, path: Path) -> Outline:
        """What a video takes in the frame cache, and whether it lies there.

        Raises:
            MediaError: if the file cannot be read.
        """
        return self.cache.outline(path, self.settings.policy, self.settings.max_pixels, self.budget)

    def _chosen(self, whole: Clip, seconds: list[float] | None) -> Clip:
        clip = whole if seconds is None else only(whole, seconds, self._vision)
        return first(clip, self._vision) if self.settings.frames == "first" else clip

    def _whole(self, item: Item, path: Path) -> Clip:
        key = _key(item, path)
        clip = self._kept.get(key)
        if clip is None:
            clip = self._kept[key] = self._fitted(item, *self._read(item, path))
            self._kept_bytes += clip.pixels.frames.nbytes
        self._kept.move_to_end(key)
        while self._kept_bytes > KEPT_BYTES and len(self._kept) > 1:
            self._kept_bytes -= self._kept.popitem(last=False)[1].pixels.frames.nbytes
        _check_boxes(item, clip, self._vision.factor)
        return clip

    def _fitted(self, item: Item, frames: torch.Tensor, times: NDArray[np.float64]) -> Clip:
        """The clip of uint8 frames [N, H, W, 3]; its share of a video's budget bounds each of them."""
        if item.video_id is None or self.budget is None:
            return Clip(resize_frames(frames, self._vision), times)
        bound = frame_bound(len(times), self._vision.max_pixels, self.budget)
        return Clip(resize_frames(frames, self._vision.with_bounds(None, bound)), times)

    def _read(self, item: Item, path: Path) -> tuple[torch.Tensor, NDArray[np.float64]]:
        if item.video_id is None:
            pixels, times = read_image(path)[None], np.zeros(1)
        else:
            found = self.cache.frames(path, self.settings.policy, self.settings.max_pixels, self.budget)
            pixels, times = found.pixels, found.times
        blank = self.settings.frames == "blank"
        return torch.from_numpy(np.zeros_like(pixels) if blank else np.array(pixels)), times

    def _unseen(self, item: Item, path: Path) -> tuple[torch.Tensor, NDArray[np.float64]]:
        if item.video_id is None:
            (width, height), times = image_size(path), np.zeros(1)
        else:
            found = self.cached(path)
            width, height, times = found.width, found.height, found.times
        return torch.empty((len(times), height, width, 3), dtype=torch.uint8, device="meta"), times


def _key(item: Item, path: Path) -> tuple[Path, bool]:
    """One file may be named as a video here and as a picture there, and is seen otherwise."""
    return path, item.video_id is not None


def _budget(settings: SightSettings, vision: VisionSettings) -> VideoBudget:
    budget = VideoBudget(settings.video_pixels or 0, _least(vision))
    frame = max(budget.at_least, vision.factor**2)  # a token is as small as a frame can be
    fewest = settings.policy.min_frames * frame
    if budget.pixels < fewest:
        raise ConfigError(
            f"video_pixels is {budget.pixels}, but a video has at least {settings.policy.min_frames} frames "
            f"(min_frames), and this model sees none in fewer than {frame} pixels: give at least {fewest}, or lower "
            "min_frames or min_pixels"
        )
    return budget


def _least(vision: VisionSettings) -> int:
    """Fewest pixels of a video's frame, whatever its budget; where the model bounds whole videos, it sees to that."""
    if vision.video_min_pixels is None:
        return vision.min_pixels
    return 1 if vision.fits_whole_videos else vision.video_min_pixels


def only(clip: Clip, seconds: list[float], vision: VisionSettings) -> Clip:
    """The clip's frames nearest to the given seconds, each once and in order of time, each in a patch of its own.

    A family that is told one distance between patches (Qwen2.5-VL) is told their mean.
    """
    places = sorted({int(np.abs(clip.times - second).argmin()) for second in seconds})
    frames = clip.pixels.frames[torch.tensor(places)].repeat_interleave(vision.temporal_patch_size, dim=0)
    return Clip(Pixels(frames, (len(places), *clip.pixels.grid[1:])), clip.times[places], stills=True)


def first(clip: Clip, vision: VisionSettings) -> Clip:
    """The clip's first frame, as large as among the others; it fills its temporal patch, as an odd last one does."""
    frames = clip.pixels.frames[:1].repeat_interleave(vision.temporal_patch_size, dim=0)
    return Clip(Pixels(frames, (1, *clip.pixels.grid[1:])), clip.times[:1], clip.stills)


def _check_boxes(item: Item, clip: Clip, factor: int) -> None:
    """Pixels of the resized image mean one thing at one size: under other bounds every box would be silently wrong."""
    declared = item.extra.get(UNITS)
    if not isinstance(declared, dict) or declared.get("style") != "qwen2_5_vl_px":
        return
    height, width = clip.pixels.frames.shape[-2:]
    if declared.get("size") != [width, height]:
        remedy = (
            "train and ask it with the min_pixels and max_pixels that the items were written for"
            if factor == STYLE_FACTOR
            else f"its sides are multiples of {factor}, and the style's of {STYLE_FACTOR}: write them as qwen_1000"
        )
        raise DataError(
            f"{item.media_id}: its boxes count in pixels of {declared.get('size')} (width, height), and this student "
            f"is shown [{width}, {height}]; {remedy} (`demitasse data convert --boxes`)"
        )
