"""What decode workers do with a video: measure it, choose its frames, and make the pictures that requests show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from annotate.referring.reading import Sending
from demitasse.chat.attach import JPEG_QUALITY
from demitasse.chat.model import Image
from demitasse.engine.step import Fields
from demitasse.errors import MediaError
from demitasse.media.frames import read_frames
from demitasse.media.images import encode_jpeg
from demitasse.media.probe import Timeline, content_hash, inspect
from demitasse.media.sample import SamplingPolicy, sample_times

AT_ONCE = 32  # frames that are held as pixels: 32 of 640 by 480 take 30 MB
QUALITIES = (JPEG_QUALITY, 75, 60)  # the first that the endpoint's limit allows


def measure(path: str, policy: SamplingPolicy) -> Fields:
    """Length, size, rate and content hash of a video, and the frames that are looked at.

    `sampled` holds each of them once, as its number in the file, counted from 0 in order of presentation, and its true
    time in seconds: a video with fewer frames than the policy asks for is seen whole.

    Raises:
        MediaError: if it cannot be read.
    """
    timeline = inspect(path)
    return measured(path, timeline, np.unique(timeline.shown(sample_times(timeline.info.duration, policy))))


def measured(path: str, timeline: Timeline, numbers: Iterable[int]) -> Fields:
    """What `measure` tells of a video and its frames with these numbers."""
    info = timeline.info
    return {
        "video_length": info.duration,
        "width": info.width,
        "height": info.height,
        "fps": info.fps,
        "frame_count": info.frame_count,
        "sha256": content_hash(path),
        "sampled": [{"frame": int(number), "time": timeline.seconds(int(timeline.pts[number]))} for number in numbers],
    }


def show(path: str, times: Sequence[float], sending: Sending) -> tuple[Image, ...]:
    """The frames at these times as they are sent, each with its time.

    Raises:
        MediaError: if the video cannot be read, or a frame is too large for the endpoint in any quality.
    """
    return tuple(_pictures(path, times, sending))


def _pictures(path: str, times: Sequence[float], sending: Sending) -> Iterator[Image]:
    timeline = inspect(path)
    size = sending.size(timeline.info.width, timeline.info.height)
    for start in range(0, len(times), AT_ONCE):
        some = times[start : start + AT_ONCE]
        frames = read_frames(timeline, some, max_pixels=size[0] * size[1])
        for pixels, time in zip(frames.pixels, some, strict=True):
            yield Image(_encoded(path, _resized(pixels, size), sending.max_bytes), "image/jpeg", round(time, 3))


def _resized(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """uint8 [H, W, 3] of exactly this width and height; boxes of some models count in these pixels."""
    if pixels.shape[1::-1] == size:
        return pixels
    from PIL import Image as Picture

    return np.asarray(Picture.fromarray(pixels).resize(size, Picture.Resampling.BICUBIC))


def _encoded(path: str, pixels: NDArray[np.uint8], most: int) -> bytes:
    for quality in QUALITIES:
        data = encode_jpeg(pixels, quality)
        if len(data) <= most:
            return data
    raise MediaError(Path(path), "a frame is too large for the endpoint: lower frames.max_pixels")
