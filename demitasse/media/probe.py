"""What a video file really holds: its displayed size, its true presentation times, its content hash.

Headers lie (frame counts, rates, edit lists, cut-off downloads), so the file is read through once: every
packet is demuxed and the first frame decoded, the others not. That costs a read of the file, as the content
hash does; an hour of video takes about a second from a warm disk cache.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from demitasse.errors import MediaError
from demitasse.media.container import open_video
from demitasse.media.orientation import Orientation, frame_orientation
from demitasse.media.scan import Scan, read_through

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

# Containers round a frame's time to their tick, at coarsest to Matroska's 1 ms. A time asked for is allowed
# the same rounding, so that frame k is found at k/fps: half a tick, and never more than half of that 1 ms.
ROUNDING_SECONDS = 0.0005
# Where neither packet nor stream says how long a single frame lasts.
FRAME_SECONDS = Fraction(1, 25)


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a person or a prompt needs to know of a video.

    Attributes:
        path: the file.
        duration: seconds from the first frame's presentation to the end of the last frame's.
        width, height: displayed size in pixels: rotation and pixel aspect (on the stored width) applied.
        rotation: degrees clockwise from the stored to the displayed picture: 0, 90, 180, 270.
        fps: mean frames per second, frame_count / duration.
        frame_count: frames to be presented, counted in the packets.
        codec: FFmpeg's name: h264, hevc, vp9, av1, mpeg4.
        container: FFmpeg's first name of the format: mov (also mp4), matroska (also webm), avi, mpegts.
        mirrored: the stored picture is mirrored left to right, then turned by `rotation`.
        square_pixels: whether stored pixels are as wide as high.
        edit_list: whether the file tells players to leave out part of what it stores.
        pixel_format: FFmpeg's name of how pixels are stored: yuv420p, yuv420p10le.
        pictures: streams of pictures in the file, covers and thumbnails among them.
    """

    path: Path
    duration: float
    width: int
    height: int
    rotation: int
    fps: float
    frame_count: int
    codec: str
    container: str
    mirrored: bool = False
    square_pixels: bool = True
    edit_list: bool = False
    pixel_format: str = "yuv420p"
    pictures: int = 1


@dataclass(frozen=True, slots=True)
class Timeline:
    """When each frame of a file is presented, in ticks of the stream's time base; what readers decide by.

    Attributes:
        info: the summary.
        time_base: seconds per tick.
        pts: int64[N], ascending presentation times; pts[0] is the first frame that decodes: time 0.
        keyframes: int64[K], ascending presentation times of the frames where decoding may begin. The first may
            lie before pts[0]: an edit list hides frames that are needed to decode others.
        orientation: how to turn stored pictures.
        by_rank: the container stores no presentation times (AVI), and the codec reorders frames: the n-th
            decoded frame has the n-th time, whatever its packet said.
    """

    info: VideoInfo
    time_base: Fraction
    pts: NDArray[np.int64]
    keyframes: NDArray[np.int64]
    orientation: Orientation
    by_rank: bool

    def shown(self, times: NDArray[np.float64]) -> NDArray[np.intp]:
        """Indices into `pts` of the frame on the screen at each time (seconds): the last one with pts <= time.

        Before the first frame that is the first, after the end the last. Times are rounded as containers
        round: a frame at most half a tick later, and at most 0.5 ms, counts as there.
        """
        tick = float(self.time_base)
        allowed = min(tick / 2, ROUNDING_SECONDS) + 1e-6  # and a microsecond for the arithmetic
        ticks = np.floor((np.asarray(times, np.float64) + allowed) / tick) + self.pts[0]
        return np.clip(np.searchsorted(self.pts, ticks, side="right") - 1, 0, None)

    def seconds(self, pts: int) -> float:
        """Seconds from the first frame."""
        return float((pts - int(self.pts[0])) * self.time_base)


def probe(path: Path | str) -> VideoInfo:
    """Read a video through and summarise it.

    Raises:
        MediaError: as `inspect`.
    """
    return inspect(path).info


def inspect(path: Path | str) -> Timeline:
    """Read a video through once: every packet's time, and one decoded frame.

    Raises:
        MediaError: the reasons of `open_video`, and "truncated" (ends before its header says),
            "damaged" (cannot be read to its end), "no frame could be decoded".
    """
    path = Path(path)
    with open_video(path) as (container, stream):
        scan = read_through(path, container, stream)
        if scan.first is None or scan.first.pts is None:
            raise MediaError(path, "no frame could be decoded")
        return _timeline(path, container, stream, scan)


def _timeline(path: Path, container: InputContainer, stream: VideoStream, scan: Scan) -> Timeline:
    first, time_base = scan.first, stream.time_base
    assert first is not None and first.pts is not None and time_base is not None, "inspect has seen to it"
    stored = [pts for pts, _ in scan.frames]
    by_rank = container.format.name == "avi" and stream.codec_context.has_b_frames > 0 and stored == sorted(stored)
    pts = np.unique(np.asarray([*stored, first.pts], np.int64))
    if not by_rank:
        pts = pts[pts >= first.pts]  # a cut transport stream begins with frames that lack their keyframe
    duration = float((int(pts[-1]) - int(pts[0])) * time_base + _last_duration(scan, stream, pts, time_base))
    orientation = frame_orientation(first)
    aspect = stream.sample_aspect_ratio or Fraction(1)
    width, height = orientation.size(max(1, round(first.width * aspect)), first.height)
    info = VideoInfo(
        path=path,
        duration=duration,
        width=width,
        height=height,
        rotation=orientation.rotation,
        fps=len(pts) / duration,
        frame_count=len(pts),
        codec=stream.codec_context.codec.canonical_name,
        container=_format_name(container),
        mirrored=orientation.mirrored,
        square_pixels=aspect == 1,
        edit_list=scan.edit_list,
        pixel_format=first.format.name,
        pictures=len(container.streams.video),
    )
    keyframes = np.unique(np.asarray(scan.keyframes, np.int64))
    return Timeline(info, time_base, pts, keyframes, orientation, by_rank)


def _last_duration(scan: Scan, stream: VideoStream, pts: NDArray[np.int64], time_base: Fraction) -> Fraction:
    """Seconds that the last frame lasts: as its packet says, else as the frames before it, else by the rate."""
    said = max(scan.frames, default=(0, 0))[1]
    if said > 0:
        return said * time_base
    if len(pts) > 1:
        return int(np.median(np.diff(pts))) * time_base
    return 1 / stream.guessed_rate if stream.guessed_rate else FRAME_SECONDS


def _format_name(container: InputContainer) -> str:
    return container.format.name.split(",")[0]


def content_hash(path: Path | str) -> str:
    """SHA-256 of the file's bytes, in hexadecimal; the file is streamed.

    Asked again for a file of the same device, inode, size and modification time, this process remembers.

    Raises:
        MediaError: "file not found", "not readable".
    """
    try:
        status = Path(path).stat()
        return _hash(str(path), (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns))
    except FileNotFoundError:
        raise MediaError(path, "file not found") from None
    except (OSError, ValueError):  # the latter of a NUL in its name
        raise MediaError(path, "not readable") from None


@lru_cache(maxsize=100_000)
def _hash(path: str, _identity: tuple[int, ...]) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
