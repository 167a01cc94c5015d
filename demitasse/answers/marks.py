"""Flattening of typography that carries no meaning, one character for one, so that spans still fit."""

from __future__ import annotations

import re
import unicodedata

_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2212"
_QUOTES = {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'}
_EMPHASIS = "*_`~"
_TABLE = {ord(mark): " " for mark in _INVISIBLE + _EMPHASIS} | {ord(mark): "-" for mark in _DASHES}
_TABLE |= {ord(mark): plain for mark, plain in _QUOTES.items()}
_ANSWER_TAG = re.compile(r"<answer\s*+>((?:(?!<answer\b).)*?)</answer\s*+>", re.IGNORECASE | re.DOTALL)
_ARTICLE = re.compile(r"^(?:a|an|the)\s+")


def flatten(text: str) -> str:
    """Full-width letters and the digits of every script made plain; emphasis, zero-width marks made spaces.

    Keeps the length.
    """
    translated = text.translate(_TABLE)
    return translated if translated.isascii() else "".join(map(_plain, translated))


def _plain(char: str) -> str:
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    plain = unicodedata.normalize("NFKC", char)
    return plain if len(plain) == 1 else char


def fold(text: str) -> str:
    """A phrase as it is compared with an option: case, spacing, edge punctuation and a first article gone."""
    words = " ".join(flatten(text).casefold().split())
    inside = [place for place, char in enumerate(words) if char.isalnum()]
    return _ARTICLE.sub("", words[inside[0] : inside[-1] + 1]) if inside else ""


def answer_regions(text: str) -> list[tuple[int, int]]:
    """Where `<answer>` tags say the answer is; the whole text when there are none."""
    return [match.span(1) for match in _ANSWER_TAG.finditer(text)] or [(0, len(text))]
