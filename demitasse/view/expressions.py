"""A row of `annotations.jsonl` (`annotate image`) as items that a person can decide on, and with the decisions in it.

An expression is decided on as a grounding item is: its question is the phrase, its answer the list of its boxes, in
pixels of the displayed picture. So one page, one file of decisions and one rule on stale texts serve both.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from demitasse.dataset import Item
from demitasse.dataset.dialect import read_boxes_answer
from demitasse.dataset.grounding import UNITS, BoxUnits
from demitasse.errors import DataError
from demitasse.geometry import TAO, check_box, from_canonical, iou
from demitasse.view.edits import REVIEW, Decision, text_hash

TASK = "expression"
STYLE = "image_px"
SAME_THING = 0.5  # IoU with a region from which on a box that a person drew is taken to show it

Json = dict[str, Any]
Numbers = list[float]
Size = tuple[int, int]


def image_of(row: Mapping[str, Any]) -> str:
    """The picture's path under its folder; TAO's own rows have only the whole path."""
    return str(row.get("image") or str(row.get("image_path", "")).rpartition("/")[2])


def size_of(row: Mapping[str, Any]) -> Size | None:
    """Width and height of the displayed picture in pixels; None if nobody could measure it."""
    match row.get("width"), row.get("height"):
        case int(width), int(height) if width > 0 and height > 0:
            return width, height
    return None


def pixels_of(box: Mapping[str, Any], size: Size | None) -> Numbers | None:
    """A box in pixels: as it is told, or from 0-1000 (TAO calls it `bbox`); None if it tells no four numbers."""
    told = numbers(box.get("bbox_px"))
    shares = numbers(box.get("bbox_2d", box.get("bbox")))
    if told is not None or shares is None or size is None:
        return told
    return [value * side / 1000 for value, side in zip(shares, (*size, *size), strict=True)]


def numbers(value: Any) -> Numbers | None:
    """Four finite numbers, or None."""
    if not isinstance(value, list) or len(value) != 4:
        return None
    sound = all(type(one) in (int, float) and math.isfinite(one) for one in value)
    return value if sound else None


def expression_items(row: Mapping[str, Any]) -> Iterator[Item]:
    """The expressions of a row, each as an item; its other fields are the item's extra ones."""
    size = size_of(row)
    for number, expression in enumerate(objects(row.get("expressions"))):
        boxes = [
            {"bbox_id": str(one.get("bbox_id", "")), "bbox_2d": pixels}
            for one in objects(expression.get("instances"))
            if (pixels := pixels_of(one, size)) is not None
        ]
        extra = {key: value for key, value in expression.items() if key not in ("text", UNITS)}
        yield Item(
            question=str(expression.get("text", "")),
            answer=json.dumps(boxes),
            image_id=image_of(row),
            item_index=str(expression.get("expression_id") or number),
            extra=extra | ({UNITS: BoxUnits(STYLE, size, size).to_json()} if size else {}),
        )


def objects(value: Any) -> list[Json]:
    """The JSON objects of a list; of anything else none."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def decided_row(row: Mapping[str, Any], items: Mapping[str, Item], decision_of: Callable[[Item], Decision]) -> Json:
    """A row with decisions in it.

    Args:
        row: as it is in `annotations.jsonl`.
        items: its expressions that stay, by `item_index`, as `apply_edits` leaves them. The others move to `removed`.
        decision_of: what was decided about an expression that goes.
    """
    size = size_of(row)
    kept, rejected = [], []
    for item, expression in zip(expression_items(row), objects(row.get("expressions")), strict=True):
        left = items.get(str(item.item_index))
        if left is None:
            rejected.append(expression | {REVIEW: {"decision": decision_of(item), "of": text_hash(item)}})
        else:
            kept.append(_decided(expression, item, left, objects(row.get("regions")), size))
    done = dict(row) | {"expressions": kept}
    return done | {"removed": [*objects(row.get("removed")), *rejected]} if rejected else done


def _decided(expression: Json, before: Item, left: Item, regions: Sequence[Json], size: Size | None) -> Json:
    """An expression as a person left it. Agreement with a second model was about other words or boxes: it goes."""
    review = left.extra.get(REVIEW)
    done = expression | {"text": left.question} | ({REVIEW: review} if review else {})
    if (left.question, left.answer) != (before.question, before.answer):
        done.pop("agreement", None)
    if left.answer != before.answer and size is not None:
        done["instances"] = list(_instances(expression, str(before.item_index), left.answer, regions, size))
    return done


def _instances(expression: Json, name: str, answer: str, regions: Sequence[Json], size: Size) -> Iterator[Json]:
    """The boxes of an edited answer: those that were not touched as they were, the others with `edited`."""
    known = {str(one.get("bbox_id", "")): one for one in objects(expression.get("instances"))}
    fresh = (f"{name}/box_{number:02}" for number in range(10_000) if f"{name}/box_{number:02}" not in known)
    for written in read_boxes_answer(answer):
        identity = str(written.get("bbox_id") or next(fresh))
        earlier = known.get(identity, {})
        if pixels_of(earlier, size) == written["bbox_2d"]:
            yield earlier
        else:
            yield earlier | {"bbox_id": identity} | _edited(written["bbox_2d"], regions, size)


def _edited(pixels: Numbers, regions: Sequence[Json], size: Size) -> Json:
    """The fields of a box that a person drew or moved: in both units, with the region that it now shows."""
    box = _shares(pixels, size)
    overlaps = [_overlap(box, pixels_of(region, size), size) for region in regions]
    best = max(range(len(overlaps)), key=overlaps.__getitem__, default=None)
    region = best if best is not None and overlaps[best] >= SAME_THING else None
    share = None if region is None else round(overlaps[region], 4)
    return {"bbox_2d": thousandths(box), "bbox_px": pixels, "region": region, "region_iou": share, "edited": True}


def thousandths(box: tuple[float, float, float, float]) -> list[int]:
    """A canonical box in TAO's whole 0-1000; one too thin for them is given the units that it lies in."""
    try:
        return [round(value) for value in from_canonical(box, TAO)]
    except DataError:
        low, high = box[:2], box[2:]
        first = [min(math.floor(value * 1000), 999) for value in low]
        return first + [max(math.ceil(value * 1000), start + 1) for value, start in zip(high, first, strict=True)]


def _overlap(box: tuple[float, float, float, float], pixels: Numbers | None, size: Size) -> float:
    try:
        return iou(box, _shares(pixels, size)) if pixels is not None else 0.0
    except DataError:  # a region that is no sound box shows nothing
        return 0.0


def _shares(pixels: Sequence[float], size: Size) -> tuple[float, float, float, float]:
    return check_box([value / side for value, side in zip(pixels, (*size, *size), strict=True)])
