"""The two dialects in which questions and answers of the same format are written in the wild.

`tao` is what TAO's annotator writes: options `A. text`, the answer `B`, times as bare JSON. `daft` is what
`nvidia-tao-daft`'s converter and the public traffic data have: options `A) text` set off by blank lines, the
answer `B) text`, times (and boxes, which are ours) as fenced JSON. Both are read; either is written. The closing
instructions are part of a dialect, because a student should be asked in the words it was trained on; another wording
is left as it is.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from demitasse.answers import read_options
from demitasse.dataset.envelope import Item
from demitasse.dataset.schema import shown
from demitasse.errors import DataError

Dialect = Literal["tao", "daft"]
DIALECTS: tuple[Dialect, ...] = ("tao", "daft")

INSTRUCTIONS: dict[Dialect, dict[str, str]] = {
    "tao": {
        "mcq": "Answer with a single letter.",
        "mcq_openended": "Answer with the correct option letter followed by a brief explanation.",
        "bcq": "Answer with Yes or No.",
        "bcq_openended": "Answer with Yes or No followed by a brief explanation.",
        "temporal_localization": (
            'Answer with the start and end timestamps in the format {"start": "MM:SS", "end": "MM:SS"}.'
        ),
    },
    "daft": {
        "mcq": "Choose the correct option by letter only.",
        "mcq_openended": "Choose the correct option and provide a brief explanation.",
        "bcq": "Answer with only Yes or No.",
        "bcq_openended": "Answer with Yes or No, followed by a brief explanation.",
        "temporal_localization": (
            "Provide the result in json format with 'mm:ss' for time depiction. "
            "Use keywords 'start', 'end' in the json output."
        ),
    },
}
GROUNDING = "grounding"  # a task of ours, asked in `dataset.grounding`'s words; only its answers differ here
_SEPARATOR = {"tao": "\n", "daft": "\n\n"}
_MARK = {"tao": ".", "daft": ")"}
# DAFT appends an explanation to a closed answer; TAO's closed answers have no room for it, so it waits here.
EXPLANATION = "explanation"

_LETTERED = re.compile(r"(?:\(([A-Z])\)|([A-Z])(?:[.):]|$))(?:\s+(\S.*))?", re.DOTALL)
_VERDICT = re.compile(r"(yes|no)(?:[.,;:!](?:\s+(\S.*))?)?", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"```(?:json)?\s*(.*?)\s*```", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Question:
    """A question taken apart. `options` maps letter to text; `instruction` is what follows the options."""

    stem: str
    options: dict[str, str]
    instruction: str = ""


@dataclass(frozen=True, slots=True)
class Closed:
    """A closed answer taken apart: a letter, or Yes or No, and what was said beside it."""

    value: str
    explanation: str = ""


def question_text(task: str, stem: str, dialect: Dialect = "tao", options: Mapping[str, str] | None = None) -> str:
    """A question of a task as a dialect writes it: the stem, lettered options, the task's closing instruction."""
    return _joined(Question(stem, dict(options or {}), INSTRUCTIONS[dialect].get(task, "")), dialect)


def mcq_answer(letter: str, options: Mapping[str, str], dialect: Dialect = "tao", explanation: str = "") -> str:
    """The answer of an `mcq` item: `B`, or `B) text[. explanation]` in `daft`."""
    if dialect == "tao":
        return letter
    return f"{letter}) {options[letter]}" + f". {explanation}" * bool(explanation)


def mcq_openended_answer(letter: str, text: str) -> str:
    """The answer of an `mcq_openended` item, alike in both dialects; `text` is the option's or an explanation."""
    return f"{letter}. {text}"


def bcq_answer(verdict: bool, dialect: Dialect = "tao", explanation: str = "") -> str:
    """The answer of a `bcq` item: `Yes` or `No`; `daft` may add an explanation."""
    return ("Yes" if verdict else "No") + f". {explanation}" * (bool(explanation) and dialect == "daft")


def span_answer(span: Mapping[str, Any], dialect: Dialect = "tao") -> str:
    """The answer of a `temporal_localization` item from `{"start": "MM:SS", "end": "MM:SS"}`."""
    if dialect == "tao":
        return json.dumps(span, ensure_ascii=False)
    return f"```json\n{json.dumps(span, indent=2, ensure_ascii=False)}\n```"


def boxes_answer(boxes: Sequence[Mapping[str, Any]], dialect: Dialect = "tao") -> str:
    """The answer of a `grounding` item from `[{"bbox_2d": [...], "label": ...}]`; fenced, each box has a line."""
    if dialect == "tao":
        return json.dumps(boxes, ensure_ascii=False)
    lines = ",\n".join(f"  {json.dumps(box, ensure_ascii=False)}" for box in boxes)
    return f"```json\n[\n{lines}\n]\n```" if boxes else "```json\n[]\n```"


def to_dialect(item: Item, task: str, dialect: Dialect) -> Item:
    """The same item in a dialect, whichever it was in. Items of free-text tasks are alike in both.

    To `daft` and back, or to `tao` and back, returns an item written by `question_text` and its kin unchanged.
    An explanation for which `tao` has no room is kept in the item's extra field `explanation`.

    Raises:
        DataError: if the options or the answer cannot be read; the message names the field.
    """
    if task == GROUNDING:
        return replace(item, answer=boxes_answer(read_boxes_answer(item.answer), dialect))
    if task not in INSTRUCTIONS[dialect]:
        return item
    question = read_question(item.question, task)
    if question.instruction in _known_instructions(task):
        question = replace(question, instruction=INSTRUCTIONS[dialect][task])
    converted = replace(item, question=_joined(question, dialect))
    if task == "temporal_localization":
        return replace(converted, answer=span_answer(read_span(item.answer), dialect))
    if task in ("mcq", "bcq"):
        return _with_closed_answer(converted, task, question.options, dialect)
    return converted


def _with_closed_answer(item: Item, task: str, options: Mapping[str, str], dialect: Dialect) -> Item:
    read = read_choice(item.answer, options) if task == "mcq" else read_verdict(item.answer)
    kept = item.extra.get(EXPLANATION)
    explanation = read.explanation or (kept if isinstance(kept, str) else "")
    extra = dict(item.extra)
    if explanation:
        extra.pop(EXPLANATION, None)
        if dialect == "tao":
            extra[EXPLANATION] = explanation
    if task == "mcq":
        answer = mcq_answer(read.value, options, dialect, explanation)
    else:
        answer = bcq_answer(read.value == "Yes", dialect, explanation)
    return replace(item, answer=answer, extra=extra)


def read_question(text: str, task: str) -> Question:
    """Take a question of a task apart.

    Raises:
        DataError: if a multiple-choice question has no lettered options, one a line, or an option of several lines.
    """
    if not task.startswith("mcq"):
        known = next((words for words in _known_instructions(task) if text.endswith(words)), "")
        return Question(text.removesuffix(known).rstrip() if known else text, {}, known)
    options = read_options(text)
    lines = (rf"[ \t]*\(?{letter}[.):][ \t]*{re.escape(option)}[ \t]*" for letter, option in options.items())
    blocks = list(re.finditer("^" + r"\n\s*".join(lines) + "$", text, re.MULTILINE)) if options else []
    if not blocks:
        fault = "has no lettered options" if not options else "has something between its options"
        raise DataError(f"question {fault}; write each option on a line of its own, as 'A. text' or 'A) text'")
    block = blocks[-1]
    return Question(text[: block.start()].rstrip(), options, text[block.end() :].strip())


def read_choice(answer: str, options: Mapping[str, str]) -> Closed:
    """The letter of a stored answer: `B`, `B.`, `B) text`, `B. text. explanation`, or an option's text alone.

    Raises:
        DataError: if the letter is no option's, or the text beside it is another one.
    """
    answer = answer.strip()
    match = _LETTERED.fullmatch(answer)
    if match is None:
        letters = [letter for letter, text in options.items() if text == answer]
        if len(letters) == 1:
            return Closed(letters[0])
        raise DataError(f"answer is {shown(answer)}, which is not one of the options {', '.join(options)}")
    letter, text = match[1] or match[2], match[3] or ""
    if letter not in options:
        raise DataError(f"answer is {shown(answer)}, but the options are {', '.join(options)}")
    beside = re.fullmatch(rf"{re.escape(options[letter])}(?:\.(?:\s+(\S.*))?)?", text, re.DOTALL)
    if text and beside is None:
        raise DataError(f"answer is {shown(answer)}, but option {letter} is {shown(options[letter])}")
    return Closed(letter, (beside and beside[1]) or "")


def read_verdict(answer: str) -> Closed:
    """`Yes` or `No` of a stored answer: the word alone, or followed by punctuation and an explanation.

    Raises:
        DataError: for anything else; `None visible` and `No one is there` are not a no.
    """
    match = _VERDICT.fullmatch(answer.strip())
    if match is None:
        raise DataError(f"answer is {shown(answer)}, which is neither Yes nor No")
    return Closed(match[1].capitalize(), match[2] or "")


def read_span(answer: str) -> dict[str, Any]:
    """The object with `start` and `end` of a stored temporal answer, bare or fenced; its times are left as written.

    Raises:
        DataError: if there is no such JSON object.
    """
    span = _read_json(answer)
    if not isinstance(span, dict) or not {"start", "end"} <= span.keys():
        raise DataError(f"answer is {shown(answer)}, not a JSON object with 'start' and 'end'")
    return span


def read_boxes_answer(answer: str) -> list[dict[str, Any]]:
    """The boxes of a stored grounding answer, bare or fenced: each an object with four numbers in `bbox_2d`.

    Raises:
        DataError: if that is not what it is.
    """
    boxes = _read_json(answer)
    if not isinstance(boxes, list):
        raise DataError(f'answer is {shown(answer)}, not a JSON list of {{"bbox_2d": [...], "label": "..."}}')
    for index, box in enumerate(boxes):
        corners = box.get("bbox_2d") if isinstance(box, dict) else None
        if not isinstance(corners, list) or len(corners) != 4 or not all(map(_is_number, corners)):
            raise DataError(f"answer has {shown(box)} as box {index}, whose 'bbox_2d' is not four numbers")
    return boxes


def _read_json(answer: str) -> Any:
    fenced = _FENCE.fullmatch(answer.strip())
    try:
        return json.loads(fenced[1] if fenced else answer)
    except (ValueError, RecursionError) as fault:
        raise DataError(f"answer is {shown(answer)}, which is not readable JSON") from fault


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _joined(question: Question, dialect: Dialect) -> str:
    lines = "\n".join(f"{letter}{_MARK[dialect]} {text}" for letter, text in question.options.items())
    return _SEPARATOR[dialect].join(part for part in (question.stem, lines, question.instruction) if part)


def _known_instructions(task: str) -> set[str]:
    return {INSTRUCTIONS[dialect][task] for dialect in DIALECTS if task in INSTRUCTIONS[dialect]}
