"""Still pictures: RGB pixels to JPEG bytes, and image files to RGB pixels as they are displayed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from demitasse.errors import MediaError
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
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            shown = _on_white(ImageOps.exif_transpose(image))
    except FileNotFoundError:
        raise MediaError(path, "file not found") from None
    except UnidentifiedImageError:
        raise MediaError(path, "empty file" if Path(path).stat().st_size == 0 else "not an image") from None
    except Image.DecompressionBombError:
        raise MediaError(path, "image too large") from None
    except (OSError, SyntaxError, ValueError):  # what Pillow raises for broken data depends on the format
        raise MediaError(path, "image not readable") from None
    size = fit_within(shown.width, shown.height, max_pixels)
    if size != shown.size:
        shown = shown.resize(size, Image.Resampling.BICUBIC)
    return np.asarray(shown)


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    layers = image.convert("RGBA")
    ground = layers.copy()
    ground.paste((255, 255, 255, 255), (0, 0, *layers.size))
    ground.alpha_composite(layers)
    return ground.convert("RGB")
