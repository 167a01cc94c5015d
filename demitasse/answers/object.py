"""One JSON object of known keys inside model text: bare, fenced, with prose around it, or cut short.

Pairs are read one by one, so that what a reply has said whole is not lost to what breaks after it: a text cut by the
token limit, a quote that was not escaped. Nothing is guessed. A value counts only if a comma or the closing brace
follows it, a key that has two values has none, and of two objects that say different things neither is taken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from demitasse.answers.parsed import Parsed, unreadable

_DECODER = json.JSONDecoder(strict=False)  # a newline inside a string is one, escaped or not
_SPACE = re.compile(r"[ \t\r\n]*")
_WORDS = {"True": True, "False": False, "None": None}  # as Python writes what JSON calls true, false and null
_WORD = re.compile("|".join(_WORDS))
_APART = re.compile(r"[^a-z0-9]+")
_VAIN = 64  # braces that lead nowhere, after which a text is no answer: each is read to the end of the text


@dataclass(slots=True)
class Fields:
    """What an object says of known keys.

    Attributes:
        values: by key, as it was asked for.
        twice: keys that were given two values.
        whole: whether the object was closed; if not, there may have been more.
        span: where it stands in the text.
    """

    values: dict[str, Any] = field(default_factory=dict)
    twice: set[str] = field(default_factory=set)
    whole: bool = False
    span: tuple[int, int] = (0, 0)


def read_fields(text: str, keys: Collection[str]) -> Parsed[Fields]:
    """The one object of a text that has any of `keys`, at the top or inside another object.

    Keys count whatever their case, and with spaces or hyphens for underscores.
    """
    known = {_plain(key): key for key in keys}
    found = [one for fields in _objects(text, known) for one in _with_known(fields, known)]
    if not found:
        return unreadable(text, "no_object")
    if any(one.values != found[0].values or one.twice for one in found[1:]):
        return unreadable(text, "two_objects")
    return Parsed(found[0], "object" if found[0].whole else "object_cut", span=found[0].span)


@dataclass(slots=True)
class _Raw:
    """An object as it was written: its pairs in order, whether it was closed, and where it stands."""

    pairs: list[tuple[str, Any]]
    whole: bool
    span: tuple[int, int]


def _objects(text: str, known: Mapping[str, str]) -> Iterator[_Raw]:
    """The outermost objects of a text, in order; a brace that opens none is passed over."""
    start, vain = text.find("{"), 0
    while start >= 0 and vain < _VAIN:
        raw = _object(text, start)
        if raw.pairs:
            yield raw
        else:
            vain += not raw.whole
        # What follows a broken object is looked at again from where it broke.
        start = text.find("{", raw.span[1])


def _object(text: str, start: int) -> _Raw:
    pairs: list[tuple[str, Any]] = []
    at = _skip(text, start + 1)
    while text[at : at + 1] == '"':
        end = at
        try:
            key, at = _value(text, at)
            at = _skip(text, at)
            if text[at : at + 1] != ":":
                break
            value, at = _value(text, _skip(text, at + 1))
        except (ValueError, RecursionError):  # no JSON; a number of too many digits; nested too deep
            return _Raw(pairs, False, (start, end))
        at = _skip(text, at)
        if text[at : at + 1] not in (",", "}"):
            return _Raw(pairs, False, (start, end))
        pairs.append((key, value))
        at = _skip(text, at + 1) if text[at] == "," else at
    whole = text[at : at + 1] == "}"
    return _Raw(pairs, whole, (start, at + whole))


def _value(text: str, at: int) -> tuple[Any, int]:
    word = _WORD.match(text, at)
    return (_WORDS[word[0]], word.end()) if word else _DECODER.raw_decode(text, at)


def _with_known(raw: _Raw, known: Mapping[str, str]) -> Iterator[Fields]:
    """The object, if it has any known key, else those inside it that do."""
    layers = [raw.pairs]
    while layers:
        pairs = layers.pop()
        fields = _fields(pairs, known)
        if fields is None:
            layers += [list(value.items()) for _, value in reversed(pairs) if isinstance(value, dict)]
            continue
        fields.whole, fields.span = raw.whole, raw.span
        yield fields


def _fields(pairs: Sequence[tuple[str, Any]], known: Mapping[str, str]) -> Fields | None:
    fields = Fields()
    for key, value in ((known[_plain(name)], value) for name, value in pairs if _plain(name) in known):
        if key in fields.values and fields.values[key] != value:
            fields.twice.add(key)
        fields.values[key] = value
    if not fields.values:
        return None
    fields.values = {key: value for key, value in fields.values.items() if key not in fields.twice}
    return fields


def _plain(name: str) -> str:
    return _APART.sub("_", name.casefold()).strip("_")


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
