"""Toy clips as H.264 files.

`render(folder, numbers)` writes `00042.mp4` for clip 42, a few kilobytes each. A file that is there is left
alone, so an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from demitasse.toyworld.marker import draw_marker
from demitasse.toyworld.world import COLOURS, DURATION, RADIUS, ToyClip, toy_clip

SIZE = 128  # pixels, square
FPS = 4
LIGHT_HEIGHT = 0.10
LIGHT = {"off": (45, 45, 50), "white": (240, 240, 235), "alarm": (225, 40, 200)}


def draw(clip: ToyClip, time: float, size: int = SIZE) -> NDArray[np.uint8]:
    """The frame of `clip` at `time` seconds: uint8 [size, size, 3], RGB."""
    frame = _room(clip, size)
    light = ("alarm" if clip.alarm else "white") if clip.light(time) else "off"
    frame[: round(size * LIGHT_HEIGHT)] = LIGHT[light]
    alpha = shape_mask(clip.shape, clip.position(time), RADIUS, size)[..., None]
    blended = frame * (1 - alpha) + np.array(COLOURS[clip.colour]) * alpha
    result = blended.round().astype(np.uint8)
    draw_marker(result, clip.number)
    return result


def render(folder: Path, numbers: Iterable[int]) -> list[Path]:
    """Write the clips with these numbers below `folder` and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    return [render_clip(folder / f"{number:05d}.mp4", number) for number in numbers]


def render_clip(path: Path, number: int, size: int = SIZE, fps: int = FPS) -> Path:
    """Write one clip as H.264 in MP4, unless it is there; whole or not at all."""
    if path.exists():
        return path
    clip = toy_clip(number)
    return write_clip(path, (draw(clip, index / fps, size) for index in range(round(DURATION * fps))), size, fps)


def write_clip(path: Path, frames: Iterable[NDArray[np.uint8]], size: int, fps: int) -> Path:
    """Write frames (uint8 [size, size, 3], RGB) as H.264 in MP4; the same frames are the same bytes everywhere."""
    import av  # here, so that the truth can be had without a decoder

    partial = path.with_suffix(f".{os.getpid()}.partial")
    with av.open(str(partial), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "20", "preset": "veryfast"})
        stream.width = stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1  # the same bytes on every machine
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    os.replace(partial, path)
    return path


def _room(clip: ToyClip, size: int) -> NDArray[np.float64]:
    """A dark room whose coarse texture differs from clip to clip."""
    texture = np.random.default_rng(clip.number).uniform(15, 60, (8, 8, 3))
    return np.asarray(np.kron(texture, np.ones((size // 8, size // 8, 1))), dtype=np.float64)


def shape_mask(shape: str, middle: tuple[float, float], radius: float, size: int) -> NDArray[np.float64]:
    """Coverage 0 to 1 of a shape over the frame, with edges one pixel soft: float [size, size].

    `middle` and `radius`, half of the shape's side, are fractions of the frame.
    """
    pixel = 1.0 / size
    y, x = np.meshgrid((np.arange(size) + 0.5) * pixel, (np.arange(size) + 0.5) * pixel, indexing="ij")
    dx, dy = x - middle[0], y - middle[1]
    if shape == "disc":
        inside = radius - np.hypot(dx, dy)
    elif shape == "square":
        inside = radius * 0.88 - np.maximum(abs(dx), abs(dy))
    else:  # a triangle that stands on its base
        inside = np.minimum(radius * 0.8 - dy, (dy + radius) * 0.5 - abs(dx))
    return np.clip(inside / pixel + 0.5, 0.0, 1.0)
