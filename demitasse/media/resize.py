"""One rule for making pictures smaller: keep the aspect, stay within a number of pixels, never enlarge."""

from __future__ import annotations

import math


def fit_within(width: int, height: int, max_pixels: int | None) -> tuple[int, int]:
    """The largest (width, height) of the same aspect with at most `max_pixels` pixels.

    Both sides are rounded down, and are at least 1; a picture that fits already, or no limit, is left alone.

    Raises:
        ValueError: `max_pixels` is below 1.
    """
    if max_pixels is not None and max_pixels < 1:
        raise ValueError(f"max_pixels is {max_pixels}; it must be 1 or more")
    if max_pixels is None or width * height <= max_pixels:
        return width, height
    scale = math.sqrt(max_pixels / (width * height))
    narrow, low = max(1, math.floor(width * scale)), max(1, math.floor(height * scale))
    # Beside a side held up at 1, the other may still be too long.
    narrow = min(narrow, max_pixels // low)
    return narrow, min(low, max_pixels // narrow)
