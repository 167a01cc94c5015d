"""Cuts a span out of a video into a small plain MP4 that every server decodes alike.

Servers differ in what they make of edit lists, rotation, pixel aspect and uneven frame times; many take a frame's
time to be index / fps. So a clip is encoded anew: H.264, yuv420p, square pixels, rotation baked in, a constant
frame rate from time 0, no B-frames (decoding order is showing order, no edit list needed), no audio.
"""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from demitasse.atomic import replacing
from demitasse.errors import DataError, MediaError
from demitasse.media.probe import Timeline, VideoInfo, inspect, probe
from demitasse.media.pyav_reader import shown_at
from demitasse.media.resize import fit_within

# Visually clean for small text and distant objects, which is what questions are asked about.
ENCODER = {"preset": "veryfast", "crf": "20"}
NTSC = 1001  # rates such as 30000/1001
LOWEST_RATE, HIGHEST_RATE = Fraction(1), Fraction(60)  # frames a second; a model is shown a handful
# Gaps between frames this near to their mean (as a share of it) are even: containers round times to their tick.
EVEN = 0.15
# A span that ends a rounding error into the next frame's time does not get that frame.
SPARE_FRAME = 1e-3


def cut_clip(path: Path | str, start: float, end: float, out: Path | str, max_pixels: int | None = None) -> VideoInfo:
    """Encode what is on the screen from `start` to `end`.

    Frame k of the clip is the frame on the screen at start + k / rate, so its first frame is the one shown at
    `start` itself, not the keyframe before it. The rate is the video's own; where frame times are uneven it is
    the rate of the median gap; at least 1 and at most 60 frames a second. The last frame is the one on the screen
    just before `end`, and the clip is never shorter than the span: it ends less than one frame after it.

    An odd width or height becomes the even number below by scaling, not by cropping or padding: boxes as
    fractions of the frame stay true.

    Args:
        path: the video.
        start, end: seconds from its first frame; an end past the video's is the video's end.
        out: the MP4 to write (whole or not at all); its folder is made.
        max_pixels: make frames smaller to at most this many pixels, aspect kept; never larger.

    Returns:
        The clip's own information.

    Raises:
        MediaError: the video cannot be read, or "span outside the video" (nothing of it lies in the video).
        DataError: `out` is the video itself, or cannot be written.
    """
    source, target = Path(path), Path(out)
    timeline = inspect(source)
    if target.exists() and target.samefile(source):
        raise DataError(f"{target}: the clip would overwrite the video it is cut from; choose another name")
    first, last = max(0.0, start), min(end, timeline.info.duration)
    if not (start < end and first < last):
        raise MediaError(source, "span outside the video")
    rate = frame_rate(timeline)
    count = max(1, math.ceil((last - first) * rate - SPARE_FRAME))
    try:
        with replacing(target) as partial:
            _encode(timeline, first + np.arange(count) / float(rate), rate, partial, max_pixels)
    except OSError as error:
        raise DataError(f"{target}: the clip cannot be written ({error.strerror})") from None
    return probe(target)


def frame_rate(timeline: Timeline) -> Fraction:
    """Frames per second of a clip, from 1 to 60.

    The mean where frames come evenly (to the container's rounding), else one frame per median gap.
    """
    if len(timeline.pts) < 2:
        return Fraction(timeline.info.fps).limit_denominator(NTSC)
    gaps = np.diff(timeline.pts)
    ticks = int(timeline.pts[-1] - timeline.pts[0])
    mean = ticks / len(gaps)
    if np.abs(gaps - mean).max() >= EVEN * mean:
        rate = 1 / (Fraction(float(np.median(gaps))) * timeline.time_base)
    else:
        rate = len(gaps) / (ticks * timeline.time_base)
        for usual in (Fraction(round(rate)), Fraction(1000 * round(rate * NTSC / 1000), NTSC)):
            if usual and abs(len(gaps) / (usual * timeline.time_base) - ticks) <= 1:  # the same but for rounding
                rate = usual
                break
    return max(LOWEST_RATE, min(rate.limit_denominator(NTSC), HIGHEST_RATE))


def _encode(timeline: Timeline, times: NDArray[np.float64], rate: Fraction, out: Path, max_pixels: int | None) -> None:
    width, height = (
        max(2, side - side % 2) for side in fit_within(timeline.info.width, timeline.info.height, max_pixels)
    )
    with av.open(f"file:{out.absolute()}", "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=rate, options=ENCODER)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.max_b_frames = 0
        stream.codec_context.gop_size = max(1, round(rate))  # a keyframe a second: cheap to sample
        stream.codec_context.colorspace = Colorspace.ITU601
        stream.codec_context.color_range = ColorRange.MPEG
        for index, (pixels, _) in enumerate(shown_at(timeline, times, (width, height))):
            frame = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU601)
            frame.pts, frame.time_base = index, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
