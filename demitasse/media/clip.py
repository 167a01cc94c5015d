"""Cuts spans out of a video into small plain MP4s that every server decodes alike.

Servers differ in what they make of edit lists, rotation, pixel aspect and uneven frame times; many take a frame's
time to be index / fps. So a clip is encoded anew: H.264, yuv420p, square pixels, rotation baked in, a constant
frame rate from time 0, no B-frames (decoding order is showing order, no edit list needed), no audio.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from types import MappingProxyType

import av
import numpy as np
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from demitasse.atomic import replacing
from demitasse.errors import DataError, MediaError
from demitasse.media.orientation import Orientation
from demitasse.media.probe import Timeline, VideoInfo, inspect
from demitasse.media.pyav_reader import frames_at, shown_at
from demitasse.media.resize import fit_within

# Visually clean for small text and distant objects, which is what questions are asked about: the quality of veryfast
# at 20 in half its time, for a fifth more bytes of real footage. Without the macroblock tree, because with it x264
# now and then writes other bytes for the same frames (small ones, seen in one cut of ten), and what was paid for a
# clip is found again by its bytes.
CHEAP = "cabac=1:deblock=1,0,0:partitions=i4x4:mbtree=0:rc-lookahead=0"
ENCODER = {"preset": "ultrafast", "crf": "24", "x264-params": CHEAP}
NTSC = 1001  # rates such as 30000/1001
LOWEST_RATE, HIGHEST_RATE = Fraction(1), Fraction(60)  # frames a second; a model is shown a handful
# Gaps between frames this near to their mean (as a share of it) are even: containers round times to their tick.
EVEN = 0.15
PLAIN_PIXELS = ("yuv420p", "yuvj420p")
UNTAGGED = 2  # AVCOL_SPC_UNSPECIFIED, for which PyAV has no name
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
        start: seconds from its first frame.
        end: likewise; one past the video's is the video's end.
        out: the MP4 to write (whole or not at all), in a folder that exists.
        max_pixels: make frames smaller to at most this many pixels, aspect kept; never larger.

    Returns:
        The clip's own information.

    Raises:
        MediaError: the video cannot be read, or "span outside the video" (nothing of it lies in the video).
        DataError: `out` is the video itself, or cannot be written.
    """
    return cut_clips(inspect(path), [((start, end), Path(out))], max_pixels)[0]


def cut_clips(
    timeline: Timeline, cuts: Sequence[tuple[tuple[float, float], Path]], max_pixels: int | None = None
) -> list[VideoInfo]:
    """Encode several spans (each with its file, in a folder that exists) in one pass over the video; see `cut_clip`.

    Spans ascend and do not overlap, or the frames that they share would have to be decoded again.

    Raises:
        ValueError: spans that overlap or are out of order.
        MediaError, DataError: as `cut_clip`. What was cut until then stays.
    """
    rate = frame_rate(timeline)
    spans = [_checked(timeline, span, out) for span, out in cuts]
    if any(after[0] < before[1] - SPARE_FRAME for before, after in pairwise(spans)):
        raise ValueError("spans overlap or are out of order")
    counts = [max(1, math.ceil((last - first) * rate - SPARE_FRAME)) for first, last in spans]
    grids = [first + np.arange(count) / float(rate) for (first, _), count in zip(spans, counts, strict=True)]
    width, height = (
        max(2, side - side % 2) for side in fit_within(timeline.info.width, timeline.info.height, max_pixels)
    )
    # One decode for all of them; rounding must not make a span's first time lie before the last one's end.
    pictures = _pictures(timeline, np.maximum.accumulate(np.concatenate(grids)), (width, height))
    clips: list[VideoInfo] = []
    for (_, out), count in zip(cuts, counts, strict=True):
        try:
            with replacing(out, makes_folders=False) as partial:
                encode(islice(pictures, count), (width, height), rate, partial)
        except OSError as error:
            raise DataError(f"{out}: the clip cannot be written ({error.strerror})") from None
        duration = count / float(rate)
        clips.append(VideoInfo(out, duration, width, height, 0, float(rate), count, "h264", "mov"))
    return clips


def _checked(timeline: Timeline, span: tuple[float, float], out: Path) -> tuple[float, float]:
    """The span inside the video."""
    source = timeline.info.path
    if out.exists() and out.samefile(source):
        raise DataError(f"{out}: the clip would overwrite the video it is cut from; choose another name")
    first, last = max(0.0, span[0]), min(span[1], timeline.info.duration)
    if not (span[0] < span[1] and first < last):
        raise MediaError(source, "span outside the video")
    return first, last


def frame_rate(timeline: Timeline) -> Fraction:
    """Frames per second of a clip, from 1 to 60.

    The mean where frames come evenly (to the container's rounding), else one frame per median gap.
    """
    if len(timeline.pts) < 2:
        return Fraction(timeline.info.fps).limit_denominator(NTSC)
    gaps = np.diff(timeline.pts)
    ticks = int(timeline.pts[-1] - timeline.pts[0])
    if not _is_even(timeline):
        rate = 1 / (Fraction(float(np.median(gaps))) * timeline.time_base)
    else:
        rate = len(gaps) / (ticks * timeline.time_base)
        for usual in (Fraction(round(rate)), Fraction(1000 * round(rate * NTSC / 1000), NTSC)):
            if usual and abs(len(gaps) / (usual * timeline.time_base) - ticks) <= 1:  # the same but for rounding
                rate = usual
                break
    return max(LOWEST_RATE, min(rate.limit_denominator(NTSC), HIGHEST_RATE))


def is_plain(timeline: Timeline) -> bool:
    """Whether every server may be given the file as it is: what it stores is what it shows, evenly, in plain H.264."""
    info = timeline.info
    as_stored = info.rotation == 0 and not info.mirrored and info.square_pixels and not info.edit_list
    common = (info.codec, info.container, info.pictures) == ("h264", "mov", 1) and info.pixel_format in PLAIN_PIXELS
    return as_stored and common and _is_even(timeline)


def _is_even(timeline: Timeline) -> bool:
    gaps = np.diff(timeline.pts)
    return len(gaps) == 0 or bool(np.abs(gaps - gaps.mean()).max() < EVEN * gaps.mean())


def _pictures(timeline: Timeline, times: NDArray[np.float64], size: tuple[int, int]) -> Iterator[VideoFrame]:
    """What is on the screen at each time: upright, of the clip's size, in its colours."""
    if timeline.orientation != Orientation():
        for pixels, _ in shown_at(timeline, times, size):
            picture = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24")
            yield picture.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU601)
        return
    reformatter = VideoReformatter()
    for frame, _ in frames_at(timeline, times):
        # The way over RGB would take as long again as encoding. Untagged colours are read as FFmpeg reads them.
        yield reformatter.reformat(
            frame,
            *size,
            format="yuv420p",
            src_colorspace=Colorspace.ITU601 if frame.colorspace == UNTAGGED else None,
            dst_colorspace=Colorspace.ITU601,
            dst_color_range=ColorRange.MPEG,
            interpolation=Interpolation.BICUBIC,
        )


def encode(
    pictures: Iterable[VideoFrame],
    size: tuple[int, int],
    rate: Fraction,
    out: Path,
    options: Mapping[str, str] = MappingProxyType(ENCODER),
) -> None:
    """Write frames, in yuv420p and of this even (width, height), as an H.264 MP4 with a keyframe a second."""
    with av.open(f"file:{out.absolute()}", "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=rate, options=dict(options))
        (stream.width, stream.height), stream.pix_fmt = size, "yuv420p"
        stream.codec_context.thread_count = 1  # the same bytes on every machine; processes share out the cores
        stream.codec_context.max_b_frames = 0
        stream.codec_context.gop_size = max(1, round(rate))  # a keyframe a second: cheap to sample
        stream.codec_context.colorspace = Colorspace.ITU601
        stream.codec_context.color_range = ColorRange.MPEG
        for index, frame in enumerate(pictures):
            frame.pts, frame.time_base = index, 1 / rate
            frame.pict_type = PictureType.NONE  # a decoded frame's would decide where keyframes go
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
