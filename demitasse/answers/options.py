"""The options that a multiple-choice question carries in its text."""

from __future__ import annotations

import re
from string import ascii_uppercase

# `A. text` (TAO's annotator), `A) text` (DAFT and the public data), `(A) text`, `A: text` (the Cosmos recipe).
_OPTION = re.compile(r"^[ \t]*\(?([A-Z])[.):][ \t]*(\S.*)$", re.MULTILINE)


def read_options(question: str) -> dict[str, str]:
    """Letter to text of the options in a question, one option a line, in every dialect we know.

    The last run of consecutive letters that starts at A is taken, so that a list earlier in the question does
    not count. Empty if there is no run of at least two.
    """
    run: list[str] = []
    best: list[str] = []
    for match in _OPTION.finditer(question):
        letter, text = match.groups()
        if letter == "A":
            run = [text.rstrip()]
        elif run and letter == chr(ord("A") + len(run)):
            run.append(text.rstrip())
        else:
            run = []
        if len(run) >= 2:
            best = list(run)
    return dict(zip(ascii_uppercase, best, strict=False))
