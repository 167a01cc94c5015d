"""When to look: the one policy by which frames are picked from a video.

A video of `duration` seconds is cut into n equal segments and each is seen at its middle, so the samples are
even, deterministic, and never fall on the very start or end. n follows from the policy alone:

    n = duration * fps, rounded to the nearest multiple of `frame_multiple` (halves go up),
        not below `min_frames` (itself rounded up to a multiple)
        nor above `max_frames` (itself rounded down to a multiple).

A video with fewer frames than n shows some of them more than once; the true times tell. Rounding to two
frames serves the Qwen-VL families, whose temporal patch is two frames. Their own samplers differ from one
library to the next (linspace, arange, floor), which is why the sampled times are kept with the pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demitasse.errors import ConfigError


@dataclass(frozen=True, slots=True)
class SamplingPolicy:
    """How many frames to take from a video; `sample_times` says which.

    Attributes:
        fps: frames per second of video, as long as the limits allow it.
        max_frames: most frames per video.
        min_frames: fewest frames per video (Qwen-VL's processors use 4).
        frame_multiple: the number of frames is a multiple of this.

    Raises:
        ConfigError: a value is out of range, or no multiple lies between the limits.
    """

    fps: float = 2.0
    max_frames: int = 768
    min_frames: int = 4
    frame_multiple: int = 2

    def __post_init__(self) -> None:
        if not (math.isfinite(self.fps) and self.fps > 0):
            raise ConfigError(f"fps is {self.fps}; it must be above 0")
        if self.frame_multiple < 1:
            raise ConfigError(f"frame_multiple is {self.frame_multiple}; it must be 1 or more")
        if self.min_frames < 1:
            raise ConfigError(f"min_frames is {self.min_frames}; it must be 1 or more")
        if self.fewest > self.most:
            raise ConfigError(
                f"no multiple of frame_multiple={self.frame_multiple} lies between "
                f"min_frames={self.min_frames} and max_frames={self.max_frames}; widen the limits"
            )

    @property
    def fewest(self) -> int:
        """`min_frames` rounded up to a multiple."""
        return -(-self.min_frames // self.frame_multiple) * self.frame_multiple

    @property
    def most(self) -> int:
        """`max_frames` rounded down to a multiple."""
        return self.max_frames // self.frame_multiple * self.frame_multiple

    def frame_count(self, duration: float) -> int:
        """Number of frames for a video of `duration` seconds (above 0)."""
        if not (math.isfinite(duration) and duration > 0):
            raise ValueError(f"duration is {duration}; it must be above 0 seconds")
        # A hair on top, so that 10.1 s at 10 fps is not 100.99999 frames.
        nearest = math.floor(duration * self.fps / self.frame_multiple + 0.5 + 1e-9) * self.frame_multiple
        return min(max(nearest, self.fewest), self.most)


@dataclass(frozen=True, slots=True)
class VideoBudget:
    """Most pixels of all frames of a video together, which lowers the bound of each.

    Attributes:
        pixels: of all frames together.
        at_least: no frame is made smaller than this many pixels for it; a video of very many frames passes the budget.

    Raises:
        ConfigError: a value is below 1.
    """

    pixels: int
    at_least: int = 1

    def __post_init__(self) -> None:
        if self.pixels < 1 or self.at_least < 1:
            raise ConfigError(
                f"a video's budget is {self.pixels} pixels, {self.at_least} a frame; both must be above 0"
            )


def frame_bound(frames: int, max_pixels: int | None, budget: VideoBudget | None) -> int | None:
    """Most pixels of each of a video's `frames` frames; None where nothing bounds them.

    It is min(max_pixels, budget / frames), and not below what the budget leaves each frame at least.
    """
    if budget is None:
        return max_pixels
    shared = max(budget.pixels // frames, budget.at_least)
    return shared if max_pixels is None else min(max_pixels, shared)


def sample_times(duration: float, policy: SamplingPolicy) -> NDArray[np.float64]:
    """Times to look at a video.

    Args:
        duration: seconds, above 0.
        policy: decides how many.

    Returns:
        float64[n], ascending seconds from the first frame, strictly between 0 and `duration`.
    """
    count = policy.frame_count(duration)
    return (np.arange(count, dtype=np.float64) + 0.5) * (duration / count)
