"""decord behind the reader interface, for the plain H.264 files that it reads right.

decord 0.6 carries an FFmpeg of 2021. It ignores edit lists (hidden frames come back as if they were shown) and
pixel aspect, garbles the times of AVI, and fails on AV1 and transport streams. So it is asked only for plain
files, and every frame's time is compared with the packets' before its pixels are believed. Anything else is
refused with a reason, and never read by another reader unasked: the cache and the results name their reader.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import decord
import numpy as np
from numpy.typing import NDArray

from demitasse.errors import MediaError
from demitasse.media.probe import Timeline, VideoInfo

CONTAINERS = ("mov", "matroska")
# decord keeps times as float32 seconds and rounds down to Matroska's millisecond.
TIME_SECONDS = 0.0015
BATCH = 32  # frames fetched at once: few enough to bound memory


def decord_can_read(info: VideoInfo) -> bool:
    """Whether decord gives the same frames as PyAV: H.264 in MP4, MOV or Matroska, shown just as it is stored."""
    as_stored = info.rotation == 0 and not info.mirrored and info.square_pixels and not info.edit_list
    return info.codec == "h264" and info.container in CONTAINERS and as_stored


def version() -> str:
    """decord's version; its FFmpeg is inside."""
    return f"decord {decord.__version__}"


def shown_at(
    timeline: Timeline, times: NDArray[np.float64], size: tuple[int, int]
) -> Iterator[tuple[NDArray[np.uint8], float]]:
    """For each of the ascending `times`, the frame on the screen and its true time (see `frames.Reader`).

    Raises:
        MediaError: "not for decord" (see `decord_can_read`), "decord disagrees on times", "decord failed".
    """
    path = timeline.info.path
    if not decord_can_read(timeline.info):
        raise MediaError(path, "not for decord")
    indices = timeline.shown(times)
    seconds = np.asarray([timeline.seconds(int(pts)) for pts in timeline.pts])
    try:
        video = decord.VideoReader(str(path), width=size[0], height=size[1])
        if not _agrees(video, seconds):
            raise MediaError(path, "decord disagrees on times")
        for start in range(0, len(indices), BATCH):
            batch = indices[start : start + BATCH]
            for pixels, index in zip(video.get_batch(batch.tolist()).asnumpy(), batch, strict=True):
                yield pixels, float(seconds[index])
    except (decord.DECORDError, RuntimeError):  # its message may hold raw memory: not passed on
        raise MediaError(path, "decord failed") from None


def _agrees(video: Any, seconds: NDArray[np.float64]) -> bool:
    if len(video) != len(seconds):
        return False
    starts = np.asarray(video.get_frame_timestamp(list(range(len(video)))))[:, 0]
    return bool(np.allclose(starts - starts[0], seconds, rtol=1e-6, atol=TIME_SECONDS))
