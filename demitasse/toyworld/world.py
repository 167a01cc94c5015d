"""What happens in a toy clip: everything follows from its number, so truth needs no file.

A shape of one colour crosses a dark room in one of four directions. A light on the ceiling comes on for a
few seconds. A white light means nothing; a magenta one is an alarm, and the shape freezes while it is on:
that is the world's one anomaly.

Coordinates are fractions of the frame, times are seconds from the first frame.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

COLOURS = {"red": (220, 45, 45), "green": (45, 190, 70), "blue": (60, 95, 235), "yellow": (230, 210, 50)}
DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
SHAPES = ("disc", "square", "triangle")
GRID = 8  # columns and rows in which positions are told

DURATION = 8.0  # seconds
CLIP_COUNT = 2**16  # numbers a clip's marker can carry

# Where the middle of the shape may be: clear of the light above and of the marker below.
ROOM = (0.16, 0.26, 0.84, 0.79)
RADIUS = 0.14


@dataclass(frozen=True, slots=True)
class ToyClip:
    """One clip's truth. `first` and `last` are the middle of the shape at the clip's ends, as fractions."""

    number: int
    colour: str
    shape: str
    direction: str
    first: tuple[float, float]
    last: tuple[float, float]
    alarm: bool
    light_on: float  # seconds
    light_off: float

    def position(self, time: float) -> tuple[float, float]:
        """Middle of the shape at `time` (seconds), as fractions of the frame."""
        done = self._moving_time(time) / self._moving_time(DURATION)
        return tuple(a + (b - a) * done for a, b in zip(self.first, self.last, strict=True))  # type: ignore[return-value]

    def light(self, time: float) -> bool:
        """Is the ceiling light on at `time`?"""
        return self.light_on <= time < self.light_off

    def box(self, time: float) -> tuple[float, float, float, float]:
        """The shape's box [x1, y1, x2, y2] at `time`, as fractions of the frame."""
        x, y = self.position(time)
        return (x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS)

    def _moving_time(self, time: float) -> float:
        frozen = min(max(time - self.light_on, 0.0), self.light_off - self.light_on) if self.alarm else 0.0
        return time - frozen


def cell(point: tuple[float, float]) -> tuple[int, int]:
    """Column and row (0 to 7, from the top left) of a point given as fractions."""
    return (min(int(point[0] * GRID), GRID - 1), min(int(point[1] * GRID), GRID - 1))


def toy_clip(number: int) -> ToyClip:
    """The clip with this number, 0 ≤ number < 65536. The same number is the same clip everywhere.

    Raises:
        ValueError: if no marker could carry the number.
    """
    if not 0 <= number < CLIP_COUNT:
        raise ValueError(f"a toy clip's number is 0 to {CLIP_COUNT - 1}, not {number}")
    # A string seed is hashed with SHA-512 by `random`, so neighbours are unrelated and every platform agrees.
    chance = random.Random(f"toy clip {number}")
    direction = chance.choice(sorted(DIRECTIONS))
    first, last = _path(chance, DIRECTIONS[direction])
    light_on = chance.randint(1, 4)
    return ToyClip(
        number=number,
        colour=chance.choice(sorted(COLOURS)),
        shape=chance.choice(SHAPES),
        direction=direction,
        first=first,
        last=last,
        alarm=chance.random() < 0.5,
        light_on=float(light_on),
        light_off=float(chance.randint(light_on + 2, min(light_on + 4, 7))),
    )


def _path(chance: random.Random, step: tuple[int, int]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Both ends of a straight path, at least 0.35 of the frame long and anywhere that the room allows."""
    left, top, right, bottom = ROOM
    along = (left, right) if step[0] else (top, bottom)
    across = (top, bottom) if step[0] else (left, right)
    length = chance.uniform(0.35, along[1] - along[0])
    start = chance.uniform(along[0], along[1] - length)
    ends = (start, start + length) if sum(step) > 0 else (start + length, start)
    side = chance.uniform(*across)
    if step[0]:
        return (ends[0], side), (ends[1], side)
    return (side, ends[0]), (side, ends[1])
