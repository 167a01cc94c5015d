"""What TAR's own script makes of a reply, flaws included.

A reply of one word such as "None" or "NA" is read by pandas as no reply; "A red car" names option A; a time that cannot
be read leaves the divisor; a gold letter without its bracket, as TAO's annotator writes it, stops the script.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evaluate.records import Asked

# What `pandas.read_csv` takes for an empty cell.
_BLANK = frozenset(
    ("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
     "NULL", "NaN", "None", "n/a", "nan", "null")
)  # fmt: skip
_WORD = re.compile(r"\b(yes|no)\b")
_OPENING = re.compile(r"\(?([A-Za-z])\)?[).,:\s]")
_WITHIN = re.compile(r"\b([A-D])\b")
_FENCE = re.compile(r"```json\s*(.*?)\s*```", re.DOTALL)

Likeness = Callable[[Sequence[str], Sequence[str]], Sequence[float]]  # predictions, references: BERTScore's F1 of each


class Stops(Exception):
    """The script ends with an error here; the message says at what."""


def script_values(
    items: Mapping[str, Asked], replies: Mapping[str, Any], open_tasks: Sequence[str], likeness: Likeness | None
) -> dict[str, float]:
    """The worth of each item that the script has in its divisor.

    Raises:
        Stops: where the script does.
    """
    worth: dict[str, float] = {}
    open_keys = [key for key, one in items.items() if one.task in open_tasks]
    for key, asked in items.items():
        if asked.task == "bcq":
            worth[key] = float(word(replies[key]) == _gold_word(asked))
        elif asked.task == "mcq":
            worth[key] = float(letter(replies[key]) == _gold_letter(asked))
        elif asked.task == "temporal_localization":
            overlap = _overlap(replies[key], asked)
            worth |= {} if overlap is None else {key: overlap}
        elif _is_cell_without_text(replies[key]):
            raise Stops(f"the reply to {key} is empty, which BERTScore is not given")
    if likeness is not None:
        texts = [replies[key] for key in open_keys], [items[key].reference for key in open_keys]
        worth |= dict(zip(open_keys, likeness(*texts), strict=True))
    return worth


def is_blank(reply: Any) -> bool:
    """Whether pandas reads the cell as no reply, or it holds white space alone."""
    return _is_cell_without_text(reply) or not reply.strip()


def _is_cell_without_text(reply: Any) -> bool:
    return not isinstance(reply, str) or reply in _BLANK


def word(reply: Any) -> str | None:
    """The first "yes" or "no" of a reply."""
    found = None if is_blank(reply) else _WORD.search(reply.lower())
    return found[1] if found else None


def letter(reply: Any) -> str | None:
    """The letter of a reply: a lone one that opens it, A to Z; else the first A to D that stands alone."""
    if is_blank(reply):
        return None
    text = reply.strip()
    opening = _OPENING.match(text)
    if opening:
        return opening[1].upper()
    if len(text) == 1 and text.upper() in "ABCD":
        return text.upper()
    within = _WITHIN.search(text)
    return within[1] if within else None


def _gold_word(asked: Asked) -> str:
    words = asked.reference.strip().lower().split(".")[0].split()
    if not words or words[0] not in ("yes", "no"):
        raise Stops(f"the right answer of {asked.item_id} does not begin with Yes or No")
    return words[0]


def _gold_letter(asked: Asked) -> str:
    text = asked.reference.strip()
    if not (text[:1].isascii() and text[:1].isalpha() and text[1:2] == ")"):
        raise Stops(f"the right answer of {asked.item_id} is not written as 'B) text' ('{text[:20]}')")
    return text[0].upper()


def _overlap(reply: Any, asked: Asked) -> float | None:
    """The IoU; None where the script leaves the item out of its divisor."""
    gold, said = _object(asked.reference), _object(reply)
    if gold is None or said is None:
        return None
    if isinstance(said, (bool, int, float)):
        raise Stops(f"the reply to {asked.item_id} is the JSON value {said}, which is no object")
    try:
        start, end, first, last = (_seconds(one[name]) for one in (gold, said) for name in ("start", "end"))
    except (KeyError, ValueError, TypeError):
        return None
    except OverflowError as error:
        raise Stops(f"a time of {asked.item_id} is too large a number") from error
    shared = max(0.0, min(end, last) - max(start, first))
    union = max(0.0, (end - start) + (last - first) - shared)
    return shared / union if union > 0 else 0.0


def _object(text: Any) -> Any:
    """A fenced JSON value, of a list its first span; or the whole text as one."""
    if is_blank(text):
        return None
    fenced = _FENCE.search(text.strip())
    if fenced:
        value = _json(fenced[1])
        if isinstance(value, list) and value and isinstance(value[0], dict) and {"start", "end"} <= set(value[0]):
            return value[0]
        if value is not None:
            return value
    return _json(text.strip())


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _seconds(told: Any) -> float:
    parts = str(told).strip().split(":")
    if len(parts) == 2:
        return int(parts[0]) * 60 + float(parts[1])
    if len(parts) == 3:
        return int(parts[0]) * 3600 + int(parts[1]) * 60 + float(parts[2])
    return float(told)
