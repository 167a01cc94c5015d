"""What a student is shown: an item's frames, from the cache, by one policy for training and asking.

`blank` shows as many black frames instead, a control that keeps everything but the seeing; `none` shows nothing, and
the prompt is text alone. An item may say by itself what is to be seen of its medium, in its extra field
`shown_frames`: the sampled frames nearest to these seconds, or nothing at all if there are none.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from demitasse.dataset import Item
from demitasse.dataset.grounding import UNITS
from demitasse.dataset.shown_frames import shown_frames
from demitasse.errors import DataError
from demitasse.media.cache import FrameCache
from demitasse.media.images import read_image
from demitasse.media.sample import SamplingPolicy
from demitasse.student.encode import Clip, see
from demitasse.student.modes import Frames
from demitasse.student.vision import Pixels, VisionSettings

STYLE_FACTOR = 28  # sides that qwen2_5_vl_px counts in are multiples of Qwen2.5-VL's patch of 14 times its merge of 2
KEPT_CLIPS = 4096  # decoded clips kept in memory; the questions of one video lie close together


@dataclass(frozen=True, slots=True)
class SightSettings:
    """How a video becomes frames. The same in training and in asking, or times would mean something else."""

    policy: SamplingPolicy
    max_pixels: int | None = None
    frames: Frames = "video"


class Sight:
    """Shows an item's medium as a `Clip`."""

    def __init__(self, settings: SightSettings, cache: FrameCache, vision: VisionSettings) -> None:
        self.settings = settings
        self._cache = cache
        self._vision = vision
        self._kept: OrderedDict[Path, Clip] = OrderedDict()

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
        whole = self._whole(item, path)
        return whole if seconds is None else only(whole, seconds, self._vision)

    def _whole(self, item: Item, path: Path) -> Clip:
        if path not in self._kept:
            self._kept[path] = self._read(item, path)
            if len(self._kept) > KEPT_CLIPS:
                self._kept.popitem(last=False)
        _check_boxes(item, self._kept[path], self._vision.factor)
        return self._kept[path]

    def _read(self, item: Item, path: Path) -> Clip:
        if item.video_id is None:
            pixels, times = read_image(path)[None], np.zeros(1)
        else:
            found = self._cache.frames(path, self.settings.policy, self.settings.max_pixels)
            pixels, times = found.pixels, found.times
        return see(np.zeros_like(pixels) if self.settings.frames == "blank" else pixels, times, self._vision)


def only(clip: Clip, seconds: list[float], vision: VisionSettings) -> Clip:
    """The clip's frames nearest to the given seconds, each once and in order of time, each in a patch of its own.

    A family that is told one distance between patches (Qwen2.5-VL) is told their mean.
    """
    places = sorted({int(np.abs(clip.times - second).argmin()) for second in seconds})
    frames = clip.pixels.frames[torch.tensor(places)].repeat_interleave(vision.temporal_patch_size, dim=0)
    return Clip(Pixels(frames, (len(places), *clip.pixels.grid[1:])), clip.times[places], stills=True)


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
