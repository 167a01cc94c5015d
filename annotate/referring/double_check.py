"""Step 3: a second look at every expression. A box is kept, removed or moved; nothing is added and no id changes.

What was removed stays in the row, and what was moved says from where and how far.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from annotate.asking import Asked, Asker, all_of
from annotate.referring.grammar import fold, write_line
from annotate.referring.matching import NEAR, given_boxes, nearest, one_line
from annotate.referring.replies import verdict_form
from annotate.referring.rows import head, made_by
from annotate.referring.space import Space, canonical, space_of, stored
from annotate.referring.verdicts import Judgement, ShownExpression, Verdict, read_verdicts
from demitasse.engine.step import Fields, Step
from demitasse.geometry import iou

if TYPE_CHECKING:
    from annotate.referring.pictures import Pictures, Shown

VERSION = 1
FILE = "step_3_double_check/annotations.jsonl"
KEY = "double_check"


@dataclass(frozen=True)
class DoubleChecking:
    """Step 3. `most` is the number of boxes that one request shows, unless one expression has more."""

    checker: Asker
    pictures: Pictures
    most: int
    after: tuple[str, ...]

    def step(self) -> Step:
        """The step for the graph."""
        return Step("3", FILE, VERSION, self._inputs, self._run, after=self.after)

    def _inputs(self, fields: Fields) -> Any:
        capability = self.checker.model.capability
        return {
            "asked": self.checker.decides(KEY, verdict_form(space_of(capability.boxes))),
            "expressions": fields["expressions"],
            "regions": fields.get("regions"),
            "most": self.most,
            "style": capability.boxes,
            "picture": self.pictures.decides(fields, capability),
        }

    async def _run(self, fields: Fields) -> Fields:
        expressions = fields["expressions"]
        if not expressions:
            return {**head(fields), "expressions": [], "removed": [], "provenance": made_by(self.checker, [])}
        capability = self.checker.model.capability
        shown = await self.pictures.shown(fields, capability)
        space = space_of(capability.boxes, shown.size)
        seen, unseen = shown_expressions(expressions, space, fields)
        asked = await all_of(*(self._check(part, space, shown) for part in parts_of(seen, self.most)))
        judged = {index: verdicts for answer in asked for index, verdicts in answer.value.items()}
        checked = [
            _unchecked(one, unseen[index]) if index in unseen else apply(one, judged[index], fields)
            for index, one in enumerate(expressions)
        ]
        return {
            **head(fields),
            "expressions": [one for one in checked if not _is_gone(one)],
            "removed": [
                {**expressions[index], "check": one["check"]} for index, one in enumerate(checked) if _is_gone(one)
            ],
            "provenance": made_by(self.checker, asked),
        }

    async def _check(self, part: list[ShownExpression], space: Space, shown: Shown) -> Asked[Judgement]:
        listing = numbered if self.checker.is_structured else lines
        return await self.checker.ask_and_read(
            KEY,
            {"expr": listing(part)},
            verdict_form(space),
            lambda text: read_verdicts(text, part, space),
            shown.parts,
        )


def shown_expressions(
    expressions: Sequence[Fields], space: Space, fields: Fields
) -> tuple[list[ShownExpression], dict[int, str]]:
    """Expressions as a checker is shown them, and by their places those that it cannot be, each with the reason."""
    seen: list[ShownExpression] = []
    unseen: dict[int, str] = {}
    for index, one in enumerate(expressions):
        boxes = (("", canonical(instance, fields)) for instance in one["instances"])
        given, thin = given_boxes(boxes, space)
        if thin:
            unseen[index] = thin[0][1]
        else:
            seen.append(ShownExpression(index, one_line(one["text"]), given))
    return seen, unseen


def parts_of(expressions: Sequence[ShownExpression], most: int) -> Iterator[list[ShownExpression]]:
    """Expressions for a request each: at most so many boxes, unless one has more, and no phrase twice."""
    part: list[ShownExpression] = []
    for one in expressions:
        boxes = sum(len(other.boxes) for other in part) + len(one.boxes)
        if part and (boxes > most or fold(one.phrase) in {fold(other.phrase) for other in part}):
            yield part
            part = []
        part.append(one)
    if part:
        yield part


def numbered(part: Sequence[ShownExpression]) -> str:
    """The list for a model that answers by numbers: each expression with its boxes, numbered within it."""
    return "\n".join(
        f"{one.number}. {one.phrase}\n" + "\n".join(f"   box {box.number}: {list(box.written)}" for box in one.boxes)
        for one in part
    )


def lines(part: Sequence[ShownExpression]) -> str:
    """The list for a model that answers with the list: TAO's lines."""
    return "\n".join(write_line(one.phrase, [box.written for box in one.boxes]) for one in part)


def apply(expression: Fields, verdicts: Sequence[Verdict], fields: Fields) -> Fields:
    """An expression with the boxes that are left of it, and what the check did to them."""
    kept, moved, removed, left = 0, [], [], []
    for instance, verdict in zip(expression["instances"], verdicts, strict=True):
        if verdict.kind == "remove":
            removed.append({"bbox_id": instance["bbox_id"], "bbox_2d": instance["bbox_2d"]})
        elif verdict.box is None:
            kept += 1
            left.append(instance)
        else:
            overlap = round(iou(canonical(instance, fields), verdict.box), 4)
            moved.append({"bbox_id": instance["bbox_id"], "iou": overlap, "was": instance["bbox_2d"]})
            left.append(_moved(instance, verdict, fields))
    check = {"kept": kept, "moved": moved, "removed": removed}
    return {**expression, "instances": left, "verified": True, "check": check}


def _moved(instance: Fields, verdict: Verdict, fields: Fields) -> Fields:
    """The instance at its new place; it means the region that is there, or none, and no longer the one it came from."""
    assert verdict.box is not None  # a move has one
    regions = [canonical(region, fields) for region in fields.get("regions") or ()]
    region, overlap = nearest(verdict.box, regions, NEAR)
    return {**instance, **stored(verdict.box, fields), "region": region, "region_iou": overlap}


def _unchecked(expression: Fields, reason: str) -> Fields:
    """An expression that the checker could not be shown: it stays, and is not verified."""
    check = {"kept": len(expression["instances"]), "moved": [], "removed": [], "unchecked": reason}
    return {**expression, "verified": False, "check": check}


def _is_gone(expression: Fields) -> bool:
    return not expression["instances"]
