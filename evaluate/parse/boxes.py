"""Boxes, in the convention that the item declares."""

from __future__ import annotations

from demitasse.answers import Parsed, WrittenBox, read_boxes
from demitasse.dataset.grounding import BoxUnits, read_units
from demitasse.errors import DataError
from demitasse.geometry import Box, to_canonical
from evaluate.parse.final import Reading, read_final
from evaluate.records import Asked, Prediction

Boxes = tuple[Box | None, ...]  # canonical, in the order written; None for what is no box inside the image


def units_of(asked: Asked) -> BoxUnits:
    """What the numbers of the item's boxes mean, its reference's and its answers'.

    Raises:
        DataError: if the item does not declare it.
    """
    try:
        return read_units(asked.extra)
    except DataError as fault:
        raise DataError(f"{_named(asked)}: {fault}; export the item again, or remove it") from fault


def gold_boxes(asked: Asked) -> tuple[Box, ...]:
    """The reference's boxes; none of them is an answer too: there is nothing that fits.

    Raises:
        DataError: for a reference that cannot be read, or that has a box which is inverted, empty or out of the image.
    """
    units = units_of(asked)
    gold = read_boxes(asked.reference)
    if gold.value is None:
        raise DataError(
            f"{_named(asked)}: the reference '{asked.reference[:60]}' is no list of boxes; mend or remove the item"
        )
    try:
        return tuple(_inside(box, units) for box in gold.value)
    except DataError as fault:
        raise DataError(f"{_named(asked)}: the reference's {fault}; mend or remove the item") from fault


def parse_boxes(asked: Asked, prediction: Prediction | None) -> Reading[Boxes]:
    """The boxes that the prediction gives.

    A box that is inverted, empty or reaches out of the image is None: it was given, and counts as a false one. It is
    never clipped or turned round, which would mend what the student got wrong.
    """
    units = units_of(asked)
    return read_final(prediction, lambda final: _read(final, units))


def _read(final: str, units: BoxUnits) -> Parsed[Boxes]:
    written = read_boxes(final)
    if written.value is None:
        return Parsed(None, written.method, written.status)
    boxes = tuple(_canonical(box, units) for box in written.value)
    # In a reply that was cut off only a list that was closed is whole: of loose boxes more might have come.
    return Parsed(boxes, written.method, span=written.span if written.method == "list" else None)


def _canonical(box: WrittenBox, units: BoxUnits) -> Box | None:
    try:
        return _inside(box, units)
    except DataError:
        return None


def _inside(box: WrittenBox, units: BoxUnits) -> Box:
    return to_canonical(box.values or (), units.convention, units.size)


def _named(asked: Asked) -> str:
    return f"item {asked.item_id} ({asked.video_id}, {asked.task})"
