"""What a student sees, as parts of a request: a video as one video, so that an endpoint shows it as in training.

The frames are those that the local student is shown, fitted and encoded without loss, in one of three forms:

    frames    pictures with their true times in one video part; nothing is sampled again (vLLM)
    clip      a small file of just these frames, at their own rate; a server that keeps the frames of a video whose
              rate is below its own keeps them all, and counts their times from 0
    images    pictures, each after its time in words, for endpoints that take no video
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from demitasse.chat.model import Capability, Frames, Image, Part, Text, Video
from demitasse.chat.wire.requests import frame_label

if TYPE_CHECKING:
    from demitasse.student.encode import Clip

SentAs = Literal["frames", "clip", "images"]
_CLOCK = 90_000  # units of a second in which a clip's times are written, as is usual in MP4


def sent_as(capability: Capability) -> SentAs:
    """The form that an endpoint keeps right, by its record."""
    return "frames" if capability.frames else "clip" if capability.video else "images"


def parts_of(clip: Clip | None, is_video: bool, form: SentAs) -> tuple[Part, ...]:
    """The parts that show a clip; none for None.

    Args:
        clip: frames as they are fitted, and their times.
        is_video: False for a still picture.
        form: how a video goes out.
    """
    if clip is None:
        return ()
    pictures, times = _pictures(clip), clip.times.tolist()
    if not is_video:
        return (Image(encode_png(pictures[0]), "image/png"),)
    if form == "images":
        return tuple(_labelled(pictures, times))
    spacing = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 1.0
    if clip.stills:  # each fills a patch of its own: so many pictures are the same moment
        each = len(clip.pixels.frames) // len(times)
        pictures, times, spacing = clip_frames(clip), [time for time in times for _ in range(each)], spacing / each
    if form == "clip":
        return (Video(encode_clip(pictures, spacing), "video/mp4", spacing * len(pictures)),)
    return (Frames(tuple(encode_png(picture) for picture in pictures), tuple(times), spacing),)


def clip_frames(clip: Clip) -> NDArray[np.uint8]:
    """All frames of a clip, those that were repeated to fill a patch too: uint8 [N, H, W, 3]."""
    frames: NDArray[np.uint8] = clip.pixels.frames.permute(0, 2, 3, 1).contiguous().numpy()
    return frames


def _pictures(clip: Clip) -> NDArray[np.uint8]:
    """One picture for each time. What is left out was repeated to fill a patch, as the server's processor does too."""
    each = len(clip.pixels.frames) // len(clip.times) if clip.stills else 1
    return clip_frames(clip)[::each][: len(clip.times)]


def _labelled(pictures: NDArray[np.uint8], times: list[float]) -> Iterator[Part]:
    for picture, time in zip(pictures, times, strict=True):
        yield Text(frame_label(time))
        yield Image(encode_png(picture), "image/png", round(time, 2))


def encode_png(picture: NDArray[np.uint8]) -> bytes:
    """A picture, uint8 [H, W, 3], without loss."""
    from PIL import Image as Picture

    content = io.BytesIO()
    Picture.fromarray(picture).save(content, "PNG", compress_level=1)
    return content.getvalue()


def encode_clip(pictures: NDArray[np.uint8], spacing: float) -> bytes:
    """An MP4 of the pictures, uint8 [N, H, W, 3], `spacing` seconds apart; H.264 in RGB without loss."""
    from fractions import Fraction

    import av

    content = io.BytesIO()
    step = max(1, round(spacing * _CLOCK))
    with av.open(content, "w", format="mp4") as container:
        rate = Fraction(_CLOCK, step)
        stream = container.add_stream("libx264rgb", rate=rate, options={"qp": "0", "preset": "veryfast"})
        stream.height, stream.width = pictures.shape[1:3]
        stream.pix_fmt = "rgb24"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return content.getvalue()
