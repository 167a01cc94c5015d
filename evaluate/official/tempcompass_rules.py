"""The rules by which TempCompass's scripts read a reply without a language model, and the options of its captions."""

from __future__ import annotations

import re
from string import ascii_uppercase
from typing import Any

from demitasse.answers import read_options
from evaluate.records import Asked

KINDS = CHOICE, YES_NO, CAPTIONS = ("multi-choice", "yes_no", "caption_matching")
_CAPTION = re.compile(r"(?:Caption|Option|Sentence) ([A-Z0-9]): (.*)")
_NAME = re.compile(r"\b(?:caption|option|sentence)\s+([A-Z]|[1-9])\b", re.IGNORECASE)
_DIGIT = re.compile(r"(\W*)([1-9])(\W.*|$)", re.DOTALL)


def kind_of(question: str, answer: str) -> str | None:
    """Which of `KINDS` a question is; None for captioning, and for one without an answer."""
    if answer in ("yes", "no"):
        return YES_NO
    if "\nInformation A:" in question or not answer:
        return None
    if captions(question):
        return CAPTIONS
    return CHOICE if read_options(question) else None


def captions(question: str) -> dict[str, str]:
    """Letter to sentence of a caption question, whose options are "Caption A: ..." or "Option 1: ..."."""
    found = [match for line in question.split("\n")[1:] if (match := _CAPTION.fullmatch(line))]
    return dict(zip(ascii_uppercase, (match[2] for match in found), strict=False)) if len(found) > 1 else {}


def unnamed(reply: str, question: str) -> str:
    """A reply with "Caption B", "Option 2" and a bare "2" as the letter of their option; a whole option as its text."""
    for line in question.split("\n")[1:]:
        reply = reply.replace(line, line.split(": ", 1)[1]) if _CAPTION.fullmatch(line) else reply
    named = _NAME.sub(lambda match: _letter(match[1]), reply)
    bare = _DIGIT.fullmatch(named)
    return f"{bare[1]}{_letter(bare[2])}{bare[3]}" if bare else named


def rule_rating(asked: Asked, reply: Any) -> int | None:
    """1 or 0 as the script's rules have it; None where they cannot read the reply."""
    if not isinstance(reply, str):
        return None
    said = reply.replace("</s>", "").strip()
    if asked.task == CHOICE:
        return _choice(said, asked.reference)
    if asked.task == YES_NO:
        word = next((one for one in ("yes", "no") if said.lower().startswith(one)), None)
        return None if word is None else int(word == asked.reference)
    return _caption(said, asked)


def _letter(name: str) -> str:
    return ascii_uppercase[int(name) - 1] if name.isdecimal() else name.upper()


def _choice(said: str, answer: str) -> int | None:
    if said == answer:
        return 1
    opens = said[:1] in ("A", "B", "C", "D") and said[1:2] in ("", ".", ")")
    return int(said[0] == answer[0]) if opens else None


def _caption(said: str, asked: Asked) -> int | None:
    """A name goes before a sentence and that before a whole option, and a later option before an earlier one."""
    whole = asked.question.split("\n")[1:]
    names, sentences = zip(*(option.split(": ")[:2] for option in whole), strict=True)
    short = [re.sub("Sentence |Option |Caption ", "", name) for name in names]
    forms = {said, said.split(") ")[1]} if ") " in said else {said}
    found = [option for option in whole if option == said] + [sentence for sentence in sentences if sentence in forms]
    found += [name for name in (*names, *short) if name in (said, said.replace(".", ""))]
    if not found:
        return None
    name, sentence = asked.reference.split(": ")[:2]
    return int(found[-1] in (asked.reference, name, sentence, name.split()[1]))
