"""A person's label, value by value: what is odd in it, and what became of that.

What can be read in one way only is mended (a non-breaking hyphen, "True" for true, a newline at the end); what cannot
is left out of the item, and never guessed. Every change is an oddity that a person can read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from demitasse.answers.marks import DASHES, INVISIBLE, QUOTES, fold
from demitasse.labels.keys import TRUTH, Key, Keys, whole_numbers

DASH, QUOTE, INNER, EDGE = "dash", "curly quote", "odd space", "space at the edge"
SPELLING, BOOLEAN, NUMBER = "spelling of a class", "boolean as text", "number as text"
SINGLE, TWICE, NOTHING = "one label, no list", "label given twice", "null for an empty list"
UNKNOWN, TYPE, EMPTY, MISSING, EXTRA = "unknown class", "wrong type", "nothing said", "missing key", "extra key"
_SPACES = "\u00a0\u2007\u202f\u2009\u200a"


class _LeftOut:
    """What became of a value that could not be read: JSON has no word for it."""

    def __repr__(self) -> str:
        return "left out"


LEFT_OUT = _LeftOut()


@dataclass(frozen=True, slots=True)
class Oddity:
    """One oddity of a value: `became` is what stands in its place, or `LEFT_OUT`; of an extra key the value itself."""

    key: str
    kind: str
    value: Any
    became: Any

    def __str__(self) -> str:
        if self.kind == MISSING:
            return f"{self.key}: {self.kind}, left out"
        if self.kind == EXTRA:
            return f"{self.key}: {self.kind}, carried beside the answer: {_shown(self.value)}"
        became = str(LEFT_OUT) if self.became is LEFT_OUT else f"became {_shown(self.became)}"
        return f"{self.key}: {self.kind}, {_shown(self.value)} {became}"


@dataclass(slots=True)
class Mended:
    """A label's values in the order of the keys, what else it holds, and what was odd."""

    values: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    oddities: list[Oddity] = field(default_factory=list)


def mend(label: Mapping[str, Any], keys: Keys) -> Mended:
    """Bring a label into the form that its keys declare."""
    done = Mended(extra={name: value for name, value in label.items() if name not in keys})
    for name, key in keys.items():
        if name not in label:
            done.oddities.append(Oddity(name, MISSING, None, LEFT_OUT))
            continue
        value = _Mender(name, key, done.oddities).value(label[name])
        if value is not LEFT_OUT:
            done.values[name] = value
    done.oddities += [Oddity(name, EXTRA, value, value) for name, value in done.extra.items()]
    return done


class _Mender:
    """Mends the value of one key, and notes every change."""

    def __init__(self, name: str, key: Key, oddities: list[Oddity]) -> None:
        self._name, self._key, self._oddities = name, key, oddities

    def value(self, value: Any) -> Any:
        kinds: dict[str, Callable[[Any], Any]] = {
            "boolean": self._boolean,
            "multi": self._labels,
            "prose": self._prose,
        }
        return kinds.get(self._key["kind"], self._number if whole_numbers(self._key) else self._class)(value)

    def _note(self, kind: str, value: Any, became: Any) -> Any:
        self._oddities.append(Oddity(self._name, kind, value, became))
        return became

    def _text(self, text: str) -> str:
        """The text with plain hyphens, quotes and spaces, and nothing at its edges."""
        for kind, plain in _PLAIN.items():
            mended = text.translate(plain)
            if mended != text:
                text = self._note(kind, text, mended)
        stripped = text.strip()
        return stripped if stripped == text else self._note(EDGE, text, stripped)

    def _prose(self, value: Any) -> Any:
        optional = self._key.get("optional", False)
        if value is None and optional:
            return None
        if value is not None and not isinstance(value, str):
            return self._note(TYPE, value, LEFT_OUT)
        text = self._text(value or "")
        return text or self._note(EMPTY, value, None if optional else LEFT_OUT)

    def _boolean(self, value: Any) -> Any:
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and fold(value) in TRUTH:
            return self._note(BOOLEAN, value, fold(value) == "true")
        return self._note(TYPE if not isinstance(value, str) else UNKNOWN, value, LEFT_OUT)

    def _number(self, value: Any) -> Any:
        if isinstance(value, str) and fold(value) in self._key["classes"]:
            return self._note(NUMBER, value, int(fold(value)))
        if isinstance(value, float) and value.is_integer():
            value = self._note(TYPE, value, int(value))
        if isinstance(value, bool) or not isinstance(value, int | str):
            return self._note(TYPE, value, LEFT_OUT)
        return value if str(value) in self._key["classes"] else self._note(UNKNOWN, value, LEFT_OUT)

    def _class(self, value: Any) -> Any:
        if not isinstance(value, str):
            return self._note(TYPE, value, LEFT_OUT)
        text, classes = self._text(value), self._key["classes"]
        if text in classes:
            return text
        found = {fold(name): name for name in classes}.get(fold(text), LEFT_OUT)
        return self._note(UNKNOWN if found is LEFT_OUT else SPELLING, text, found)

    def _labels(self, value: Any) -> Any:
        if value is None:
            return self._note(NOTHING, value, [])
        if isinstance(value, str):
            value = self._note(SINGLE, value, [value])
        if not isinstance(value, list):
            return self._note(TYPE, value, LEFT_OUT)
        labels = [self._class(one) for one in value]
        if LEFT_OUT in labels:  # a set without one of its labels would be another one
            return self._note(UNKNOWN, value, LEFT_OUT)
        once = list(dict.fromkeys(labels))
        return once if len(once) == len(labels) else self._note(TWICE, labels, once)


_PLAIN = {
    DASH: str.maketrans(dict.fromkeys(DASHES, "-")),
    QUOTE: str.maketrans(QUOTES),
    INNER: str.maketrans(dict.fromkeys(_SPACES, " ") | dict.fromkeys(INVISIBLE, "")),
}


def _shown(value: Any) -> str:
    """A value on one line, with every sign that is not plain as its escape: the eye does not tell hyphens apart."""
    text = json.dumps(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
