"""What is wrong with an item that a person changed: asked when a decision is taken, and again when it is applied."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from demitasse.dataset import Item
from demitasse.dataset.dialect import read_boxes_answer
from demitasse.dataset.grounding import grounding_faults
from demitasse.dataset.validation import content_faults
from demitasse.view.expressions import TASK

_Fault = tuple[str, str]  # field, what is wrong with it


def change_faults(task: str, item: Item, changes: Mapping[str, str]) -> Iterator[_Fault]:
    """Everything wrong with an item after changes; with the boxes of an expression, only if these were changed."""
    if not changes:
        return
    fields = item.to_json() | dict(changes)
    yield from content_faults(task, fields)
    if task == TASK and changes.get("answer", "").strip():
        faults = list(grounding_faults(fields))
        yield from faults or _expression_faults(changes["answer"])


def _expression_faults(answer: str) -> Iterator[_Fault]:
    """What may not be in an expression, but in the answer of a grounding item."""
    boxes = read_boxes_answer(answer)
    names = [json.dumps(box["bbox_id"]) for box in boxes if box.get("bbox_id")]
    if not boxes:
        yield "answer", "holds no box; reject the expression instead"
    if len(names) > len(set(names)):
        yield "answer", "gives two boxes the same bbox_id"
