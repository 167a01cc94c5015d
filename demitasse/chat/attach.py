"""How a video goes into a request: the whole file where the endpoint takes it, otherwise frames with their times."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demitasse.chat.model import Capability, Frames, Image, Part, Text, Video
from demitasse.chat.wire.requests import frame_label
from demitasse.errors import ConfigError, MediaError

if TYPE_CHECKING:
    from demitasse.media.probe import VideoInfo
    from demitasse.media.sample import SamplingPolicy

FRAME_PIXELS = 640 * 480  # of one frame: signs and faces can still be read, and 60 frames stay below 10 MB
JPEG_QUALITY = 85
# By suffix, as servers choose their demuxer by it; ffprobe's names do not tell webm from mkv or mov from mp4.
VIDEO_TYPES = {
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".avi": "video/x-msvideo",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
}


def video_parts(path: Path, info: VideoInfo, capability: Capability, policy: SamplingPolicy) -> tuple[Part, ...]:
    """The parts that show a video to an endpoint. Reads and decodes: to be run in a decode worker.

    Args:
        path: the video.
        info: what `probe` said of it.
        capability: a file longer or larger than it allows is sent as frames.
        policy: which frames, where frames are sent.

    Returns:
        One `Video`, or for each frame a `Text` with its true time ("t=1.00 s") and an `Image` of at most
        `FRAME_PIXELS` pixels.

    Raises:
        ConfigError: if the endpoint takes neither videos nor images.
        MediaError: if the file cannot be read or decoded.
    """
    if not capability.video and not capability.images:
        raise ConfigError(f"{path}: the endpoint takes neither videos nor images; choose another model")
    if _fits(path, info.duration, capability):
        mime = VIDEO_TYPES.get(path.suffix.lower(), "video/mp4")
        return (Video(path.read_bytes(), mime, info.duration),)
    if not capability.images:
        raise MediaError(path, "too long or too large for the endpoint, which takes no images")
    return frame_parts(path, info.duration, policy)


def _fits(path: Path, duration: float, capability: Capability) -> bool:
    most = max(capability.max_inline_bytes, capability.max_upload_bytes)
    return capability.video and duration <= capability.max_video_seconds and path.stat().st_size <= most


def frame_parts(path: Path, duration: float, policy: SamplingPolicy, start: float = 0.0) -> tuple[Part, ...]:
    """Frames of `duration` seconds of a video from `start` on, each after its time, which counts from `start`.

    Raises:
        MediaError: if the file cannot be read or decoded.
    """
    from demitasse.media.frames import read_frames
    from demitasse.media.images import encode_jpeg
    from demitasse.media.sample import sample_times

    frames = read_frames(path, start + sample_times(duration, policy), max_pixels=FRAME_PIXELS)
    parts: list[Part] = []
    for pixels, shown in zip(frames.pixels, frames.times.tolist(), strict=True):
        time = max(0.0, shown - start)  # what is on the screen at `start` may have come before it
        parts += [Text(frame_label(time)), Image(encode_jpeg(pixels, JPEG_QUALITY), "image/jpeg", round(time, 2))]
    return tuple(parts)


def describe_media(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """What a request shows, for the journal; the request's key already holds the content's hash.

    Returns:
        For a video {"type", "bytes", "seconds"}; for all images together {"type", "count", "bytes", "size"
        ([width, height] of the first), "times" (seconds in their video; null for a still)}.
    """
    videos = [part for part in parts if isinstance(part, Video)]
    images = [part for part in parts if isinstance(part, Image)]
    for shown in (part for part in parts if isinstance(part, Frames)):
        images += [Image(data, shown.mime, time) for data, time in zip(shown.images, shown.times, strict=True)]
    described: list[dict[str, Any]] = [
        {
            "type": video.mime,
            "bytes": len(video.data),
            "seconds": round(video.duration, 3),
        }
        for video in videos
    ]
    if images:
        described.append(
            {
                "type": images[0].mime,
                "count": len(images),
                "bytes": sum(len(image.data) for image in images),
                "size": _size(images[0].data),
                "times": [image.time for image in images],
            }
        )
    return described


def _size(data: bytes) -> list[int] | None:
    from PIL import Image as Picture
    from PIL import UnidentifiedImageError

    try:
        with Picture.open(io.BytesIO(data)) as picture:  # reads the header only
            return list(picture.size)
    except UnidentifiedImageError:
        return None  # what is sent is the sender's business; the endpoint will say
