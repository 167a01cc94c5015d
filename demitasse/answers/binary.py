"""Reading a yes or a no."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from demitasse.answers.marks import answer_regions, flatten
from demitasse.answers.parsed import Parsed, is_refusal, unreadable

YesNo = Literal["yes", "no"]

# Some "no" answers nothing: "no doubt it does", "I have no idea", "no clear answer", "No. 5".
_IDLE = (
    r"(?!\s+(?:(?:clear|definite|further|such)\s+)?(?:doubt|question|idea|clue|wonder|matter|way|answer|information"
    r"|comment|one\s+(?:knows|can))\b|\.\s?\d)"
)
_WORD = re.compile(rf"(?<![\w-])(yes|no)(?![\w-]){_IDLE}", re.IGNORECASE)
# A leading word is an answer when a pause follows it: "No, …", "Yes. …"; not "No doubt …" or "Yes/No".
_LEADING = re.compile(rf"\W*(yes|no)(?=\s*(?:$|\n|[.,;:!)}}\]\"']|-\s)){_IDLE}", re.IGNORECASE)
_STATEMENT = re.compile(
    r"\banswer[\"']?\s*+(?:(?:is|would be|must be)\s*+[:=]?|[:=])[\"'({\s]*+(yes|no)(?![\w-])", re.IGNORECASE
)
_JOINED = re.compile(r"\s*(?:/|or\b|and\b)\s*(yes|no)\b", re.IGNORECASE)  # "The answer is yes or no."
BEFORE = 40  # characters before a word in which its denial, condition or quotation is looked for: "I would not say yes"
_DENIED = re.compile(
    r"(?:(?:\bnot|n't|\bcannot|\bnever|\bneither|\bnor|\bif|\bwhether|\b(?:could|may|might)(?:\s+be)?)\s+(?:\w+\s+){0,3}"
    r"|(?:^|[.!?]\s+)(?:is|was)\s+it\s+|\b(?:says|said|reads|saying|reading|written)[:,]?\s+)[\"'(]*$",
    re.IGNORECASE,
)
_CHINESE = re.compile(r"\W*(?:(?:答案|回答)[是为]?\W*)?(?:(?P<yes>是的?|对的?)|(?P<no>否|不是的?|不对|没有))\W*")


def read_binary(text: str) -> Parsed[YesNo]:
    """Read a final answer as "yes" or "no".

    What opens the answer and what "the answer is" asserts come first, and must agree. Otherwise the answer
    must contain exactly one of the two words, as a whole word ("north" aside, the rule of VLMEvalKit's
    `YOrN_Extraction`), and not one that is denied or idle ("I would not say yes", "no doubt", "No. 5"); with both or
    neither, or in a refusal, there is no answer. A whole answer in Chinese is read too, as Qwen's models give it.
    """
    if chinese := _CHINESE.fullmatch(text):
        word: YesNo = "yes" if chinese["yes"] else "no"
        return Parsed(word, "chinese", span=chinese.span(word))
    flat = flatten(text.replace("\u2014", ";"))  # a dash that long is a pause: "Yes\u2014it does"
    asserted, said = [], []
    for start, end in answer_regions(flat):
        asserted += [("leading", match) for match in _leading(flat, start, end)]
        stated = list(_STATEMENT.finditer(flat, start, end))
        joined = [other for match in stated if (other := _JOINED.match(flat, match.end(), end))]
        asserted += [("statement", match) for match in (*stated, *joined)]
        said += [("word", match) for match in _WORD.finditer(flat, start, end) if not _is_denied(flat, match)]
    found = asserted or ([] if is_refusal(text) else said)
    words = {match[1].lower() for _, match in found}
    if len(words) != 1:
        return unreadable(text, "both_yes_and_no" if words else "no_yes_or_no")
    method, match = found[0]
    return Parsed("yes" if "yes" in words else "no", method, span=match.span(1))


def _leading(flat: str, start: int, end: int) -> Iterator[re.Match[str]]:
    """The words that open an answer: "Yes, no" has two."""
    while match := _LEADING.match(flat, start, end):
        yield match
        start = match.end()


def _is_denied(flat: str, match: re.Match[str]) -> bool:
    return _DENIED.search(flat, max(0, match.start() - BEFORE), match.start()) is not None
