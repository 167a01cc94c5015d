"""Step 3's replies: what a checker says of each box that it was shown, whatever form it says it in.

A verdict belongs to a box by the phrase and the number that it names or, in a text reply, by the phrase and the
overlap with the box as it was shown. It never belongs to a box by its position: TAO does it so, and a box that is
removed hands its name to the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from annotate.referring.grammar import Line, fold, read_lines
from annotate.referring.matching import Given, exchanged, pair
from annotate.referring.replies import Checked, Judged, Verdicts, verdict_form
from annotate.referring.space import Space, plain, refusal
from demitasse.geometry import Box

Kind = Literal["keep", "remove", "move"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a box; `box` is where it is moved to."""

    kind: Kind
    box: Box | None = None


KEEP, REMOVE = Verdict("keep"), Verdict("remove")


@dataclass(frozen=True, slots=True)
class ShownExpression:
    """An expression as a checker is shown it.

    Attributes:
        index: its place in the record, from 0.
        phrase: on one line.
        boxes: in the order of its instances.
    """

    index: int
    phrase: str
    boxes: list[Given] = field(default_factory=list)

    @property
    def number(self) -> int:
        """What the prompt calls it."""
        return self.index + 1


# The verdicts on an expression's boxes, in their order, by the expression's place in the record.
Judgement = dict[int, list[Verdict]]


def read_verdicts(text: str, shown: Sequence[ShownExpression], space: Space) -> Judgement:
    """The verdict on every box that was shown.

    Raises:
        ParseError: if the reply is in neither form, names what was not shown, leaves a box without a verdict, moves
            one to where no box can be, or adds one. Nothing is deleted on its account.
    """
    lines = read_lines(text)
    if lines is not None:
        judged, faults = _from_lines(lines, shown, space)
    else:
        judged, faults = _from_fields(verdict_form(space).read(text), shown, space)
    for one in shown:
        if _stands_twice(one, judged.get(one.index, [])):
            faults.append(f"'{one.phrase}' has the same box twice as it now stands; remove one of them")
    if faults:
        raise refusal(faults)
    return judged


def _from_fields(reply: Verdicts, shown: Sequence[ShownExpression], space: Space) -> tuple[Judgement, list[str]]:
    known = {one.number: one for one in shown}
    judged: Judgement = {}
    faults: list[str] = []
    for checked in reply.expressions:
        one = known.pop(checked.number, None)
        if one is None or fold(one.phrase) != fold(checked.phrase):
            faults.append(
                f"Expression {checked.number} '{checked.phrase}' is none of the list, or stands there twice: copy each "
                "number with its phrase, and judge each once"
            )
            continue
        verdicts, wrong = _from_boxes(checked, one, space)
        judged[one.index] = verdicts
        faults += wrong
    faults += [f"There are no verdicts on expression {one.number} '{one.phrase}'" for one in known.values()]
    return judged, faults


def _from_boxes(checked: Checked, shown: ShownExpression, space: Space) -> tuple[list[Verdict], list[str]]:
    """The verdicts on one expression's boxes, numbered from 1 within it."""
    where = f"Expression {shown.number}"
    judged: dict[int, Verdict] = {}
    faults: list[str] = []
    for one in checked.boxes:
        if one.box in judged or not 1 <= one.box <= len(shown.boxes):
            faults.append(f"{where} has no box {one.box}, or it is judged twice; no box may be added")
            continue
        judged[one.box], wrong = _from_judged(one, shown.boxes[one.box - 1], f"{where}, box {one.box}", space)
        faults += wrong
    numbers = range(1, len(shown.boxes) + 1)
    faults += [f"{where} has no verdict on box {number}" for number in numbers if number not in judged]
    return [judged.get(number, KEEP) for number in numbers], faults


def _from_judged(one: Judged, given: Given, where: str, space: Space) -> tuple[Verdict, list[str]]:
    if one.verdict == "remove":
        return REMOVE, []
    if one.verdict == "keep":
        if one.bbox_2d and plain(one.bbox_2d) != list(given.written):
            return KEEP, [f"{where} is kept, but with other numbers: say move, or copy the numbers"]
        return KEEP, []
    (box,) = space.read_all([(where, one.bbox_2d)])
    return (KEEP if box == given.box else Verdict("move", box)), exchanged([(where, one.bbox_2d)], [given])


def _from_lines(lines: list[Line], shown: Sequence[ShownExpression], space: Space) -> tuple[Judgement, list[str]]:
    """An expression that has no line was removed: all the reply is in form, so nothing was lost on the way."""
    known = {fold(one.phrase): one for one in shown}
    judged: Judgement = {one.index: [REMOVE] * len(one.boxes) for one in shown}
    faults: list[str] = []
    for phrase, boxes in lines:
        one = known.pop(fold(phrase), None)
        if one is None:
            faults.append(f"'{phrase}' is none of the list's phrases, or stands there twice: copy phrases as they are")
            continue
        written = [(f"'{phrase}'", box) for box in boxes]
        found = space.read_all(written)
        judged[one.index], added = _reconciled(found, one)
        faults += exchanged(written, one.boxes)
        if added:
            faults.append(f"'{phrase}' has {plain(boxes[added[0]])}, which is none of its boxes; no box may be added")
    return judged, faults


def _reconciled(found: list[Box], shown: ShownExpression) -> tuple[list[Verdict], list[int]]:
    """Verdicts by overlap, and the places of boxes that are nobody's.

    A box that overlaps none of the shown ones can only be meant for the one that is left, if one is.
    """
    verdicts = [REMOVE] * len(shown.boxes)
    pairs = pair(found, shown.boxes, near=0)
    for one in pairs:
        same = found[one.found] == shown.boxes[one.given].box
        verdicts[one.given] = KEEP if same else Verdict("move", found[one.found])
    strange = sorted(set(range(len(found))) - {one.found for one in pairs})
    free = sorted(set(range(len(shown.boxes))) - {one.given for one in pairs})
    if len(strange) == len(free) == 1:
        verdicts[free[0]] = Verdict("move", found[strange[0]])
        strange = []
    return verdicts, strange


def _stands_twice(shown: ShownExpression, verdicts: Sequence[Verdict]) -> bool:
    """Whether a move has put a box where another one of the expression is."""
    moved = [one.box for one in verdicts if one.box is not None]
    kept = [given.box for given, one in zip(shown.boxes, verdicts, strict=False) if one is KEEP]
    return len(set(moved)) < len(moved) or bool(set(moved) & set(kept))
