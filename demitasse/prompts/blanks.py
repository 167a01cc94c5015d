"""Blanks: `[UPPER_CASE]` marks in a template's prompts, and the words that a pack fills them with.

They are filled once, when a pack is loaded; `{name}`, for what differs from video to video, is filled at each call.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

# Three signs at least, so that `[A]` and `[t1]` are text; `[MM:SS]` and `[Dense Caption]` are text as well.
_BLANK = re.compile(r"\[([A-Z][A-Z0-9_]{2,})\]")
_DASH = "- "
_LINE_END = re.compile(r"[ \t]+$", re.MULTILINE)


def blanks_of(text: str) -> list[str]:
    """The names of a text's blanks, each once, in order."""
    return list(dict.fromkeys(_BLANK.findall(text)))


def fill_in(text: str, words: Mapping[str, str]) -> str:
    """The text with the blanks that `words` names filled; the others stay.

    Empty words take their whole line away. A list starts on a line of its own, whatever stands before its blank.
    """
    kept = (line for line in text.splitlines() if all(words.get(name) != "" for name in blanks_of(line)))
    filled = "\n".join(_BLANK.sub(lambda blank: _words(blank, words), line) for line in kept)
    return _LINE_END.sub("", filled)


def as_list(parts: Iterable[str]) -> str:
    """The parts as lines that begin with a dash."""
    return "\n".join(f"{_DASH}{part}" for part in parts)


def _words(blank: re.Match[str], words: Mapping[str, str]) -> str:
    filled = words.get(blank[1], blank[0])
    before = blank.string[: blank.start()].strip()
    if not before or not filled.startswith(_DASH):
        return filled
    return filled.removeprefix(_DASH) if before == _DASH.strip() else f"\n{filled}"
