"""Flattening of typography that carries no meaning, one character for one, so that spans still fit."""

from __future__ import annotations

import re
import unicodedata

INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
DASHES = "\u2010\u2011\u2012\u2013\u2014\u2212"
QUOTES = {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'}
_DIRECTIONS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # of text that runs right to left
_CHINESE = {"\u3002": ".", "\u3001": ",", "\u3010": "[", "\u3011": "]", "\u300c": '"', "\u300d": '"'}
_EMPHASIS = "*_`~"
_TABLE = {ord(mark): " " for mark in INVISIBLE + _DIRECTIONS + _EMPHASIS} | {ord(mark): "-" for mark in DASHES}
_TABLE |= {ord(mark): plain for mark, plain in (QUOTES | _CHINESE).items()}
# A tag may be open: many serve with `</answer>` as the word to stop at, which is then no part of the reply.
# `<|begin_of_box|>` is what GLM's models write.
_ANSWER_TAG = re.compile(
    r"<answer\s*+>(?P<tagged>(?:(?!<answer\b).)*?)(?:</answer\s*+>|(?<=[^\s>])\s*+(?:\Z|(?=<answer\b)))"
    r"|<\|begin[_ ]of[_ ]box\|>(?P<boxed>(?:(?!<\|).)*+)<\|end[_ ]of[_ ]box\|>",
    re.IGNORECASE | re.DOTALL,
)
_MINUS = re.compile(r"-\.?\d")
_ARTICLE = re.compile(r"^(?:a|an|the)\s+")


def flatten(text: str) -> str:
    """Full-width letters, Chinese marks and the digits of every script made plain; emphasis, marks without width and of
    direction made spaces. Keeps the length.
    """
    translated = text.translate(_TABLE)
    return translated if translated.isascii() else "".join(map(_plain, translated))


def _plain(char: str) -> str:
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    plain = unicodedata.normalize("NFKC", char)
    return plain if len(plain) == 1 else char


def fold(text: str) -> str:
    """A phrase as it is compared with an option: case, spacing, edge punctuation and a first article gone.

    A minus right before a number is no punctuation: -2 is not 2.
    """
    words = " ".join(flatten(text).casefold().split())
    start, end = 0, len(words)
    while start < end and not words[start].isalnum() and not _MINUS.match(words, start):
        start += 1
    while end > start and not words[end - 1].isalnum():
        end -= 1
    return _ARTICLE.sub("", words[start:end])


def answer_regions(text: str) -> list[tuple[int, int]]:
    """Where `<answer>` tags say the answer is; the whole text when there are none."""
    return [match.span(match.lastgroup or 0) for match in _ANSWER_TAG.finditer(text)] or [(0, len(text))]
