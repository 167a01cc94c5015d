"""What time is it on a frame of a toy clip? Its pixels tell: over the wire a picture comes without its time."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from demitasse.toyworld.render import FPS, draw
from demitasse.toyworld.world import DURATION, toy_clip

SIDE = 64  # pixels to which frames are reduced: a shape moves by more than one of them in a quarter of a second


def time_of(number: int, picture: bytes) -> float:
    """Seconds of the frame of clip `number` that an encoded picture is most like.

    Of frames that are alike, as while a shape stands frozen, it is the first.
    """
    from PIL import Image as Picture

    with Picture.open(io.BytesIO(picture)) as opened:
        reduced = np.asarray(opened.convert("RGB").resize((SIDE, SIDE)), dtype=np.int16)
    differences = np.abs(_frames(number) - reduced).mean(axis=(1, 2, 3))
    return int(np.argmin(differences)) / FPS


@lru_cache(maxsize=64)
def _frames(number: int) -> NDArray[np.int16]:
    """Every frame of a clip, reduced: [32, SIDE, SIDE, 3]."""
    clip = toy_clip(number)
    frames = [draw(clip, index / FPS, SIDE) for index in range(round(DURATION * FPS))]
    return np.asarray(frames, dtype=np.int16)
