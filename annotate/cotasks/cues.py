"""Words of a question that say when: "at the end", "in the middle", "near the start"."""

from __future__ import annotations

import re

# Which third of the video. "the middle of the stage" and "the end of the pool" are places, so what follows is checked.
_PLACE = r"(?!\s+of\b(?!\s+(?:the\s+)?(?:video|clip)\b))"
_AT = r"\b(?:at|in|near|nearing|around|towards?|from|during|halfway\s+through)\s+(?:the\s+)?(?:very\s+)?"
_CUES = (
    (0, re.compile(rf"{_AT}(?:start|beginning){_PLACE}\b|\bat\s+first\b|\binitially\b")),
    (1, re.compile(rf"{_AT}middle{_PLACE}\b|\bhalfway\b(?!\s+(?:up|down|across)\b)|\bmidway\b")),
    (2, re.compile(rf"{_AT}(?:end|ending|last){_PLACE}\b|\bfinally\b|\bin\s+the\s+end\b")),
)
PARTS = 3


def cued_parts(text: str) -> list[int]:
    """The thirds of the video, 0 to 2, that a question speaks of; none if it names no time."""
    return [part for part, pattern in _CUES if pattern.search(text.casefold())]
