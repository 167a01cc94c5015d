"""Words that carry content, and counts, as texts are compared for leaks: without grammar, endings and case."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W\d_]+")
_EMPTY_WORDS = """
    a an the this that these those some any all each other another it its he him his she her hers they them their
    there here i you we us me my your our is are was were be been being am do does did done has have had having will
    would can could should shall may might must not no nor so too very just also of in on at to from by with without
    for into onto out up down off over under about around after before while as than then when where what who whom
    which why how and or but if because s t one way thing things something someone
"""
_NUMBER_WORDS = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty
"""
_EMPTY = frozenset(_EMPTY_WORDS.split())
_NUMBERS = {word: number for number, word in enumerate(_NUMBER_WORDS.split())}
_DIGITS = re.compile(r"\b[0-9]{1,4}\b")
_ENDINGS = (
    (re.compile(r"(?<=[a-z]{2})(?:ied|ies)$"), "y"),  # carried
    (re.compile(r"(?<=[a-z]{3})(?:ing|ed)$"), ""),  # holding
    (re.compile(r"(?<=[a-z]{2}(?:s|x|z|h))es$"), ""),  # watches
    (re.compile(r"(?<=[a-z]{2})(?<!s)s$"), ""),  # toys
)
_LAST_E = re.compile(r"(?<=[a-z]{3})e$")
_DOUBLE = re.compile(r"(.)\1$")


def stem(word: str) -> str:
    """A word without its ending, roughly: "sitting", "sits" and "sit" are one, and so are "carried" and "carry"."""
    word = word.casefold()
    for ending, instead in _ENDINGS:
        word, found = ending.subn(instead, word)
        if found:
            break
    return _DOUBLE.sub(r"\1", _LAST_E.sub("", word))


def content(text: str) -> frozenset[str]:
    """Stems of the words that carry content; parts of `closet/cabinet` and `lean_on` are words by themselves."""
    words = _WORD.findall(text.casefold().replace("_", " "))
    return frozenset(stem(word) for word in words if word not in _EMPTY)


def number(text: str) -> int | None:
    """The one number that a text names, in digits or words up to twenty; None if it names none or several."""
    found = [int(digits) for digits in _DIGITS.findall(text)]
    found += [_NUMBERS[word] for word in _WORD.findall(text.casefold()) if word in _NUMBERS]
    return found[0] if len(set(found)) == 1 else None
