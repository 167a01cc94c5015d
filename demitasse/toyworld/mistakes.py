"""Wrong boxes and wrong verdicts of a scripted teacher: put in on purpose, always the same, and told.

Whether a box is wrong hangs on its picture, step, phrase and thing alone, so a larger share keeps the errors of a
smaller one. `box_errors` and `check_errors` say what was put in, to be held against what a run reports.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from demitasse.geometry import iou
from demitasse.toyworld.phrases import Things, describe, phrases, picked
from demitasse.toyworld.scene import Box, ToyScene

Flaw = Literal["", "shifted", "other"]  # "": none; moved along by SHIFT; another thing's box
Action = Literal["kept", "moved", "removed"]

# Of the box's side. An IoU of 0.74 with the right box, and of 0.54 at least between two that slipped apart: what a
# reader still takes for the same box, in step 2 from a list that step 0 got wrong.
SHIFT = 0.15
CLOSE = 0.07  # of a thing's side: nearer than this every edge is right, for numbers in any units are rounded
OVERLAP = 0.3  # IoU from which a wrong box is taken for a bad one of its thing


@dataclass(frozen=True, slots=True)
class Drawn:
    """A box as a teacher gives it: of which thing it should be, and what is wrong with it."""

    thing: int
    box: Box
    flaw: Flaw = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a box in a check, where it ends, and whether a right checker would have done otherwise."""

    action: Action
    box: Box
    mistaken: bool = False


@dataclass(frozen=True, slots=True)
class InjectedError:
    """One error that was put in: in which step, in which box (counted from 0) of what phrase, and what it is.

    `what` is "shifted" or "other" for a box, and for a verdict what was wrongly done: "kept", "moved" or "removed".
    """

    step: str
    phrase: str
    box: int
    what: str


def draw(
    scene: ToyScene, step: str, phrase: str, things: Things, share: float, others: Sequence[int] | None = None
) -> tuple[Drawn, ...]:
    """The boxes that a teacher who errs in `share` of them gives for the things that a phrase is about.

    Args:
        scene: the picture.
        step: "0", "2" or "4"; each errs elsewhere.
        phrase: what is said of the things.
        things: their indices.
        share: 0 to 1.
        others: things whose boxes may be given by mistake; all that `things` leaves, if that is not said. In step 0
            there are none: one more region on another's box would not be taken for any.
    """
    if others is None:
        others = [index for index in range(len(scene.things)) if index not in things] if step != "0" else []
    free = [scene.things[index].box for index in others]
    drawn: list[Drawn] = []
    for index in things:
        chance = random.Random(f"box of thing {index} of toy scene {scene.number} in step {step}: {phrase}")
        right = scene.things[index].box
        if chance.random() >= share:
            drawn.append(Drawn(index, right))
        elif free and chance.random() < 0.5:
            drawn.append(Drawn(index, free.pop(chance.randrange(len(free))), "other"))
        else:
            drawn.append(Drawn(index, shifted(right, chance), "shifted"))
    return tuple(drawn)


def check(scene: ToyScene, phrase: str, boxes: Sequence[Box], share: float) -> list[Verdict]:
    """A verdict on each box of a phrase, by a checker that is wrong in `share` of them.

    A right checker keeps a box that is right, moves one that belongs to a thing of the phrase to where that is, and
    removes one that does not. Where the phrase is about several, a missing one takes the place of a stranger.
    A wrong one keeps what is wrong, and removes or moves what is right.
    """
    verdicts = _right_verdicts(scene, picked(scene, phrase), boxes)
    for index, (right, box) in enumerate(zip(verdicts, boxes, strict=True)):
        chance = random.Random(f"check of box {index} of toy scene {scene.number}: {phrase}")
        if chance.random() >= share:
            continue
        if right.action != "kept":
            verdicts[index] = Verdict("kept", box, mistaken=True)
        elif chance.random() < 0.5:
            verdicts[index] = Verdict("removed", box, mistaken=True)
        else:
            verdicts[index] = Verdict("moved", shifted(box, chance), mistaken=True)
    return verdicts


def box_errors(scene: ToyScene, step: str, share: float) -> tuple[InjectedError, ...]:
    """The wrong boxes in a step ("0", "2" or "4") of a teacher that errs in `share` of them and is told of all things.

    In step 0 the phrase is the thing's description.
    """
    said = {describe(thing): (index,) for index, thing in enumerate(scene.things)} if step == "0" else phrases(scene)
    return tuple(
        InjectedError(step, phrase, index, one.flaw)
        for phrase, things in said.items()
        for index, one in enumerate(draw(scene, step, phrase, things, share))
        if one.flaw
    )


def check_errors(scene: ToyScene, box_share: float, check_share: float) -> tuple[InjectedError, ...]:
    """The wrong verdicts of step 3, on the boxes of a step 2 that errs in `box_share` of them."""
    return tuple(
        InjectedError("3", phrase, index, verdict.action)
        for phrase, things in phrases(scene).items()
        for index, verdict in enumerate(
            check(scene, phrase, [one.box for one in draw(scene, "2", phrase, things, box_share)], check_share)
        )
        if verdict.mistaken
    )


def is_right(box: Box, truth: Box) -> bool:
    """Whether every edge is close enough to be the same box in rounded numbers."""
    width, height = truth[2] - truth[0], truth[3] - truth[1]
    return all(abs(a - b) <= CLOSE * side for a, b, side in zip(box, truth, (width, height) * 2, strict=True))


def _right_verdicts(scene: ToyScene, things: Things | None, boxes: Sequence[Box]) -> list[Verdict]:
    """The truth; what is said in words that are none of the toy world's is left as it is."""
    if things is None:
        return [Verdict("kept", box) for box in boxes]
    missing = list(things)
    verdicts: dict[int, Verdict] = {}
    for index, box in enumerate(boxes):
        found = next((thing for thing in missing if is_right(box, scene.things[thing].box)), None)
        if found is not None:
            missing.remove(found)
            verdicts[index] = Verdict("kept", box)
    for least in (OVERLAP, 0.0) if len(things) > 1 else (OVERLAP,):
        for index, box in enumerate(boxes):
            near = max(missing, key=lambda thing: iou(box, scene.things[thing].box), default=None)
            if index not in verdicts and near is not None and iou(box, scene.things[near].box) >= least:
                missing.remove(near)
                verdicts[index] = Verdict("moved", scene.things[near].box)
    return [verdicts.get(index, Verdict("removed", box)) for index, box in enumerate(boxes)]


def shifted(box: Box, chance: random.Random) -> Box:
    """The box moved along one axis, to where the picture has room; one that fills the picture loses its left edge."""
    x1, y1, x2, y2 = box
    across, down = SHIFT * (x2 - x1), SHIFT * (y2 - y1)
    moved = [
        (x1 + dx, y1 + dy, x2 + dx, y2 + dy)
        for dx, dy in ((across, 0.0), (-across, 0.0), (0.0, down), (0.0, -down))
        if min(x1 + dx, y1 + dy) >= 0 and max(x2 + dx, y2 + dy) <= 1
    ]
    return chance.choice(moved) if moved else (x1 + across, y1, x2, y2)
