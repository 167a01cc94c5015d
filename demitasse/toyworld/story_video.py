"""Toy stories as H.264 files, a few kilobytes each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from demitasse.toyworld.render import shape_mask, write_clip
from demitasse.toyworld.story import HALF, STORY_COLOURS, STORY_DURATION, ToyStory, toy_story

SIZE = 96  # pixels, square: 32 a cell
FPS = 4


def draw_story(story: ToyStory, time: float, size: int = SIZE) -> NDArray[np.uint8]:
    """The frame of a story at `time` seconds: uint8 [size, size, 3], RGB."""
    texture = np.random.default_rng(story.number).uniform(15, 45, (8, 8, 3))
    frame = np.kron(texture, np.ones((size // 8, size // 8, 1)))
    for thing in story.shapes:
        alpha = shape_mask(thing.shape, story.position(thing.colour, time), HALF, size)[..., None]
        frame = frame * (1 - alpha) + np.array(STORY_COLOURS[thing.colour]) * alpha
    return np.asarray(frame.round(), dtype=np.uint8)


def render_story(path: Path, number: int) -> Path:
    """Write one story as H.264 in MP4, unless it is there; whole or not at all."""
    if path.exists():
        return path
    story = toy_story(number)
    moments = (index / FPS for index in range(round(STORY_DURATION * FPS)))
    return write_clip(path, (draw_story(story, moment) for moment in moments), SIZE, FPS)
