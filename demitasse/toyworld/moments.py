"""Toy clips in which few moments matter: a frame selector's world.

A dark room stands empty for most of sixteen seconds. Four things, one of each colour, come one after the other, each
for a second or two. What is asked about them is seen in one to four of the sixteen frames that lie a second apart; in
which ones, only who knows the question can say. Everything follows from a clip's number.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from demitasse.toyworld.scene import Box, ToyThing
from demitasse.toyworld.world import CLIP_COUNT, COLOURS, SHAPES

DURATION = 16  # seconds; the length on which VideoEspresso counts the cost of its selector
LENGTHS = (1, 2)  # seconds a thing is there
PAUSE = 1  # seconds at least, from one thing to the next
SIDE = (0.30, 0.42)  # of a thing, as a fraction of the frame
EDGE = 0.03  # of the frame, that no thing touches
EMPTY = "Nothing."


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing's stay: it is there from `start` to `end`, whole seconds."""

    thing: ToyThing
    start: int
    end: int

    @property
    def colour(self) -> str:
        """The thing's colour, which no other thing of the clip has."""
        return self.thing.colour

    @property
    def caption(self) -> str:
        """What is seen while it is there."""
        return f"A {self.colour} {self.thing.shape}."


@dataclass(frozen=True, slots=True)
class MomentClip:
    """One clip's truth; `moments` in order of time."""

    number: int
    moments: tuple[Moment, ...]

    def at(self, time: float) -> Moment | None:
        """The moment at `time` seconds; None where the room is empty."""
        return next((moment for moment in self.moments if moment.start <= time < moment.end), None)

    def of(self, colour: str) -> Moment:
        """The moment of the thing of this colour."""
        return next(moment for moment in self.moments if moment.colour == colour)

    def caption(self, time: float) -> str:
        """What is seen at `time` seconds."""
        moment = self.at(time)
        return moment.caption if moment else EMPTY


def moment_clip(number: int) -> MomentClip:
    """The clip with this number, 0 ≤ number < 65536. The same number is the same clip everywhere.

    Raises:
        ValueError: if no marker could carry the number.
    """
    if not 0 <= number < CLIP_COUNT:
        raise ValueError(f"a clip of moments has a number from 0 to {CLIP_COUNT - 1}, not {number}")
    chance = random.Random(f"moments {number}")
    colours = chance.sample(sorted(COLOURS), len(COLOURS))
    lengths = [chance.choice(LENGTHS) for _ in colours]
    free = DURATION - sum(lengths) - PAUSE * (len(colours) - 1)
    # The free seconds fall anywhere before, between and after the things.
    cuts = sorted(chance.randint(0, free) for _ in colours)
    moments, taken = [], 0
    for colour, length, cut in zip(colours, lengths, cuts, strict=True):
        thing = ToyThing(colour, chance.choice(SHAPES), "large", _box(chance))
        moments.append(Moment(thing, cut + taken, cut + taken + length))
        taken += length + PAUSE
    return MomentClip(number, tuple(moments))


def _box(chance: random.Random) -> Box:
    """A place inside one quarter of the frame: half a frame is what a small student sees in one token."""
    sides = [chance.uniform(*SIDE) for _ in range(2)]
    x1, y1 = (chance.choice((EDGE, 0.5)) + chance.uniform(0, 0.5 - EDGE - side) for side in sides)
    return (x1, y1, x1 + sides[0], y1 + sides[1])
