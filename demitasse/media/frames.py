"""Frames of a video by presentation time, as they are displayed: the reader interface and the choice of reader.

The frame at time t is the one on the screen at t: the last with a presentation time at or before t; before the
first frame it is the first, after the end the last. Times count from the first frame. PyAV decides what is
right; another reader is only used where it gives the same frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from demitasse.errors import ConfigError
from demitasse.media.probe import Timeline, inspect
from demitasse.media.resize import fit_within

ReaderName = Literal["pyav", "decord"]


class Reader(Protocol):
    """A way to decode. The modules `pyav_reader` and `decord_reader` are readers."""

    def shown_at(
        self, timeline: Timeline, times: NDArray[np.float64], size: tuple[int, int]
    ) -> Iterator[tuple[NDArray[np.uint8], float]]:
        """For each of the ascending `times`, the frame on the screen: (uint8[H, W, 3], true seconds).

        `size` is the displayed (width, height) wanted. The same frame may be given twice in a row.

        Raises:
            MediaError: the video cannot be read by this reader.
        """
        ...

    def version(self) -> str:
        """Name and versions of everything that decides the pixels."""
        ...


@dataclass(frozen=True, slots=True)
class Frames:
    """Decoded frames of one video.

    Attributes:
        pixels: uint8[N, H, W, 3], RGB, as displayed.
        times: float64[N], true presentation time of each frame, in seconds from the first frame of the video.
        duration: seconds of the whole video.
    """

    pixels: NDArray[np.uint8]
    times: NDArray[np.float64]
    duration: float


def reader_named(name: str) -> Reader:
    """The reader of that name, loaded now.

    Raises:
        ConfigError: no such reader, or its package is not installed.
    """
    if name == "pyav":
        from demitasse.media import pyav_reader

        return pyav_reader
    if name == "decord":
        try:
            from demitasse.media import decord_reader
        except (ImportError, OSError):  # OSError: a shared library of it is missing
            raise ConfigError("reader is 'decord', which needs pip install -e '.[decord]' in the checkout") from None
        return decord_reader
    raise ConfigError(f"reader is {name!r}; it must be 'pyav' or 'decord'")


def read_frames(
    video: Path | str | Timeline,
    times: ArrayLike,
    max_pixels: int | None = None,
    reader: ReaderName = "pyav",
) -> Frames:
    """Decode the frames on the screen at the given times.

    Args:
        video: a file, or its timeline where it has been inspected already.
        times: N seconds from the first frame, in any order; the result keeps the order.
        max_pixels: make frames smaller to at most this many pixels each, keeping the aspect (bicubic, by
            libswscale with PyAV, by decord's own scaler with decord); frames are never enlarged.
        reader: "pyav" reads everything; "decord" refuses what it is known to get wrong.

    Raises:
        MediaError: the file cannot be read ("truncated", "no video stream", …), or not by this reader.
        ConfigError: no such reader.
        ValueError: a time is not a finite number.
    """
    chosen = reader_named(reader)
    timeline = video if isinstance(video, Timeline) else inspect(video)
    wanted = np.atleast_1d(np.asarray(times, np.float64))
    if not np.isfinite(wanted).all():
        raise ValueError(f"times must be finite seconds, got {wanted.tolist()}")
    width, height = fit_within(timeline.info.width, timeline.info.height, max_pixels)
    pixels = np.empty((len(wanted), height, width, 3), np.uint8)
    true = np.empty(len(wanted), np.float64)
    order = np.argsort(wanted, kind="stable")
    for place, (picture, seconds) in zip(order, chosen.shown_at(timeline, wanted[order], (width, height)), strict=True):
        pixels[place], true[place] = picture, seconds
    return Frames(pixels, true, timeline.info.duration)
