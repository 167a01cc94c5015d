"""A strip of blocks along a clip's lower edge that carries its number and says nothing else of it.

It survives cutting, sampling, re-encoding and resizing down to about 64 pixels, so a stand-in teacher knows
a toy clip from the pixels it is sent. A checksum keeps it from recognising other people's videos.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

NUMBER_BITS = 16
CHECK_BITS = 6
# White and black guards on both sides give the reader its two levels.
BLOCKS = 2 + NUMBER_BITS + CHECK_BITS + 2
HEIGHT = 0.0625  # of the frame
WHITE, BLACK = 200, 16
LEAST_SIZE = (2 * BLOCKS, 32)  # width and height in pixels at which the strip can be read


def draw_marker(frame: NDArray[np.uint8], number: int) -> None:
    """Draw the strip of clip `number` into `frame` (uint8 [H, W, 3]) in place."""
    height, width = frame.shape[:2]
    top = height - max(2, round(height * HEIGHT))
    edges = np.linspace(0, width, BLOCKS + 1).round().astype(int)
    for bit, left, right in zip(_blocks(number), edges[:-1], edges[1:], strict=True):
        frame[top:, left:right] = WHITE if bit else BLACK


def read_marker(frames: Iterable[NDArray[np.uint8]]) -> int | None:
    """The clip number that most of `frames` (uint8 [H, W, 3]) carry, or None."""
    votes = Counter(number for frame in frames if (number := _read(frame)) is not None)
    return votes.most_common(1)[0][0] if votes else None


def _blocks(number: int) -> list[int]:
    value = (number << CHECK_BITS) | _check(number)
    bits = [(value >> shift) & 1 for shift in reversed(range(NUMBER_BITS + CHECK_BITS))]
    return [1, 0, *bits, 1, 0]


def _check(number: int) -> int:
    return zlib.crc32(number.to_bytes(2, "big")) & (2**CHECK_BITS - 1)


def _read(frame: NDArray[np.uint8]) -> int | None:
    height, width = frame.shape[:2]
    if width < LEAST_SIZE[0] or height < LEAST_SIZE[1]:
        return None
    strip = frame[height - max(1, round(height * HEIGHT * 0.6)) :].mean(axis=(0, 2))
    centres = (np.arange(BLOCKS) + 0.5) * width / BLOCKS
    levels = np.interp(centres, np.arange(width) + 0.5, strip)
    high, low = levels[[0, -2]].mean(), levels[[1, -1]].mean()
    if high - low < 60:
        return None
    bits = (levels > (high + low) / 2).astype(int).tolist()
    value = int("".join(map(str, bits[2:-2])), 2)
    number = value >> CHECK_BITS
    return number if bits == _blocks(number) else None
