"""Step 3: questions with answers and reasoning, one call for each question type; each stands or falls alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from annotate.asking import Asker, origin
from annotate.forms import Form
from annotate.video_reasoning import grammar
from annotate.video_reasoning.describe import caption_values, original_captions
from annotate.video_reasoning.entries import (
    BinaryPair,
    Localization,
    MultipleChoice,
    Open,
    Timed,
    leading_verdict,
)
from annotate.video_reasoning.prompt_keys import qa_key
from demitasse.answers import read_binary, read_times
from demitasse.engine.step import Fields, Step

VERSION = 1
FILE = "step_3_qa/qa_output.jsonl"

_BOLD_VERDICT = re.compile(r"^[*_]+(yes|no)([.,;:!]?)[*_]+", re.IGNORECASE)
_PROSE_JSON = "Reply with one JSON object: question, answer, reasoning (all text)."


def _layout(*questions: tuple[str, ...]) -> str:
    """TAO's grammar, shown by example: question, answer and reasoning, each after a rule."""
    lines = (f"=====\n{part}" for question in questions for part in question)
    return "Reply in exactly this layout, with your own text in the place of the dots:\n" + "\n".join(lines)


def _only(text: str) -> grammar.Block | None:
    """The one question of the text; None if there are none or several."""
    blocks = grammar.read_blocks(text)
    return blocks[0] if len(blocks) == 1 else None


def _choice_from_text(text: str) -> Mapping[str, Any] | None:
    block = _only(text)
    if block is None:
        return None
    return {
        "question": block.question,
        "options": block.options,
        "answer": block.answer,
        "reasoning": block.reasoning,
    }


def _pair_from_text(text: str) -> Mapping[str, Any] | None:
    blocks = grammar.read_blocks(text)
    return {"questions": [_binary(block) for block in blocks]} if blocks else None


def _binary(block: grammar.Block) -> dict[str, Any]:
    """`Yes. It swings aside.` taken apart. An answer of another layout (`Yes, it does.`) is its own explanation."""
    answer = _BOLD_VERDICT.sub(r"\1\2", block.answer)
    read = read_binary(answer)
    verdict, _, beside = answer.partition(". ")
    apart = beside and verdict.casefold() == read.value and leading_verdict(beside) != read.value
    return {
        "question": block.question,
        "answer": read.value or answer,
        "explanation": beside if apart else answer,
        "reasoning": block.reasoning,
    }


def _prose_from_text(text: str) -> Mapping[str, Any] | None:
    block = _only(text)
    if block is None:
        return None
    return {"question": block.question, "answer": block.answer, "reasoning": block.reasoning}


def _span_from_text(text: str) -> Mapping[str, Any] | None:
    block = _only(text)
    read = read_times(block.answer) if block else None
    if block is None or read is None or read.value is None:
        return None
    start, end = read.value
    return {"question": block.question, "start": start, "end": end, "reasoning": block.reasoning}


_CHOICE = Form(
    MultipleChoice,
    "Reply with one JSON object: question, options (an object with the keys A, B, C and D), answer (the letter of the "
    "right option), reasoning.",
    _layout(
        ("Multiple-Choice Question: ...\nA. ...\nB. ...\nC. ...\nD. ...", "Answer: the letter alone", "Reasoning: ...")
    ),
    _choice_from_text,
)
_PAIR = Form(
    BinaryPair,
    "Reply with one JSON object: questions, a list of two, each an object with question, answer (yes or no), "
    "explanation (the supporting sentence), reasoning.",
    _layout(
        ("1. Question: ...", "Answer: Yes. ...", "Reasoning: ..."),
        ("2. Question: ...", "Answer: No. ...", "Reasoning: ..."),
    ),
    _pair_from_text,
)
_PROSE_TEXT = _layout(("Question: ...", "Answer: ...", "Reasoning: ..."))
_PROSE = Form(Open, _PROSE_JSON, _PROSE_TEXT, _prose_from_text)
_TIMED = Form(Timed, _PROSE_JSON, _PROSE_TEXT, _prose_from_text)
_SPAN = Form(
    Localization,
    "Reply with one JSON object: question, start, end (both as MM:SS), reasoning.",
    _layout(("Question: ...", "Answer: Start_Time: MM:SS, End_Time: MM:SS", "Reasoning: ...")),
    _span_from_text,
)
FORMS: dict[str, Form[Any]] = {
    "mcq": _CHOICE,
    "bcq": _PAIR,
    "open_qa": _PROSE,
    "causal_linkage": _TIMED,
    "temporal_localization": _SPAN,
    "temporal_event_desc": _TIMED,
    "scene_description": _PROSE,
    "event_summary": _PROSE,
}


@dataclass(frozen=True)
class Questioning:
    """Step 3 for one question type."""

    llm: Asker
    qa_type: str
    after: tuple[str, ...]

    def step(self) -> Step:
        """The step for the graph. Its row is told apart from its siblings' by the question type."""
        name = f"3/{self.qa_type}"
        return Step(name, FILE, VERSION, self._inputs, self._run, after=self.after, part=self.qa_type, merge=False)

    def _inputs(self, fields: Fields) -> Any:
        asked = self.llm.decides(self._key(fields), FORMS[self.qa_type])
        return {"asked": asked, "values": _values(fields)}

    async def _run(self, fields: Fields) -> Fields:
        key = self._key(fields)
        asked = await self.llm.ask(key, _values(fields), FORMS[self.qa_type], fields["video_length"])
        return {
            "video": fields["video"],
            "video_length": fields["video_length"],
            "qa_output": asked.text,
            "prompt_key": key,
            "original_captions": original_captions(fields),
            "detailed_description": fields["detailed_description"],
            "provenance": origin(asked) | {"mode": fields["mode"]},
        }

    def _key(self, fields: Fields) -> str:
        return qa_key(fields["mode"], self.qa_type)


def read_entries(row: Fields) -> list[dict[str, Any]]:
    """The questions of a row, each a plain dictionary, read from the raw reply that it keeps.

    Raises:
        ParseError: if the reply cannot be used; rows that step 3 wrote always can.
    """
    reply = FORMS[qa_type_of(row)].read(row["qa_output"], row["video_length"])
    return [one.model_dump() for one in (reply.questions if isinstance(reply, BinaryPair) else [reply])]


def qa_type_of(row: Fields) -> str:
    """The question type of a row, by its prompt's key."""
    return re.sub(r"^(?:anomaly|normal)_", "", row["prompt_key"])


def _values(fields: Fields) -> dict[str, str]:
    return caption_values(fields) | {"step_2_output": fields["detailed_description"]}
