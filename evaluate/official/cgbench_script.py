"""What CG-Bench's scripts make of a reply, flaws included: `post_process` of its `run/utils.py`."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from string import ascii_uppercase
from typing import Any

from evaluate.score.intervals import union_iou

_BARE_WORD = re.compile(r"(?<=:\s)([A-Za-z_]\w*)")
_LETTER = re.compile(r"\b[A-H]\b")
_NUMBER = re.compile(r"-?\d+\.?\d*")
_NOTHING = object()


def script_hit(reply: Any, right: int) -> bool | None:
    """Whether the script counts a choice as right; None for a reply that it never saves.

    Without a fenced JSON object a reply is right that mentions the right letter anywhere, of A to H only.
    """
    if not isinstance(reply, str):
        return None
    letter = ascii_uppercase[right]
    said = _result(_BARE_WORD.sub(r'"\1"', _fenced(reply)))
    if said is not _NOTHING:
        return bool(said == letter)
    mentioned = _LETTER.findall(reply)
    return letter in mentioned if mentioned else None


def script_overlap(reply: Any, clue: Sequence[Sequence[float]]) -> float | None:
    """The script's IoU, above 1 for reversed spans; None for a reply that it never saves.

    Without a fenced JSON object every two numbers of the reply are a span, and an odd number of them is none.
    """
    if not isinstance(reply, str) or not reply:
        return None
    said = _result(_fenced(reply)) or []  # null, "" and 0 are no spans there, and are saved
    try:
        if isinstance(said, list) and all(len(one) == 2 for one in said):
            return union_iou(said, clue)
    except (TypeError, ValueError, LookupError):
        pass
    numbers = [float(one) for one in _NUMBER.findall(reply)]
    if len(numbers) % 2:
        return None
    pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    # Spans that touch stop the script here, for it would write into a pair that cannot be written into.
    return None if _would_merge(pairs) else union_iou(pairs, clue)


def _would_merge(pairs: Sequence[Sequence[float]]) -> bool:
    ordered = sorted(pairs, key=lambda one: one[0])
    return any(after[0] <= before[1] for before, after in zip(ordered, ordered[1:], strict=False))


def _fenced(reply: str) -> str:
    start = reply.find("```json")
    end = reply.find("```", start + len("```json"))
    return reply[start + len("```json") : end].strip() if start != -1 and end != -1 else ""


def _result(text: str) -> Any:
    try:
        return json.loads(text)["result"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return _NOTHING
