"""What a toy picture shows: everything follows from its number, so truth needs no file.

Two to five things of one colour each lie in a dark room, none on another. A picture's number is told by the same
marker strip as a clip's; which of the two it is, only who asks knows.

Coordinates are fractions of the displayed picture.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from demitasse.toyworld.world import CLIP_COUNT, COLOURS, SHAPES

Box = tuple[float, float, float, float]

SIZES = {"small": (0.17, 0.21), "large": (0.30, 0.36)}  # sides
ROOM = (0.02, 0.02, 0.98, 0.92)  # above the marker
GAP = 0.02  # between two things
FEWEST, MOST = 2, 5
TRIES = 40  # places looked at for one thing, before it is left out


@dataclass(frozen=True, slots=True)
class ToyThing:
    """One thing: `box` is [x1, y1, x2, y2], and the thing touches all four of its edges."""

    colour: str
    shape: str
    size: str
    box: Box


@dataclass(frozen=True, slots=True)
class ToyScene:
    """One picture's truth."""

    number: int
    things: tuple[ToyThing, ...]


def toy_scene(number: int) -> ToyScene:
    """The picture with this number, 0 ≤ number < 65536. The same number is the same picture everywhere.

    Raises:
        ValueError: if no marker could carry the number.
    """
    if not 0 <= number < CLIP_COUNT:
        raise ValueError(f"a toy picture's number is 0 to {CLIP_COUNT - 1}, not {number}")
    chance = random.Random(f"toy scene {number}")
    things: list[ToyThing] = []
    for _ in range(chance.randint(FEWEST, MOST)):
        size = chance.choice(sorted(SIZES))
        colour, shape = chance.choice(sorted(COLOURS)), chance.choice(SHAPES)
        box = _place(chance, size, [thing.box for thing in things])
        if box is not None:
            things.append(ToyThing(colour, shape, size, box))
    return ToyScene(number, tuple(things))


def _place(chance: random.Random, size: str, taken: list[Box]) -> Box | None:
    """A free place for a thing of a size; None if none was found."""
    for _ in range(TRIES):
        width, height = (chance.uniform(*SIZES[size]) for _ in range(2))
        x, y = chance.uniform(ROOM[0], ROOM[2] - width), chance.uniform(ROOM[1], ROOM[3] - height)
        box = (x, y, x + width, y + height)
        if not any(_touch(box, other) for other in taken):
            return box
    return None


def _touch(one: Box, other: Box) -> bool:
    apart = one[2] + GAP < other[0] or other[2] + GAP < one[0] or one[3] + GAP < other[1] or other[3] + GAP < one[1]
    return not apart
