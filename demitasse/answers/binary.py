"""Reading a yes or a no."""

from __future__ import annotations

import re
from typing import Literal

from demitasse.answers.marks import answer_regions, flatten
from demitasse.answers.parsed import Parsed, is_refusal, unreadable

YesNo = Literal["yes", "no"]

_WORD = re.compile(r"(?<![\w-])(yes|no)(?![\w-])", re.IGNORECASE)
# A leading word is an answer when a pause follows it: "No, …", "Yes. …"; not "No doubt …" or "Yes/No".
_LEADING = re.compile(r"\W*(yes|no)(?=\s*(?:$|\n|[.,;:!)}\]\"']|-\s))", re.IGNORECASE)
_STATEMENT = re.compile(r"\banswer[\"']?\s*+(?:is|would be|must be|:|=)[\"'({\s]*+(yes|no)(?![\w-])", re.IGNORECASE)


def read_binary(text: str) -> Parsed[YesNo]:
    """Read a final answer as "yes" or "no".

    What opens the answer and what "the answer is" asserts come first, and must agree. Otherwise the answer
    must contain exactly one of the two words, as a whole word ("north" and "No. 5" aside, the rule of
    VLMEvalKit's `YOrN_Extraction`); with both or neither, or in a refusal, there is no answer.
    """
    flat = flatten(text)
    asserted, said = [], []
    for start, end in answer_regions(flat):
        leading = _LEADING.match(flat, start, end)
        asserted += [("leading", leading)] if leading else []
        asserted += [("statement", match) for match in _STATEMENT.finditer(flat, start, end)]
        said += [("word", match) for match in _WORD.finditer(flat, start, end)]
    found = asserted or ([] if is_refusal(text) else said)
    words = {match[1].lower() for _, match in found}
    if len(words) != 1:
        return unreadable(text, "both_yes_and_no" if words else "no_yes_or_no")
    method, match = found[0]
    return Parsed("yes" if "yes" in words else "no", method, span=match.span(1))
