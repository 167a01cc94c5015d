"""Ways of asking a student, the same in training and when it is asked, and what it is to write in each.

    answer, think           the question                              the bare answer, or reasoning and then the answer
    explain                 the question, EXPLAIN                     reasoning and then the answer
    evidence                the question, EVIDENCE                    the evidence, things and boxes in tags
    answer_from_evidence    the question, the evidence, FROM_EVIDENCE the bare answer

`evidence` and `answer_from_evidence` are VideoEspresso's two stages (arXiv 2411.14794), `answer` and `explain` together
the mix of AoTD (arXiv 2412.01694). Their own cue prompts are unpublished or differ from one file to the next: these are
ours. A question keeps its closing instruction, and what a way adds stands after it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from demitasse.answers import read_options
from demitasse.chat.kinds import BOX_STYLES
from demitasse.dataset import Item
from demitasse.dataset.evidence import Evidence, PlacedBox, core_frames_of, evidence_of
from demitasse.dataset.evidence_tags import write_tags
from demitasse.dataset.schema import shown
from demitasse.errors import DataError
from demitasse.geometry import from_canonical
from demitasse.student.token_kinds import Kind

Frames = Literal["video", "first", "shuffled", "blank", "none"]
Positions = Literal["transformers", "qwen"]  # `demitasse.student.family.goes_on`
Way = Literal["answer", "think", "explain", "evidence", "answer_from_evidence"]
ResponseMode = Literal["answer", "think", "evidence", "answer_from_evidence", "explain_or_answer"]
AskMode = Literal["answer", "think", "explain", "evidence", "answer_from_evidence", "two_stage"]
EvidenceSource = Literal["truth", "generated", "mixed"]
CotaskSource = Literal["oracle", "shuffled", "noisy", "predicted"]
REASONS: tuple[Way, ...] = ("think", "explain")  # the ways in which reasoning comes before the answer

EXPLAIN = "Explain step by step what is seen and what follows from it, and then give the answer."
EVIDENCE = "Do not answer yet: write one sentence that tells what is seen on which the answer rests."
GENERATED = "generated_evidence"
BY_LETTERS = "by_letters"
FROM_EVIDENCE = "Give the answer, from this evidence and from what is seen."

Size = tuple[int, int]


def asked_question(item: Item, way: Way, box_style: str | None = None, size: Size | None = None) -> str:
    """The question as it is put to the student.

    Args:
        item: the item. `answer_from_evidence` takes what a student wrote, if `with_generated_evidence` put it there,
            and else the item's own.
        way: how it is asked.
        box_style: for an item's own evidence, as `evidence_text` takes it.
        size: likewise.

    Raises:
        DataError: if it is to be asked with evidence, and there is none.
    """
    if way == "explain":
        return f"{item.question}\n{EXPLAIN}"
    if way == "evidence":
        return f"{item.question}\n{EVIDENCE}"
    if way == "answer_from_evidence":
        generated = item.extra.get(GENERATED)
        evidence = generated if isinstance(generated, str) else evidence_text(item, box_style, size)
        return f"{item.question}\nEvidence: {evidence}\n{FROM_EVIDENCE}"
    return item.question


def with_generated_evidence(item: Item, text: str) -> Item:
    """The item, to be answered from what a student wrote, as it wrote it."""
    return replace(item, extra=item.extra | {GENERATED: text})


def by_letters(item: Item) -> Item:
    """The item, to be answered by the likeliest of its options' letters (`demitasse.student.letters`).

    Raises:
        DataError: if its question lists no options.
    """
    if not read_options(item.question):
        raise DataError(
            f"{item.media_id}: {shown(item.question)} lists no options, one a line; ask it with --mcq generate"
        )
    return replace(item, extra=item.extra | {BY_LETTERS: True})


def target_parts(
    item: Item, way: Way, box_style: str | None = None, size: Size | None = None
) -> list[tuple[Kind, str]]:
    """What the student is to write: pieces of text, one after the other, and what each of them is.

    An item without reasoning is answered directly whether or not reasoning is asked for, as in the format's reference
    loader.

    Args:
        item: the item.
        way: how it is asked.
        box_style: for `evidence`, as `evidence_text` takes it.
        size: likewise.

    Raises:
        DataError: if it is to write evidence, and the item has none.
    """
    if way == "evidence":
        return [("answer", evidence_text(item, box_style, size))]
    if way in REASONS and item.reasoning:
        return [
            ("structure", "<think>\n"),
            ("reasoning", item.reasoning),
            ("structure", "\n</think>\n\n"),
            ("answer", item.answer),
        ]
    return [("answer", item.answer)]


def target_text(item: Item, way: Way, box_style: str | None = None, size: Size | None = None) -> str:
    """The whole of `target_parts`."""
    return "".join(text for _, text in target_parts(item, way, box_style, size))


def evidence_text(item: Item, box_style: str | None, size: Size | None = None) -> str:
    """An item's own evidence as a student writes it.

    Of an item about one of several pictures, the boxes of the others, and those of which nobody knows the picture, are
    left out: the student is shown that picture alone.

    Args:
        item: the item.
        box_style: a name of `BOX_STYLES`; None leaves boxes out.
        size: width and height of what is seen, for a style that counts pixels; without it, that style has no boxes.

    Raises:
        DataError: if the item has no evidence.
    """
    evidence = evidence_of(item)
    if evidence is None:
        raise DataError(
            f"{item.media_id}: {shown(item.question)} has no evidence; take items that have, or another mode"
        )
    if box_style is None or (BOX_STYLES[box_style].scale is None and size is None):
        return write_tags(evidence, None)
    frames = core_frames_of(item)
    if item.image_id is not None and len(frames) > 1:
        seen = {place for place, frame in enumerate(frames) if frame.path == item.image_id}
        evidence = _with_boxes(evidence, lambda box: box.core_frame in seen)
    return write_tags(_drawable(evidence, box_style, size), box_style, size, frames)


def _with_boxes(evidence: Evidence, keeps: Callable[[PlacedBox], bool]) -> Evidence:
    mentions = [replace(one, boxes=tuple(filter(keeps, one.boxes))) for one in evidence.mentions]
    return replace(evidence, mentions=tuple(mentions))


def _drawable(evidence: Evidence, box_style: str, size: Size | None) -> Evidence:
    """Without boxes thinner than one unit of the style: on a small frame they have no area to be written."""

    def has_area(box: PlacedBox) -> bool:
        try:
            from_canonical(box.bbox, BOX_STYLES[box_style], size)
        except DataError:
            return False
        return True

    return _with_boxes(evidence, has_area)
