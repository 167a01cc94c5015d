"""Options and right answers as benchmark files write them, in all the forms that were met.

Options: `(A): text`, `(A) text`, `A. text`, `A: text`, or plain texts. Answers: `(A)`, `A`, `a.`, `(A): text`, an
option's text, or the place of the option, from 0, as a number or in digits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import Any

from demitasse.dataset.schema import shown
from demitasse.errors import DataError

_LABEL = re.compile(r"\s*(?:\(([A-Z])\)\s*[:.]?|([A-Z])\s*[:.)])(?:\s+|$)(.*)", re.DOTALL)
_TIGHT = re.compile(r"\s*(?:\(([A-Z])\)\s*[:.]?|([A-Z])[:.)])\s*(.*)", re.DOTALL)
_ANSWER = re.compile(r"\s*\(?\s*([A-Za-z])\s*\)?\s*[:.)]*(?:\s+(\S.*?))?\s*", re.DOTALL)


def read_options(options: Any) -> dict[str, str]:
    """Letter to text, each text on one line.

    Raises:
        DataError: if it is no list of two texts or more, one is empty, or they are not in their letters' order.
    """
    if isinstance(options, Mapping):
        options = [f"{letter}. {text}" for letter, text in sorted(options.items())]
    if not isinstance(options, list) or not all(isinstance(option, str) for option in options):
        raise DataError(f"options is {shown(options)}, not a list of texts")
    if not 2 <= len(options) <= len(ascii_uppercase):
        raise DataError(f"options has {len(options)} texts; a question has 2 to {len(ascii_uppercase)}")
    texts = [" ".join(text.split()) for text in _without_labels(options)]
    if not all(texts):
        raise DataError(f"options has an empty text: {shown(options)}")
    return dict(zip(ascii_uppercase, texts, strict=False))


def _without_labels(options: Sequence[str]) -> Sequence[str]:
    """The texts without their letters, if each has its own: A to the first, B to the second.

    Raises:
        DataError: if they are lettered in another order.
    """
    for pattern in (_LABEL, _TIGHT):
        found = [pattern.fullmatch(option) for option in options]
        letters = "".join((match[1] or match[2]) if match else "-" for match in found)
        if letters == ascii_uppercase[: len(options)]:
            return [match[3] for match in found if match]
        if "".join(sorted(letters)) == ascii_uppercase[: len(options)]:
            raise DataError(f"options are lettered {', '.join(letters)}: which letter is which option cannot be told")
    return options


def read_letter(answer: Any, options: Mapping[str, str]) -> str:
    """The letter of the right option.

    Raises:
        DataError: if it is no option's, or says two different ones.
    """
    letters = list(options)
    if isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer < len(letters):
        return letters[answer]
    if not isinstance(answer, str):
        raise DataError(f"correct_answer is {shown(answer)}, not the letter of an option ({', '.join(letters)})")
    text = " ".join(answer.split())
    same = [letter for letter, option in options.items() if option == text]
    if len(same) == 1:
        return same[0]
    if text.isdecimal() and text.isascii() and len(text) < 3 and int(text) < len(letters):
        return letters[int(text)]
    match = _ANSWER.fullmatch(text)
    letter = match[1].upper() if match else ""
    if match is None or letter not in options:
        raise DataError(f"correct_answer is {shown(answer)}, not the letter of an option ({', '.join(letters)})")
    if match[2] and match[2].rstrip(".") != options[letter].rstrip("."):
        raise DataError(f"correct_answer is {shown(answer)}, but option {letter} is {shown(options[letter])}")
    return letter
