"""What a reply must look like: its fields as JSON, and the text of it from a model that is held to no schema.

These are the shapes alone. What the numbers and names in them mean, the steps find out, which know what was asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from annotate.espresso.labelled import read_labelled, read_listed, read_numbers
from annotate.forms import Fields, Form, Line

# What a question may break, in the words that a verdict names it by. The first four are the paper's, with what it
# calls "overly subjective or open-ended" in two; the last is its demand of step 3, which somebody has to check.
CRITERIA = ("content", "subjective", "open_ended", "continuity", "several_frames")
NONE = "none"
_NOTHING = re.compile(r"\W*(?:none|no questions?)\b[^:]{0,80}", re.IGNORECASE)
_VERDICT = re.compile(
    rf"[*_]*(?:(?P<keep>keep)\b|drop\b\W*(?P<criterion>{'|'.join(CRITERIA)})?)\W*(?P<reason>.*)", re.IGNORECASE
)


class AskedQuestion(Fields):
    """A question with its answer, and the captions that it needs, by their numbers."""

    task: Line
    question: Line
    answer: Line
    captions: list[int]


class Questions(Fields):
    """Step 3."""

    questions: list[AskedQuestion]


class Judged(Fields):
    """A verdict on one question."""

    number: int
    verdict: Literal["keep", "drop"]
    criterion: Literal["content", "subjective", "open_ended", "continuity", "several_frames", "none"]
    reason: Line


class Verdicts(Fields):
    """Step 4."""

    verdicts: list[Judged]


class CoreCaption(Fields):
    """A caption that was chosen, and what its frame shows of the matter."""

    caption: int
    shows: Line


class EvidenceReply(Fields):
    """Step 5."""

    captions: list[CoreCaption]
    key_items: list[Line]
    evidence: Line


class Distractors(Fields):
    """Step 8."""

    distractors: list[Line]


def _questions_from_text(text: str) -> Mapping[str, Any] | None:
    blocks = read_labelled(text, ("task", "question", "answer", "captions"))
    if not blocks:
        return {"questions": []} if _NOTHING.fullmatch(text.strip()) else None
    return {"questions": [{**block, "captions": read_numbers(block.get("captions", ""))} for block in blocks]}


def _verdicts_from_text(text: str) -> Mapping[str, Any] | None:
    read = [(number, _VERDICT.match(rest)) for number, rest in read_listed(text)]
    verdicts = [
        {
            "number": number,
            "verdict": "keep" if found["keep"] else "drop",
            "criterion": (found["criterion"] or NONE).lower(),
            "reason": found["reason"],
        }
        for number, found in read
        if found
    ]
    return {"verdicts": verdicts} if verdicts else None


def _evidence_from_text(text: str) -> Mapping[str, Any] | None:
    head, found, said = _parted(text, "evidence")
    parts = read_labelled(head, ("key items",))
    if not found or not parts:
        return None
    captions = [{"caption": number, "shows": shows} for number, shows in read_listed(head)]
    items = [one.strip() for one in parts[-1]["key items"].split(";") if one.strip()]
    return {"captions": captions, "key_items": items, "evidence": said}


def _parted(text: str, label: str) -> tuple[str, bool, str]:
    """What stands before the last block that a label begins, whether there is one, and what it says."""
    blocks = read_labelled(text, (label,))
    where = [match.start() for match in re.finditer(rf"^[ \t>#*_]*{label}\b", text, re.IGNORECASE | re.MULTILINE)]
    return (text[: where[-1]], True, blocks[-1][label]) if blocks and where else (text, False, "")


def _distractors_from_text(text: str) -> Mapping[str, Any] | None:
    listed = [rest for _, rest in read_listed(text)]
    return {"distractors": listed} if listed else None


QUESTIONS = Form(
    Questions,
    "Reply with one JSON object: questions, a list of objects: task (the name of a type, as it stands above), "
    "question, answer, captions (the numbers of those that are needed). Where there is no good question it is empty.",
    "Reply with one block for each question and nothing else, in this layout, with your own text in the place of the "
    "dots; the captions are the numbers of those that are needed. If there is no good question, reply with the word "
    "none.\n=====\nTask: the name of a type, as it stands above\nQuestion: ...\nAnswer: ...\nCaptions: 1, 4",
    _questions_from_text,
)
VERDICTS = Form(
    Verdicts,
    "Reply with one JSON object: verdicts, a list with one object for each question: number, verdict (keep or drop), "
    f"criterion (the rule that it breaks: {', '.join(CRITERIA)}; {NONE} for a question that is kept), reason.",
    "Reply with one line for each question and nothing else, in one of these forms:\n1. keep: the reason\n"
    "2. drop: the name of the rule: the reason",
    _verdicts_from_text,
)
EVIDENCE = Form(
    EvidenceReply,
    "Reply with one JSON object: captions, a list of objects: caption (its number), shows (what it shows of the "
    "matter); key_items, a list of names; evidence, the sentence.",
    "Reply in exactly this layout and with nothing else: a line for each caption that you choose, which begins with "
    "its number; the names, with semicolons between them; the sentence.\nCaptions:\n2. what it shows of the matter\n"
    "5. what it shows of the matter\nKey items: ...; ...\nEvidence: ...",
    _evidence_from_text,
)
DISTRACTORS = Form(
    Distractors,
    "Reply with one JSON object: distractors, a list of the three wrong answers.",
    "Reply with three lines and nothing else, a wrong answer each:\n1. ...\n2. ...\n3. ...",
    _distractors_from_text,
)
