"""Step 0: a phrase for each given box, such that nobody takes it for another box of the image.

Every box gets exactly one region. Regions are matched back to the boxes by IoU; TAO trusts their count and order. What
step 0 is for is the phrase: where the teacher copied a box wrongly, the given one stands in the region, and what was
written stands beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from annotate.asking import Asked, Asker, all_of
from annotate.referring.matching import Given, Pair, exchanged, given_boxes, pair
from annotate.referring.replies import Region, region_form
from annotate.referring.rows import head, made_by, not_shown
from annotate.referring.space import Space, canonical, plain, refusal, space_of, stored
from demitasse.engine.step import Fields, Step
from demitasse.geometry import Box

if TYPE_CHECKING:
    from annotate.referring.pictures import Pictures, Shown

VERSION = 1
FILE = "step_0_region_expr/annotations.jsonl"
KEY = "region_expr"
SLIP = 1  # units by which a copied edge may be off

Described = tuple[Region, Box, Given, float]  # the region, its box and the given one that it means, their IoU


@dataclass(frozen=True)
class RegionDescribing:
    """Step 0. `most` is the number of boxes that one request asks about."""

    vlm: Asker
    pictures: Pictures
    most: int
    after: tuple[str, ...]

    def step(self) -> Step:
        """The step for the graph."""
        return Step("0", FILE, VERSION, self._inputs, self._run, after=self.after)

    def _inputs(self, fields: Fields) -> Any:
        capability = self.vlm.model.capability
        return {
            "asked": self.vlm.decides(KEY, region_form(space_of(capability.boxes))),
            "boxes": fields["boxes"],
            "most": self.most,
            "style": capability.boxes,
            "picture": self.pictures.decides(fields, capability),
        }

    async def _run(self, fields: Fields) -> Fields:
        if not fields["boxes"]:
            return {**head(fields), "regions": [], "provenance": made_by(self.vlm, [])}
        capability = self.vlm.model.capability
        shown = await self.pictures.shown(fields, capability)
        space = space_of(capability.boxes, shown.size)
        given, thin = given_boxes(((box["type"], canonical(box, fields)) for box in fields["boxes"]), space)
        parts = [given[start : start + self.most] for start in range(0, len(given), self.most)]
        asked = await all_of(*(self._describe(part, space, shown) for part in parts))
        regions = [_row(one, space, fields) for answer in asked for one in answer.value]
        passed_over = [_left_out(fields["boxes"][index], index, reason) for index, reason in thin]
        return {
            **head(fields),
            "regions": regions,
            **not_shown(passed_over),
            "provenance": made_by(self.vlm, asked),
        }

    async def _describe(self, given: list[Given], space: Space, shown: Shown) -> Asked[list[Described]]:
        form = region_form(space)
        values = {"bboxes": "\n".join(one.line for one in given)}
        return await self.vlm.ask_and_read(
            KEY, values, form, lambda text: described(form.read(text).regions, given, space), shown.parts
        )


def described(regions: list[Region], given: list[Given], space: Space) -> list[Described]:
    """Regions with the given boxes that they mean, in the order of the reply.

    Raises:
        ParseError: if a region's box is none, or near no given box that is free, or a given box has no region.
    """
    written = [(f"Region {number}", one.bbox_2d) for number, one in enumerate(regions, 1)]
    boxes = space.read_all(written)
    pairs = pair(boxes, given, [one.type for one in regions])
    faults = [*exchanged(written, given), *_strangers(regions, pairs), *_missing(given, pairs)]
    if faults:
        raise refusal(faults)
    return [(regions[one.found], boxes[one.found], given[one.given], one.iou) for one in pairs]


def _missing(given: list[Given], pairs: list[Pair]) -> list[str]:
    meant = {one.given for one in pairs}
    missing = [one.told for place, one in enumerate(given) if place not in meant]
    return [f"There is no region for these boxes of the list: {'; '.join(missing)}"] if missing else []


def _strangers(regions: list[Region], pairs: list[Pair]) -> list[str]:
    known = {one.found for one in pairs}
    return [
        f"Region {place + 1}, {plain(region.bbox_2d)} ({region.description}), lies on no box of the list, or on one "
        "that another region describes: copy the numbers of each box, and describe each box once"
        for place, region in enumerate(regions)
        if place not in known
    ]


def _row(one: Described, space: Space, fields: Fields) -> Fields:
    region, box, given, overlap = one
    texts = {"type": region.type, "color": region.color, "description": region.description}
    match = {"box": given.index, "box_iou": round(overlap, 4)}
    if _is_copied(box, given, space):
        return {**stored(box, fields), **texts, **match}
    right = canonical(fields["boxes"][given.index], fields)
    return {**stored(right, fields), **texts, **match, "written_bbox_2d": stored(box, fields)["bbox_2d"]}


def _is_copied(box: Box, given: Given, space: Space) -> bool:
    """Whether the numbers are those that were told, to the unit: TAO's files keep such a copy to the letter."""
    return all(abs(mine - told) <= SLIP for mine, told in zip(space.write(box), given.written, strict=True))


def _left_out(box: Fields, index: int, reason: str) -> Fields:
    line = {"line": box["line"]} if "line" in box else {}
    return {**line, "box": index, "reason": reason}
