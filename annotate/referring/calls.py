"""The calls that each step makes about an image, and what they are taken to say: a plan's picture of the steps.

The steps themselves decide what is asked. What is here follows them by hand, and the tests hold a plan to the number
of requests that a run then sends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from annotate.forms import Form
from annotate.referring import blind_grounding, double_check
from annotate.referring.double_check import shown_expressions
from annotate.referring.matching import given_boxes, one_line
from annotate.referring.replies import expression_form, finding_form, region_form, verdict_form
from annotate.referring.space import Space, canonical
from demitasse.engine.step import Fields

# Tokens that one entry of a reply takes, before any was counted: four numbers, their keys and a short phrase.
ENTRY_TOKENS = {"0": 60.0, "2": 40.0, "3": 30.0, "4": 40.0}
CAPTION_TOKENS = 150.0
# How many phrases a step 2 that is still ahead is taken to write, and in how many of them a box stands: each object is
# told apart by one, and most of them belong to a group or two.
PHRASES_PER_BOX, BOXES_PER_BOX = 2, 3
_LINE, _PHRASE = "12. blue van by the gate: [123, 456, 789, 999]\n", "12. blue van by the gate\n"


@dataclass(frozen=True)
class Call:
    """One call: how many entries its list has, and its form."""

    entries: int
    form: Form[Any] | None = None


def calls_of(step: str, fields: Fields, space: Space, most: int, waits: bool) -> tuple[list[Call], list[Call]]:
    """The fewest and the most calls that are to be expected of a step.

    Args:
        step: its name.
        fields: what is known of the image.
        space: how the model that is asked writes boxes.
        most: boxes that a request asks about.
        waits: whether steps before it are still ahead, so that what it will ask about is not known.
    """
    if step == "0":
        return _same(_parts(_told(fields, "boxes", space), most, region_form(space)))
    if step == "1":
        return _same([Call(0)])
    if step == "2":
        known = "boxes" if waits or "regions" not in fields else "regions"
        return _same(_parts(_told(fields, known, space), most, expression_form(space)))
    form = verdict_form(space) if step == "3" else finding_form(space)
    if "expressions" in fields and not waits:
        return _same([Call(entries, form) for entries in _known(step, fields, space, most)])
    return _unknown(step, _told(fields, "boxes", space), most, form)


def values_of(step: str, entries: int) -> dict[str, str]:
    """What the prompts' placeholders will hold: texts of about the length that they will have."""
    lines = _LINE * entries
    return {
        "bboxes": lines,
        "expr": lines,
        "phrases": _PHRASE * entries,
        "caption_section": "text" * int(CAPTION_TOKENS),
        "part_section": "",
    }


def _same(calls: list[Call]) -> tuple[list[Call], list[Call]]:
    return calls, calls


def _told(fields: Fields, name: str, space: Space) -> int:
    """How many boxes of a list a model can be told: those that have an area in its units."""
    given, _ = given_boxes((("", canonical(one, fields)) for one in fields[name]), space)
    return len(given)


def _parts(count: int, most: int, form: Form[Any]) -> list[Call]:
    return [Call(min(most, count - start), form) for start in range(0, count, most)]


def _known(step: str, fields: Fields, space: Space, most: int) -> list[int]:
    """The lengths of the lists of expressions that are there."""
    expressions = fields["expressions"]
    if step == "3":
        seen, _ = shown_expressions(expressions, space, fields)
        return [sum(len(one.boxes) for one in part) for part in double_check.parts_of(seen, most)]
    phrases = [
        blind_grounding.Phrase(index, one_line(one["text"]), len(one["instances"]))
        for index, one in enumerate(expressions)
    ]
    return [len(part) for part in blind_grounding.parts_of(phrases, most)]


def _unknown(step: str, boxes: int, most: int, form: Form[Any]) -> tuple[list[Call], list[Call]]:
    """For expressions that are still to be written: from one request to what a talkative teacher makes of it."""
    if not boxes:
        return [], []
    requests = -(-BOXES_PER_BOX * boxes // most)
    if step == "4":
        requests = max(requests, -(-PHRASES_PER_BOX * boxes // blind_grounding.PHRASES))
    entries = BOXES_PER_BOX * boxes if step == "3" else PHRASES_PER_BOX * boxes
    return [Call(min(boxes, most), form)], [Call(-(-entries // requests), form)] * requests
