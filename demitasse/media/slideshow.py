"""A small video of pictures, each held for a second, for students and teachers that take one medium an item.

At two frames a second every picture is two like frames: one temporal patch of a Qwen-VL student, and a single image is
the same to it. H.264 in yuv420p with a keyframe a second plays in browsers and reads alike everywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from demitasse.atomic import replacing
from demitasse.errors import MediaError
from demitasse.media.clip import encode
from demitasse.media.images import open_image
from demitasse.media.probe import content_hash

if TYPE_CHECKING:
    from PIL import Image

RATE = Fraction(2)
SECONDS = 1  # that a picture is held
# So near to lossless that most of what is lost (1.2 of 255 on average) is lost in converting colours, for twice the
# bytes of the same pictures in JPEG. A second frame is coded so coarsely that it stays as the first. Without the
# macroblock tree, with which x264 does not always write the same bytes (see `media.clip`).
ENCODER = {"preset": "veryfast", "crf": "18", "x264-params": "ipratio=4:aq-mode=0:mbtree=0:rc-lookahead=0"}
MOST_SIDE = 16_384  # pixels: x264's limit
# Raise it when the same pictures would become another video: it is in the name.
FORMAT = 1
NAME_DIGITS = 32


def middle(place: int) -> float:
    """A second at which the picture at this place, from 0, is shown: as far as can be from the pictures beside it."""
    return (place + 0.5) * SECONDS


def write_slideshow(pictures: Sequence[Path], folder: Path) -> Path:
    """The video of these pictures; it is made unless it is there already.

    An odd width or height becomes the even number below by scaling, as in `media.clip`: boxes as fractions stay true.

    Args:
        pictures: image files in the order in which they are shown, turned as their EXIF orientation says.
        folder: where the video lies, by a name that follows from the pictures' content; made if it is missing.

    Raises:
        MediaError: a picture cannot be read, has a side of over 16,384 pixels, or is of another size than the first:
            the frames of a video have one, and boxes of which nobody knows the picture could not be moved along.
        DataError: `folder` cannot be written to.
    """
    content = [str(FORMAT), *map(content_hash, pictures)]
    out = folder / f"{hashlib.sha256(' '.join(content).encode()).hexdigest()[:NAME_DIGITS]}.mp4"
    if not out.is_file():
        shown = _of_one_size(pictures)
        width, height = (max(2, side - side % 2) for side in shown[0].size)
        with replacing(out) as partial:
            encode(_frames(shown, (width, height)), (width, height), RATE, partial, ENCODER)
    return out


def _of_one_size(pictures: Sequence[Path]) -> list[Image.Image]:
    shown = [open_image(path)[0] for path in pictures]
    for path, one in zip(pictures, shown, strict=True):
        if max(one.size) > MOST_SIDE:
            raise MediaError(
                path, f"a side of {max(one.size)} pixels, where a video has at most {MOST_SIDE}; make it smaller"
            )
        if one.size != shown[0].size:
            its, first = (f"{width} x {height}" for width, height in (one.size, shown[0].size))
            raise MediaError(path, f"{its} pixels, but the first of these pictures has {first}; make them alike")
    return shown


def _frames(pictures: Sequence[Image.Image], size: tuple[int, int]) -> Iterator[VideoFrame]:
    """Each picture as often as it is held."""
    reformatter = VideoReformatter()
    for picture in pictures:
        for _ in range(int(SECONDS * RATE)):
            yield reformatter.reformat(
                VideoFrame.from_image(picture),
                *size,
                format="yuv420p",
                dst_colorspace=Colorspace.ITU601,
                dst_color_range=ColorRange.MPEG,
                interpolation=Interpolation.BICUBIC,
            )
