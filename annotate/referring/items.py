"""From expressions to grounding items that train a student with no further step. No model is asked.

One item an expression: the phrase is asked about, the answer is every box that it describes, in the units that the
student writes. What a student could only learn wrongly is left out, each with its reason.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotate.referring.reasoning import betrays, reasoning
from annotate.task_files import Assembled, Envelope, write_task_file
from demitasse.dataset import Dialect, Item
from demitasse.dataset.dialect import GROUNDING
from demitasse.dataset.grounding import (
    MAX_PIXELS,
    MIN_PIXELS,
    PIXELS,
    UNITS,
    BoxUnits,
    grounding_answer,
    grounding_question,
    units_of,
)
from demitasse.errors import DataError

FOLDER = "items"
_DESCRIPTION = "Phrases, answered with the boxes of all that they describe in an image."

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Student:
    """How the student writes boxes, its bounds for an image's pixels, and what is good enough to be learnt.

    Attributes:
        boxes: a style of `demitasse.chat.kinds.BOX_STYLES`.
        min_pixels, max_pixels: of an image as the student sees it; its own, or `qwen2_5_vl_px` counts in another.
        min_agreement: the least IoU (0 to 1) with which a second model must have found an expression in step 4;
            0 takes those that no second model was asked about as well.
    """

    boxes: str = "qwen_1000"
    min_pixels: int = MIN_PIXELS
    max_pixels: int = MAX_PIXELS
    min_agreement: float = 0.0


def write_items(annotations: Iterable[Fields], folder: Path, envelope: Envelope, student: Student) -> Assembled:
    """Write `grounding.json` into a folder of the results.

    Args:
        annotations: rows of `annotations.jsonl`.
        folder: the results' folder `items`.
        envelope: media root, licence and dialect.
        student: whom the items are for.

    Returns:
        How many items there are, and each expression that is none, with the reason.

    Raises:
        DataError: if another file stands under the name.
    """
    unusable: list[tuple[str, str]] = []
    items = [item for row in annotations for item in _items(row, student, envelope.dialect, unusable)]
    write_task_file(folder / f"{GROUNDING}.json", GROUNDING, items, _DESCRIPTION, envelope)
    return Assembled({GROUNDING: len(items)} if items else {}, unusable)


def _items(row: Fields, student: Student, dialect: Dialect, unusable: list[tuple[str, str]]) -> Iterator[Item]:
    expressions = row.get("expressions") or []
    said = Counter(_phrase(expression) for expression in expressions)
    for expression in expressions:
        try:
            if said[_phrase(expression)] > 1:
                raise DataError("the phrase stands more than once in its image, so it has more than one answer")
            yield _item(row, expression, student, dialect)
        except DataError as fault:
            unusable.append((expression["expression_id"], str(fault)))


def _item(row: Fields, expression: Fields, student: Student, dialect: Dialect) -> Item:
    phrase = _phrase(expression)
    _refuse(phrase, expression, student.min_agreement)
    units = units_of(student.boxes, (row["width"], row["height"]), student.min_pixels, student.max_pixels)
    found = [(_pixels(row, one), one.get("region")) for one in expression["instances"]]
    found.sort(key=lambda one: one[0])  # left to right, as is asked
    pixels, meant = [box for box, _ in found], [region for _, region in found]
    boxes = _boxes(pixels, units)
    index = hashlib.sha256(f"{GROUNDING}\0{row['image']}\0{phrase}".encode("utf-8", "surrogatepass"))
    return Item(
        image_id=row["image"],
        question=grounding_question(phrase, units),
        answer=grounding_answer(phrase, boxes, dialect),
        reasoning=reasoning(phrase, row.get("regions") or [], meant),
        item_index=index.hexdigest()[:16],
        extra=_extra(row, expression, units, pixels),
    )


def _refuse(phrase: str, expression: Fields, min_agreement: float) -> None:
    if not phrase:
        raise DataError("it has no text")
    if betrays(phrase):
        raise DataError("the phrase speaks of boxes, coordinates or its source, which cannot be seen in the image")
    if not expression.get("instances"):
        raise DataError("it has no box")
    if min_agreement <= 0:
        return
    agreement = expression.get("agreement")
    if not agreement:
        raise DataError("no second model was asked where it is (step 4), and min_agreement is set")
    if agreement["iou"] < min_agreement:
        raise DataError(f"a second model agrees to {agreement['iou']:.2f}, less than {min_agreement:g}")


def _pixels(row: Fields, instance: Fields) -> list[float]:
    """The box as it was measured. A teacher that copies a box copies it rounded to its own units.

    What steps 0 and 2 copied to the letter (IoU 1 with what they were told) is therefore the label's own box; rounded
    twice, an edge would be off by more than half a unit of the student's. A box that anyone moved is as they put it.
    """
    region = _at(row.get("regions"), instance.get("region"))
    label = _at(row.get("boxes"), region.get("box")) if region else None
    if region is None or label is None or instance.get("edited"):
        return list(instance["bbox_px"])
    copied = instance.get("region_iou") == 1 and region.get("box_iou") == 1
    return list((label if copied else instance)["bbox_px"])


def _at(entries: Sequence[Fields] | None, index: int | None) -> Fields | None:
    return entries[index] if entries and index is not None else None


def _boxes(pixels: list[list[float]], units: BoxUnits) -> list[list[int] | list[float]]:
    boxes = [units.write(box) for box in pixels]
    for index, box in enumerate(boxes):
        if box in boxes[:index]:
            raise DataError(f"two of its boxes are the same {box} in the student's units, so they are one to it")
    return boxes


def _extra(row: Fields, expression: Fields, units: BoxUnits, pixels: list[list[float]]) -> dict[str, Any]:
    """What else is known of an item. Nothing in it tells the time: the same replies make the same file."""
    told = {name: expression[name] for name in ("verified", "agreement") if name in expression}
    return {
        "expression": _phrase(expression),
        "expression_id": expression["expression_id"],
        UNITS: units.to_json(),
        PIXELS: pixels,
        **told,
        "provenance": _provenance(row.get("provenance") or {}),
    }


def _provenance(steps: Fields) -> dict[str, Any]:
    """Who was asked and with which prompts, over all steps, in the fields that a video item has."""
    told = [step for step in steps.values() if isinstance(step, dict)]
    found: dict[str, Any] = {
        name: list(dict.fromkeys(one for step in told for one in step.get(name, ()))) for name in ("asked", "answered")
    }
    found["pack"] = next((step["pack"] for step in told if "pack" in step), None)
    found["templates"] = {key: digest for step in told for key, digest in step.get("templates", {}).items()}
    return {name: value for name, value in found.items() if value}


def _phrase(expression: Fields) -> str:
    return " ".join(str(expression["text"]).split())
