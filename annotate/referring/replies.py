"""What a reply must look like: its fields as JSON, and the text of it from a model that is held to no schema.

These are the shapes alone. Whether a box is one, and whose it is, the steps find out, which know the image.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from annotate.forms import Fields, Form, Line
from annotate.referring import grammar
from annotate.referring.space import Space

Numbers = list[float]
UNKNOWN_COLOUR = "unknown"  # TAO's word
UNKNOWN_TYPE = "object"  # the same
_BOX_KEYS = ("bbox_2d", "box_2d", "bbox")


class Region(Fields):
    """One of the boxes that were given, described."""

    bbox_2d: Numbers
    type: Line
    color: Line
    description: Line


class Regions(Fields):
    """Step 0."""

    regions: list[Region]


class Grounded(Fields):
    """A phrase and the boxes that it fits."""

    phrase: Line
    boxes: list[Numbers]


class Expressions(Fields):
    """Step 2."""

    expressions: list[Grounded]


class Judged(Fields):
    """A verdict on one box; `bbox_2d` matters where it is moved."""

    box: int
    verdict: Literal["keep", "remove", "move"]
    bbox_2d: Numbers


class Checked(Fields):
    """The verdicts on one expression."""

    number: int
    phrase: Line
    boxes: list[Judged]


class Verdicts(Fields):
    """Step 3."""

    expressions: list[Checked]


class Found(Fields):
    """What a phrase was found to fit; nothing, maybe."""

    number: int
    phrase: Line
    boxes: list[Numbers]


class Findings(Fields):
    """Step 4."""

    expressions: list[Found]


_LINE = "phrase: [[..., ..., ..., ...], [..., ..., ..., ...]]"


def region_form(space: Space) -> Form[Regions]:
    """Step 0's reply: a region for each box."""
    return Form(
        Regions,
        "Reply with one JSON object: regions, a list with one object for each box of the list above: bbox_2d (its four "
        f"numbers, copied), type, color, description. {space.told}",
        "Reply with a JSON array and nothing else: one object for each box of the list above, with the keys bbox_2d "
        f"(its four numbers, copied), type, color, description. {space.told}",
        _regions_from_text,
    )


def expression_form(space: Space) -> Form[Expressions]:
    """Step 2's reply: phrases with their boxes."""
    return Form(
        Expressions,
        "Reply with one JSON object: expressions, a list of objects: phrase, boxes (the boxes of all objects that it "
        f"fits, each the four numbers of the list above, copied). {space.told}",
        f"Reply with one line for each phrase and nothing else, in this form:\n{_LINE}\nThe boxes are those of all "
        f"objects that it fits, each the four numbers of the list above, copied. {space.told}",
        _expressions_from_text,
    )


def verdict_form(space: Space) -> Form[Verdicts]:
    """Step 3's reply: a verdict for each box of each expression. In text it is the list itself, as it should be."""
    return Form(
        Verdicts,
        "Reply with one JSON object: expressions, a list with one object for each expression of the list above: "
        "number, phrase (copied), boxes, a list with one object for each of its boxes: box (its number), verdict "
        f"(keep, remove or move), bbox_2d (for move the right box, otherwise an empty list). {space.told}",
        "Reply with the list as it should be and nothing else: a line for each expression, its phrase copied letter "
        f"for letter, in this form:\n{_LINE}\nA box to keep stands there unchanged, a box to move with its new "
        "numbers, and a box to remove is left out. Where no box is left, write the phrase with an empty list: "
        f"phrase: []\n{space.told}",
        lambda _: None,  # reading the list takes the one that was shown
    )


def finding_form(space: Space) -> Form[Findings]:
    """Step 4's reply: what each phrase was found to fit."""
    return Form(
        Findings,
        "Reply with one JSON object: expressions, a list with one object for each phrase of the list above: number, "
        f"phrase (copied), boxes (of all objects that it fits; an empty list if there are none). {space.told}",
        "Reply with one line for each phrase of the list above and nothing else, the phrase copied letter for letter, "
        f"in this form:\n{_LINE}\nWhere it fits nothing, write an empty list: phrase: []\n{space.told}",
        lambda _: None,  # the same
    )


def _regions_from_text(text: str) -> Mapping[str, Any] | None:
    array = grammar.read_array(text)
    return {"regions": [_region(one) for one in array]} if array else None


def _region(entry: Mapping[str, Any]) -> dict[str, Any]:
    box: Any = next((entry[key] for key in _BOX_KEYS if key in entry), [])
    return {
        "bbox_2d": box,
        "type": entry.get("type") or UNKNOWN_TYPE,
        "color": entry.get("color") or UNKNOWN_COLOUR,
        "description": entry.get("description") or "",
    }


def _expressions_from_text(text: str) -> Mapping[str, Any] | None:
    lines = grammar.read_lines(text, prose=True)
    return {"expressions": [{"phrase": phrase, "boxes": boxes} for phrase, boxes in lines]} if lines else None
