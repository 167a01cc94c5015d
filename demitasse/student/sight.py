"""What a student is shown: an item's frames, from the cache, by one policy for training and asking.

`blank` shows as many black frames instead: a control that keeps everything but the seeing.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from demitasse.dataset import Item
from demitasse.media.cache import FrameCache
from demitasse.media.images import read_image
from demitasse.media.sample import SamplingPolicy
from demitasse.student.encode import Clip, see
from demitasse.student.vision import VisionSettings

KEPT_CLIPS = 4096  # decoded clips kept in memory; the questions of one video lie close together


@dataclass(frozen=True, slots=True)
class SightSettings:
    """How a video becomes frames. The same in training and in asking, or times would mean something else."""

    policy: SamplingPolicy
    max_pixels: int | None = None
    blank: bool = False


class Sight:
    """Shows an item's medium as a `Clip`."""

    def __init__(self, settings: SightSettings, cache: FrameCache, vision: VisionSettings) -> None:
        self.settings = settings
        self._cache = cache
        self._vision = vision
        self._kept: OrderedDict[Path, Clip] = OrderedDict()

    def show(self, item: Item, path: Path) -> Clip:
        """The item's clip.

        Raises:
            MediaError: if the file cannot be read.
        """
        if path not in self._kept:
            self._kept[path] = self._read(item, path)
            if len(self._kept) > KEPT_CLIPS:
                self._kept.popitem(last=False)
        return self._kept[path]

    def _read(self, item: Item, path: Path) -> Clip:
        if item.video_id is None:
            pixels, times = read_image(path)[None], np.zeros(1)
        else:
            found = self._cache.frames(path, self.settings.policy, self.settings.max_pixels)
            pixels, times = found.pixels, found.times
        return see(np.zeros_like(pixels) if self.settings.blank else pixels, times, self._vision)
