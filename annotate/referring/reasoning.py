"""The thoughts of a grounding item, put together from the teacher's own descriptions: what fits, and what does not.

    Red car by the gate: it fits. Blue car on the left: it does not fit, it is blue. So one object fits.

A candidate is told by its description, or by its colour and type where that is missing or speaks of boxes, numbers
or labels, which a student does not see. A reason is given only where the phrase itself names the colour or the type.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from annotate.quality.leak import find_leak

CANDIDATES = 12  # told of one by one; a picture of hundreds of boxes is not listed

_MACHINERY = re.compile(
    r"\b(?:bbox\w*|bounding[- ]box(?:es)?|kitti|coordinates?)\b|\d+(?:\.\d+)?\s*,\s*\d+(?:\.\d+)?\s*,\s*\d"
    r"|[\[(]\s*\d+(?:\.\d+)?\s*,\s*\d|</?think>|<\|",
    re.IGNORECASE,
)
_UNTOLD = {"unknown", "none", "n/a"}  # what teachers write for a colour that they do not see

Region = Mapping[str, Any]


@lru_cache(4096)  # every expression of an image looks at all its descriptions
def betrays(text: str) -> bool:
    """Whether a text speaks of boxes, coordinates or its source, which cannot be seen in the picture."""
    return _MACHINERY.search(text) is not None or find_leak(text) is not None


@dataclass(frozen=True, slots=True)
class _Candidate:
    """Regions that are told by the same words: what they are, and whether the phrase means them."""

    name: str
    fits: bool
    regions: tuple[Region, ...]


def reasoning(phrase: str, regions: Sequence[Region], meant: Sequence[int | None]) -> str | None:
    """The reasoning of one expression.

    Args:
        phrase: the expression's text.
        regions: all regions of the image, with `bbox_px`, `type`, `color` and `description`.
        meant: for each box of the expression, the index of its region; None where it is none of them.

    Returns:
        Sentences without coordinates; None if nothing is known of what the phrase means.
    """
    fitting = [regions[index] for index in dict.fromkeys(meant) if index is not None]
    candidates = _candidates(regions, fitting)
    told = sorted(candidates, key=lambda one: _nearness(one, fitting), reverse=True)[:CANDIDATES]
    if not any(one.fits for one in told):
        return None
    sentences = [_verdict(phrase, one, fitting) for one in candidates if one in told]
    more = len(meant) - sum(len(one.regions) for one in told if one.fits)
    if more:
        sentences.append("One more object fits." if more == 1 else f"{more} more objects fit.")
    if any(one not in told and not one.fits for one in candidates):
        sentences.append("None of the others fits.")
    sentences.append("So one object fits." if len(meant) == 1 else f"So {len(meant)} objects fit.")
    return " ".join(sentences)


def _candidates(regions: Sequence[Region], fitting: Sequence[Region]) -> list[_Candidate]:
    """By name, from left to right. Words that are said of something that fits rule nothing out."""
    groups: dict[tuple[str, bool], list[Region]] = {}
    for region in sorted(regions, key=lambda one: one["bbox_px"]):
        fits = any(region is one for one in fitting)
        groups.setdefault((_name(region), fits), []).append(region)
    return [
        _Candidate(name, fits, tuple(found))
        for (name, fits), found in groups.items()
        if name and (fits or (name, True) not in groups)
    ]


def _name(region: Region) -> str:
    description = _words(region.get("description")).rstrip(".;:,")
    if description and not betrays(description):
        return description
    plain = " ".join(word for word in (_colour(region), _type(region)) if word)
    return "" if betrays(plain) else plain


def _nearness(candidate: _Candidate, fitting: Sequence[Region]) -> tuple[bool, int]:
    """What fits comes first, then what is most easily taken for it."""
    likeness = max(
        (_type(one) == _type(region)) * 2 + (_colour(one) == _colour(region))
        for one in candidate.regions
        for region in fitting or candidate.regions
    )
    return candidate.fits, likeness


def _verdict(phrase: str, candidate: _Candidate, fitting: Sequence[Region]) -> str:
    name = candidate.name[:1].upper() + candidate.name[1:]
    many = len(candidate.regions) > 1
    if candidate.fits:
        return f"{name}: all {len(candidate.regions)} fit." if many else f"{name}: it fits."
    why = _why(phrase, candidate.regions[0], fitting)
    if many:
        return f"{name}: none of the {len(candidate.regions)} fits{f', they are {why[1]}' if why else ''}."
    return f"{name}: it does not fit{f', it is {why[0]}' if why else ''}."


def _why(phrase: str, region: Region, fitting: Sequence[Region]) -> tuple[str, str] | None:
    """What rules a region out, of one and of several: another type or colour than those that the phrase names."""
    kind, colour = _type(region), _colour(region)
    if _named(phrase, {_type(one) for one in fitting}, kind):
        return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}", f"{kind}{'' if kind.endswith('s') else 's'}"
    if _named(phrase, {_colour(one) for one in fitting}, colour):
        return colour, colour
    return None


def _named(phrase: str, wanted: set[str], other: str) -> bool:
    """Whether a phrase names all the words wanted, and not the other one, which is none of them."""
    said = {_singular(word) for word in re.findall(r"\w+", phrase.lower())}
    return bool(other) and other not in wanted and all(_says(said, word) for word in wanted) and not _says(said, other)


def _says(said: set[str], words: str) -> bool:
    return bool(words) and all(_singular(word) in said for word in words.split())


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") else word


def _type(region: Region) -> str:
    return _words(region.get("type")).replace("_", " ").lower()


def _colour(region: Region) -> str:
    colour = _words(region.get("color")).lower()
    return "" if colour in _UNTOLD else colour


def _words(value: Any) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""
