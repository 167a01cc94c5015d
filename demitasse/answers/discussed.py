"""What makes a letter one that is talked about, and no answer: a denial, a condition, a walk through the options."""

from __future__ import annotations

import re
from collections.abc import Mapping

from demitasse.answers.marks import fold

BEFORE = 60  # characters before an assertion in which its denial or condition is looked for
_DENIED = re.compile(
    r"(?:\bnot|n't|\bcannot|\bnever|\bneither|\bnor|\bif|\bwhether|\bunless|\bdoubt|\bwrong to|\bincorrect to)\s+"
    r"(?:\w+\s+){0,3}[\"'(]*$",
    re.I,
)
_NOT = r"(?:is not|isn't|cannot be|can't be)"
_DENIAL = re.compile(
    rf"\b(?:answer|option|choice)\s++{_NOT}\s++(?:option\s++)?[\"'(]*+(?P<after>[A-Z])(?![\w'])"
    rf"|(?<![\w'])(?P<before>(?-i:[A-Z]))\)?\s++"
    rf"(?:{_NOT}\s++(?:the\s++)?(?:correct|right|best|answer)|is\s++(?:wrong|incorrect|false))\b",
    re.IGNORECASE,
)
# What follows the label of an option that is talked about: "A) is not visible", "A. was ruled out".
_PREDICATE = re.compile(
    r"\s*+(?P<word>is|isn't|was|wasn't|are|aren't|can|can't|cannot|could|couldn't|does|doesn't|did|didn't|has|hasn't"
    r"|would|wouldn't|seems|not|and|or|nor|vs)\b",
    re.IGNORECASE,
)
_RULED_OUT = re.compile(
    r"\s*+(?:(?:is|was)\s++(?:wrong|incorrect|false|not|ruled)|isn't|wasn't|cannot|can't|does not|doesn't|not)\b",
    re.IGNORECASE,
)
# The label of another option where the next sentence or the next line with anything in it begins.
# Another label on the same line: "A: 30 %, B: 70 %", "A - no, B - yes".
_SAME_LINE = re.compile(r"[^\n]*?[\s,;](?:option\s++)?\(?(?P<letter>[A-Z])(?:[.):]|\s-)(?=\s)")
_NEXT_LABEL = re.compile(r"[^\n]*?(?:[.!?;]\s++|\n\s*+)[^\w\n]*+(?:option\s++)?(?P<letter>[A-Z])[.):](?=\s)")


def is_denied(text: str, place: int) -> bool:
    """Whether what stands before an assertion takes it back: "I would not choose B", "if B is correct"."""
    return _DENIED.search(text, max(0, place - BEFORE), place) is not None


def denied_letters(text: str) -> set[str]:
    """Letters that the text says are not the answer."""
    return {(match["after"] or match["before"]).upper() for match in _DENIAL.finditer(text)}


def is_discussed(text: str, letter: str, end: int, options: Mapping[str, str]) -> bool:
    """Whether a label that opens an answer only opens a discussion of its option, or of all of them in turn.

    Args:
        text: the answer.
        letter: of the label.
        end: where the label ends.
        options: letter to text.
    """
    own = fold(options.get(letter, ""))
    predicate = _PREDICATE.match(text, end)
    if predicate and own.split(" ")[0] != predicate["word"].casefold():
        return True
    beside = _SAME_LINE.match(text, end)
    if beside and (beside["letter"] not in options or own and f"{fold(text[end:])} ".startswith(f"{own} ")):
        beside = None  # "C) Vitamin A." is option C's own text
    others = [match for match in (_NEXT_LABEL.match(text, end), beside) if match and match["letter"] != letter]
    # "B) turns left. A) is wrong." still says B
    return any(_RULED_OUT.match(text, match.end()) is None for match in others)
