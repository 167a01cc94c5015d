"""Phrases about the things of a toy picture, and which things a phrase picks out.

One grammar both ways: `the [leftmost] [small] [red] disc`, `the two green triangles`. Whoever coins a phrase has it
read back, so a phrase that is said picks out exactly what it is said of.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from demitasse.toyworld.scene import SIZES, ToyScene, ToyThing
from demitasse.toyworld.world import COLOURS, SHAPES

Things = tuple[int, ...]  # indices into a scene's things, ascending

COUNTS = ("one", "two", "three", "four", "five")
# By the middle of the thing: the axis, and the sign under which the wanted one is smallest.
EXTREMES = {"leftmost": (0, 1), "rightmost": (0, -1), "topmost": (1, 1), "lowest": (1, -1)}
CLEARLY = 0.04  # of the picture: an extreme that leads by less is not said
MOST_GROUPS = 2  # phrases about several things, of a picture
_ANY = "thing"
_COUNT, _EXTREME, _SIZE, _COLOUR = ("|".join(words) for words in (COUNTS, EXTREMES, SIZES, COLOURS))
_PHRASE = re.compile(
    rf"(?:the )?(?:(?P<count>{_COUNT}) )?(?:(?P<extreme>{_EXTREME}) )?(?:(?P<size>{_SIZE}) )?"
    rf"(?:(?P<colour>{_COLOUR}) )?(?P<shape>{'|'.join((*SHAPES, _ANY))})(?P<plural>s)?"
)
_COLUMNS, _ROWS = ("left", "", "right"), ("upper", "", "lower")


def picked(scene: ToyScene, phrase: str) -> Things | None:
    """The things that a phrase picks out, none if it fits none or not so many; None if it is no phrase of ours.

    Upper and lower case and a full stop make no difference.
    """
    read = _PHRASE.fullmatch(" ".join(phrase.lower().rstrip(".").split()))
    if read is None:
        return None
    fitting = [index for index, thing in enumerate(scene.things) if _fits(thing, read)]
    if read["extreme"] and fitting:
        fitting = _extreme(scene, fitting, *EXTREMES[read["extreme"]])
    if read["count"]:
        wanted = COUNTS.index(read["count"]) + 1 == len(fitting)
    else:
        wanted = len(fitting) > 1 if read["plural"] else len(fitting) == 1
    return tuple(fitting) if wanted else ()


def phrases(scene: ToyScene) -> dict[str, Things]:
    """What is said of a picture: for each thing the shortest phrase that is its own, then phrases for groups.

    A thing that no phrase singles out is spoken of in groups only.
    """
    said: dict[str, Things] = {}
    for index, thing in enumerate(scene.things):
        own = next((text for text in _singular(thing) if picked(scene, text) == (index,)), None)
        if own:
            said[own] = (index,)
    groups: dict[str, Things] = {}
    for text in _plural(scene):
        things = picked(scene, text)
        if things and things not in groups.values() and len(groups) < MOST_GROUPS:
            groups[text] = things
    return said | groups


def describe(thing: ToyThing) -> str:
    """Colour, kind, size and rough place, in under fifteen words."""
    return f"{thing.colour} {thing.shape}, {thing.size}, {place(thing)}"


def caption(scene: ToyScene) -> str:
    """The whole picture in two sentences."""
    things = [f"a {thing.size} {thing.colour} {thing.shape} {place(thing)}" for thing in scene.things]
    listed = " and ".join(part for part in (", ".join(things[:-1]), things[-1]) if part)
    return f"A dark room with a wall of coarse blocks. In it one sees {listed}."


def place(thing: ToyThing) -> str:
    """In which ninth of the picture the middle of a thing lies."""
    x, y = _middle(thing)
    column, row = _COLUMNS[min(2, int(x * 3))], _ROWS[min(2, int(y * 3))]
    if not column and not row:
        return "in the middle"
    return f"at the {row} {column}" if row and column else f"at the {row or column} edge"


def _fits(thing: ToyThing, read: re.Match[str]) -> bool:
    return (
        read["size"] in (None, thing.size)
        and read["colour"] in (None, thing.colour)
        and read["shape"] in (_ANY, thing.shape)
    )


def _extreme(scene: ToyScene, fitting: Sequence[int], axis: int, sign: int) -> list[int]:
    """The one that leads clearly, or none."""
    order = sorted(fitting, key=lambda index: sign * _middle(scene.things[index])[axis])
    if len(order) > 1:
        lead = [sign * _middle(scene.things[index])[axis] for index in order[:2]]
        if lead[1] - lead[0] < CLEARLY:
            return []
    return order[:1]


def _singular(thing: ToyThing) -> Iterator[str]:
    """Ways to speak of one thing, short ones first."""
    traits = {"size": thing.size, "colour": thing.colour}
    for chosen in (("colour",), ("size",), ("size", "colour")):
        yield f"the {' '.join(traits[name] for name in chosen)} {thing.shape}"
    for extreme in EXTREMES:
        yield f"the {extreme} {thing.colour} {thing.shape}"
    for extreme in EXTREMES:
        yield f"the {extreme} {thing.size} {thing.colour} {thing.shape}"


def _plural(scene: ToyScene) -> Iterator[str]:
    """Ways to speak of several things of a picture, those that say most of them first."""
    ways: list[Callable[[ToyThing], str]] = [
        lambda thing: f"{thing.colour} {thing.shape}s",
        lambda thing: f"{thing.colour} things",
        lambda thing: f"{thing.shape}s",
    ]
    for way in ways:
        counted: dict[str, int] = {}
        for thing in scene.things:
            counted[way(thing)] = counted.get(way(thing), 0) + 1
        yield from (f"the {COUNTS[count - 1]} {text}" for text, count in counted.items() if count > 1)


def _middle(thing: ToyThing) -> tuple[float, float]:
    x1, y1, x2, y2 = thing.box
    return (x1 + x2) / 2, (y1 + y2) / 2
