"""Which of the boxes that a model was told does a box of its reply mean?

Teachers copy boxes, and slip by a unit or two. A box is taken for the one that is copied letter for letter; what is
left over is paired so that the sum of IoU is greatest. Boxes are compared as the model was told them, so that what
rounding to its units did to a thin box is not laid at its door.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from annotate.referring.space import Space, plain
from demitasse.errors import DataError
from demitasse.geometry import TAO, Box, from_canonical, iou, match_boxes

NEAR = 0.5  # IoU from which a box is a slip of the one that was given, and no other box


@dataclass(frozen=True, slots=True)
class Given:
    """A box that a model is told.

    Attributes:
        index: where the box stands in the record, from 0.
        number: what the prompt calls it, from 1.
        name: what stands beside it there: a type, a description.
        written: its numbers in the model's units.
        box: the same, canonical.
    """

    index: int
    number: int
    name: str
    written: tuple[int, ...]
    box: Box

    @property
    def line(self) -> str:
        """The box in a list."""
        return f"{self.number}. {self.name}: {list(self.written)}"

    @property
    def told(self) -> str:
        """The box in a complaint."""
        return f"{self.number}, {list(self.written)} ({self.name})"


@dataclass(frozen=True, slots=True)
class Pair:
    """Which box of a reply means which given one (places in their lists), and their IoU."""

    found: int
    given: int
    iou: float


def given_boxes(boxes: Iterable[tuple[str, Box]], space: Space) -> tuple[list[Given], list[tuple[int, str]]]:
    """Boxes as a model is told them, and the places of those that it cannot be told, each with the reason.

    What it could not copy is not told: a box without area in its units, or in the thousandths of our files.
    """
    given: list[Given] = []
    thin: list[tuple[int, str]] = []
    for index, (name, box) in enumerate(boxes):
        try:
            written = space.write(box)
            from_canonical(box, TAO)  # of wide images, what is rounded to pixels may have an area there by chance
            given.append(Given(index, index + 1, one_line(name), tuple(written), space.read(written)))
        except DataError as fault:
            thin.append((index, f"not shown to the model: {fault}"))
    return given, thin


def pair(found: Sequence[Box], given: Sequence[Given], names: Sequence[str] = (), near: float = NEAR) -> list[Pair]:
    """Pair boxes one to one, in the order of `found`; what is near nothing is in no pair.

    Args:
        found: canonical boxes of a reply.
        given: what they are taken to mean.
        names: of the found ones; of several given boxes with the same numbers, one of the same name is taken first.
        near: the least IoU of a pair; 0 asks for any overlap at all.
    """
    taken = dict(_copies(found, given, names))
    rest = [place for place in range(len(found)) if place not in taken]
    meant = set(taken.values())
    free = [place for place in range(len(given)) if place not in meant]
    pairs = [Pair(one, other, 1.0) for one, other in taken.items()]
    for row, column, overlap in match_boxes([found[place] for place in rest], [given[place].box for place in free]):
        if overlap >= near:
            pairs.append(Pair(rest[row], free[column], overlap))
    return sorted(pairs, key=lambda one: one.found)


def exchanged(written: Iterable[tuple[str, Sequence[float]]], given: Sequence[Given]) -> list[str]:
    """Complaints about boxes that are a given one with x and y exchanged, which near the diagonal overlap it well.

    Args:
        written: the four numbers of each box in the model's units, after the words that tell where it stands.
        given: the boxes that it was told. One that has the numbers as they stand is no exchange.
    """
    told = {one.written for one in given}
    return [
        f"{place}: {plain(box)} is a box of the list with x and y exchanged"
        for place, box in written
        if tuple(box) not in told and tuple(box[at] for at in (1, 0, 3, 2)) in told
    ]


def nearest(box: Box, others: Sequence[Box], least: float = 0.0) -> tuple[int | None, float]:
    """The place of the box that overlaps most, and the IoU; None and 0 if none does, or by less than `least`."""
    overlaps = [iou(box, other) for other in others]
    best = max(range(len(overlaps)), key=overlaps.__getitem__, default=None)
    if best is None or not overlaps[best] or overlaps[best] < least:
        return None, 0.0
    return best, round(overlaps[best], 4)


def one_line(text: str) -> str:
    """A text without line breaks, for a list in a prompt."""
    return " ".join(text.split())


def _copies(found: Sequence[Box], given: Sequence[Given], names: Sequence[str]) -> Iterable[tuple[int, int]]:
    """What was copied as it was told: place in `found`, place in `given`."""
    places: dict[Box, list[int]] = {}
    for place, one in enumerate(given):
        places.setdefault(one.box, []).append(place)
    waiting: list[int] = []
    for place, box in enumerate(found):
        free = places.get(box, [])
        named = [one for one in free if names and given[one].name.casefold() == names[place].casefold()]
        if named:
            free.remove(named[0])
            yield place, named[0]
        elif free:
            waiting.append(place)
    for place in waiting:
        if free := places[found[place]]:
            yield place, free.pop(0)
