"""Step 2: expressions, each with exactly the boxes that it fits: one for each object that can be told apart, and
ones for groups.

Every box of a reply must be one of the regions'. An image with more regions than a request asks about is done a part
at a time; a phrase that fits objects of several parts is one expression with all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from annotate.asking import Asked, Asker, all_of
from annotate.referring.grammar import fold
from annotate.referring.matching import Given, exchanged, given_boxes, pair
from annotate.referring.replies import Grounded, expression_form
from annotate.referring.rows import head, made_by, not_shown
from annotate.referring.space import Space, canonical, plain, refusal, space_of, stored
from demitasse.engine.step import Fields, Step
from demitasse.geometry import Box

if TYPE_CHECKING:
    from annotate.referring.pictures import Pictures, Shown

VERSION = 1
FILE = "step_2_grounding_expr/annotations.jsonl"
KEY = "grounding_expr"

Instance = tuple[Box, int, float]  # a box, the place of the region that it means, their IoU


@dataclass(frozen=True)
class Grounding:
    """Step 2. `most` is the number of regions that one request asks about."""

    vlm: Asker
    pictures: Pictures
    most: int
    after: tuple[str, ...]

    def step(self) -> Step:
        """The step for the graph."""
        return Step("2", FILE, VERSION, self._inputs, self._run, after=self.after)

    def _inputs(self, fields: Fields) -> Any:
        capability = self.vlm.model.capability
        return {
            "asked": self.vlm.decides(KEY, expression_form(space_of(capability.boxes))),
            "regions": fields["regions"],
            "caption": fields.get("caption"),
            "most": self.most,
            "style": capability.boxes,
            "picture": self.pictures.decides(fields, capability),
        }

    async def _run(self, fields: Fields) -> Fields:
        if not fields["regions"]:
            return {**head(fields), "expressions": [], "provenance": made_by(self.vlm, [])}
        capability = self.vlm.model.capability
        shown = await self.pictures.shown(fields, capability)
        space = space_of(capability.boxes, shown.size)
        given, thin = given_boxes(((_name(one), canonical(one, fields)) for one in fields["regions"]), space)
        parts = [given[start : start + self.most] for start in range(0, len(given), self.most)]
        asked = await all_of(*(self._ground(fields, given, part, space, shown) for part in parts))
        united = unite([one for answer in asked for one in answer.value])
        return {
            **head(fields),
            "expressions": [_row(number, one, fields) for number, one in enumerate(united)],
            **not_shown([{"region": index, "reason": reason} for index, reason in thin]),
            "provenance": made_by(self.vlm, asked),
        }

    async def _ground(
        self, fields: Fields, given: list[Given], part: list[Given], space: Space, shown: Shown
    ) -> Asked[list[tuple[str, list[Instance]]]]:
        form = expression_form(space)
        values = {
            "bboxes": "\n".join(one.line for one in given),
            "caption_section": f"caption: {fields['caption']}" if fields.get("caption") else "",
            "part_section": "" if len(part) == len(given) else _only(part),
        }
        return await self.vlm.ask_and_read(
            KEY, values, form, lambda text: grounded(form.read(text).expressions, part, space), shown.parts
        )


def grounded(expressions: list[Grounded], given: list[Given], space: Space) -> list[tuple[str, list[Instance]]]:
    """Phrases with their boxes, and the regions that these mean.

    Raises:
        ParseError: if there is no phrase, one stands twice or has no box, or a box is none, or not one of the list's.
    """
    if not expressions:
        raise refusal(["There is no expression in it: each object of the list that can be told apart needs one"])
    faults: list[str] = []
    found: dict[str, tuple[str, list[Instance]]] = {}
    for one in expressions:
        if fold(one.phrase) in found:
            faults.append(f"'{one.phrase}' stands there twice; a phrase stands once, with the boxes of all it fits")
        instances, wrong = _instances(one, given, space)
        found[fold(one.phrase)] = one.phrase, instances
        faults += wrong
    if faults:
        raise refusal(faults)
    return list(found.values())


def _instances(one: Grounded, given: list[Given], space: Space) -> tuple[list[Instance], list[str]]:
    """The boxes of one phrase with the regions that they mean, and what is wrong with them."""
    written = [(f"'{one.phrase}'", box) for box in one.boxes]
    boxes = space.read_all(written)
    if not boxes:
        return [], [f"'{one.phrase}' has no box; leave out a phrase that fits nothing"]
    pairs = pair(boxes, given)
    known = {matched.found for matched in pairs}
    strange = [plain(box) for place, box in enumerate(one.boxes) if place not in known]
    faults = [
        f"'{one.phrase}' has {box}, which is no box of the list that may be used, or stands there twice: copy the "
        "numbers of each box"
        for box in strange
    ]
    faults += exchanged(written, given)
    return [(boxes[one.found], given[one.given].index, one.iou) for one in pairs], faults


def unite(parts: list[tuple[str, list[Instance]]]) -> list[tuple[str, list[Instance]]]:
    """Expressions of all parts; those with the same phrase are one."""
    united: dict[str, tuple[str, list[Instance]]] = {}
    for phrase, instances in parts:
        united.setdefault(fold(phrase), (phrase, []))[1].extend(instances)
    return list(united.values())


def _only(part: list[Given]) -> str:
    return (
        f"The list is long. Write phrases for the objects {part[0].number} to {part[-1].number} only, and give no "
        "other boxes than theirs; the others stand there so that you can tell these from them."
    )


def _name(region: Fields) -> str:
    """What a region is called in the prompt: its description, or TAO's makeshifts."""
    return region.get("description") or f"{region.get('color', '')} {region.get('type', '')}".strip() or "object"


def _row(number: int, expression: tuple[str, list[Instance]], fields: Fields) -> Fields:
    phrase, instances = expression
    expression_id = f"{fields['image']}/expr_{number:02d}"
    return {
        "text": phrase,
        "expression_id": expression_id,
        "instances": [
            {
                **stored(box, fields),
                "bbox_id": f"{expression_id}/box_{place:02d}",
                "region": region,
                "region_iou": round(overlap, 4),
            }
            for place, (box, region, overlap) in enumerate(instances)
        ],
    }
