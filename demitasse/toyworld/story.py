"""What happens in a toy story: one shape goes round and touches three others, one after the other.

A story is a clip for questions about who did what and when, which one look at one frame does not answer. Everything
follows from its number, so truth needs no file. The room is a grid of nine cells. Four shapes lie still, each in a
cell of its own; a fifth of another colour waits in a free one, and then is beside three of the four in turn.

Coordinates are fractions of the frame, times are seconds from the first frame.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from demitasse.toyworld.world import CLIP_COUNT, COLOURS, SHAPES

STORY_COLOURS = COLOURS | {"purple": (150, 60, 200), "white": (235, 235, 235)}
CELLS = 3  # columns, and rows
MOMENT = 2.0  # seconds: the mover rests for REST of them and travels for the rest
REST = 1.75
MOMENTS = 4
STORY_DURATION = MOMENT * MOMENTS
STILL = 4  # shapes that are touched or not
VISITS = MOMENTS - 1  # in the first moment the mover waits
HALF = 0.06  # half of a shape's side: two of them lie side by side in a cell, and far from those of the next
_BESIDE = HALF  # from a cell's middle to that of either of the two, which so touch

Point = tuple[float, float]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class StoryShape:
    """A shape and its cell: column and row, 0 to 2 from the top left."""

    colour: str
    shape: str
    cell: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Touch:
    """The mover is beside the shape of this colour from `start` to `end` (seconds)."""

    colour: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class ToyStory:
    """One story's truth. `mover.cell` is where it waits."""

    number: int
    mover: StoryShape
    still: tuple[StoryShape, ...]
    touches: tuple[Touch, ...]

    @property
    def shapes(self) -> tuple[StoryShape, ...]:
        """All five, the mover first."""
        return (self.mover, *self.still)

    def position(self, colour: str, time: float) -> Point:
        """The middle of the shape of this colour at `time` (seconds)."""
        if colour != self.mover.colour:
            [shape] = [shape for shape in self.still if shape.colour == colour]
            return _middle(shape.cell, -_BESIDE)
        moment = min(int(time / MOMENT), MOMENTS - 1)
        here, there = self._rest(moment), self._rest(min(moment + 1, MOMENTS - 1))
        done = min(max((time - moment * MOMENT - REST) / (MOMENT - REST), 0.0), 1.0)
        return (here[0] + (there[0] - here[0]) * done, here[1] + (there[1] - here[1]) * done)

    def box(self, colour: str, time: float) -> Box:
        """The box [x1, y1, x2, y2] of the shape of this colour at `time`."""
        x, y = self.position(colour, time)
        return (x - HALF, y - HALF, x + HALF, y + HALF)

    def _rest(self, moment: int) -> Point:
        """Where the mover rests in a moment."""
        if moment == 0:
            return _middle(self.mover.cell, _BESIDE)
        [cell] = [shape.cell for shape in self.still if shape.colour == self.touches[moment - 1].colour]
        return _middle(cell, _BESIDE)


@dataclass(frozen=True, slots=True)
class StoryQuestion:
    """A question with five options, as NExT-QA has them. `spans` are when to look, in seconds."""

    type: str
    question: str
    options: tuple[str, ...]
    answer: int  # place of the right one
    spans: tuple[tuple[float, float], ...]


def toy_story(number: int) -> ToyStory:
    """The story with this number, 0 ≤ number < 65536. The same number is the same story everywhere.

    Raises:
        ValueError: if there is no such number.
    """
    if not 0 <= number < CLIP_COUNT:
        raise ValueError(f"a toy story's number is 0 to {CLIP_COUNT - 1}, not {number}")
    chance = random.Random(f"toy story {number}")
    cells = chance.sample([(column, row) for column in range(CELLS) for row in range(CELLS)], STILL + 1)
    colours = chance.sample(sorted(STORY_COLOURS), STILL + 1)
    mover, *still = (
        StoryShape(colour, chance.choice(SHAPES), cell) for colour, cell in zip(colours, cells, strict=True)
    )
    touched = chance.sample(still, VISITS)
    touches = tuple(
        Touch(shape.colour, moment * MOMENT, moment * MOMENT + REST) for moment, shape in enumerate(touched, 1)
    )
    return ToyStory(number, mover, tuple(still), touches)


def story_questions(story: ToyStory) -> list[StoryQuestion]:
    """One of each kind: what is touched next (TN), what was touched before (TP), and what is touched when (TC)."""
    chance = random.Random(f"questions of toy story {story.number}")
    mover, touches = story.mover.colour, story.touches
    after, before, when = chance.randrange(VISITS - 1), chance.randrange(1, VISITS), chance.randrange(VISITS)
    word = ("first", "second", "last")[when]
    asked = [
        ("TN", f"what does the {mover} shape touch after the {touches[after].colour} one", after, after + 1),
        ("TP", f"what did the {mover} shape touch before the {touches[before].colour} one", before - 1, before - 1),
        ("TC", f"what does the {mover} shape touch {word}", when, when),
    ]
    return [_question(story, chance, *one) for one in asked]


def _question(
    story: ToyStory, chance: random.Random, kind: str, question: str, first: int, answer: int
) -> StoryQuestion:
    """A question whose answer is the touch number `answer`; one looks from the touch number `first` to its end."""
    # In order of the alphabet: letters bound at random would be a lesson of their own, and not the one that is asked.
    options = tuple(sorted(set(STORY_COLOURS) - {story.mover.colour}))
    last = max(answer, first + (kind == "TP"))
    spans = ((story.touches[first].start, story.touches[last].end),)
    return StoryQuestion(kind, question, options, options.index(story.touches[answer].colour), spans)


def _middle(cell: tuple[int, int], aside: float) -> Point:
    return ((cell[0] + 0.5) / CELLS + aside, (cell[1] + 0.5) / CELLS)
