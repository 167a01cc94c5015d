"""Still pictures: RGB pixels to JPEG bytes, and image files to RGB pixels as they are displayed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from demitasse.errors import MediaError
from demitasse.media.exif import ORIENTATION, UPRIGHT, displayed_size, known_orientation
from demitasse.media.resize import fit_within

if TYPE_CHECKING:
    from PIL import Image

# The chroma of small coloured things (lights, labels) is what a teacher is asked about: keep it whole.
FULL_CHROMA = 0


def encode_jpeg(pixels: NDArray[np.uint8], quality: int = 90) -> bytes:
    """JPEG bytes of one picture.

    Args:
        pixels: uint8[H, W, 3], RGB.
        quality: 1 to 95, Pillow's scale; colour is not subsampled.

    Raises:
        ValueError: the array has another shape or type.
    """
    from PIL import Image

    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"expected uint8[H, W, 3], got {pixels.dtype}{list(pixels.shape)}")
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=FULL_CHROMA)
    return buffer.getvalue()


def read_image(path: Path | str, max_pixels: int | None = None) -> NDArray[np.uint8]:
    """An image file as uint8[H, W, 3] RGB, turned as its EXIF orientation says.

    Args:
        path: any format that Pillow reads; transparency is laid on white.
        max_pixels: make it smaller to at most this many pixels (bicubic, aspect kept), never larger.

    Raises:
        MediaError: not found, empty, not an image, or truncated.
    """
    from PIL import Image

    shown, _ = open_image(path)
    size = fit_within(shown.width, shown.height, max_pixels)
    if size != shown.size:
        shown = shown.resize(size, Image.Resampling.BICUBIC)
    return np.asarray(shown)


def image_size(path: Path | str) -> tuple[int, int]:
    """Displayed width and height of an image file, of which only the header is read.

    Raises:
        MediaError: as `read_image`, for what a header shows.
    """
    from PIL import Image

    with _told(path), Image.open(path) as image:
        _check_depth(path, image)
        return displayed_size(image.width, image.height, known_orientation(image.getexif().get(ORIENTATION, UPRIGHT)))


@dataclass(frozen=True, slots=True)
class Stored:
    """How a picture lies in its file.

    Attributes:
        format: Pillow's name: JPEG, PNG, WEBP, BMP, TIFF, MPO.
        mode: Pillow's name of how a pixel is stored: RGB, L, P, CMYK; with an A after it if it may be transparent.
        width, height: in pixels, before it is turned.
        orientation: EXIF's number, 1 to 8; 1 is upright, and what a file without a valid one is.
    """

    format: str
    mode: str
    width: int
    height: int
    orientation: int


def open_image(path: Path | str) -> tuple[Image.Image, Stored]:
    """A whole image file as a picture in RGB, turned as its EXIF orientation says, and how it was stored.

    Of a file with several pictures (an animation, a TIFF of several pages, a phone's MPO) it is the first.

    Raises:
        MediaError: not found, empty, not an image, truncated, or of more than 8 bits a channel, which no one rule
            makes into 8 (a thermal image's values are degrees).
    """
    from PIL import Image, ImageOps

    with _told(path), Image.open(path) as image:
        _check_depth(path, image)
        orientation = known_orientation(image.getexif().get(ORIENTATION, UPRIGHT))
        mode = image.mode.removesuffix("A") + "A" * image.has_transparency_data
        stored = Stored(image.format or "", mode, image.width, image.height, orientation)
        return _on_white(ImageOps.exif_transpose(image)), stored


def _check_depth(path: Path | str, image: Image.Image) -> None:
    if image.mode[0] in "IF":
        raise MediaError(path, "more than 8 bits a channel")


@contextmanager
def _told(path: Path | str) -> Iterator[None]:
    """What Pillow raises, in a few countable words."""
    from PIL import Image, UnidentifiedImageError

    try:
        yield
    except FileNotFoundError:
        raise MediaError(path, "file not found") from None
    except UnidentifiedImageError:
        raise MediaError(path, "empty file" if Path(path).stat().st_size == 0 else "not an image") from None
    except Image.DecompressionBombError:
        raise MediaError(path, "image too large") from None
    except (OSError, SyntaxError, ValueError):  # what Pillow raises for broken data depends on the format
        raise MediaError(path, "image not readable") from None


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    layers = image.convert("RGBA")
    ground = layers.copy()
    ground.paste((255, 255, 255, 255), (0, 0, *layers.size))
    ground.alpha_composite(layers)
    return ground.convert("RGB")
