"""Whether the name of a judge stood for one model all the time: an alias that moves is two judges under one name.

An endpoint tells which model really answered ("gpt-5" may be `gpt-5-2025-08-07` today). Scores of two models are two
yardsticks, in one run as between two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evaluate.judging.judgements import UNSCORED_LIMIT
from evaluate.records import Json

MOVED_LIMIT = UNSCORED_LIMIT  # of the votes: as many as may be without a score before they could carry the result
NAME_ONE = "name a dated model, and judge again"


def moved_within(judges: Sequence[Json]) -> list[str]:
    """A sentence for each judge of one run that was more than one model; `judges` are those of `judge.json`."""
    return [
        f"the judge {judge['model']} was more than one model: {told(judge['answered'])}; {NAME_ONE}"
        for judge in judges
        if len(judge["answered"]) > 1
    ]


def moved_between(first: Json, second: Json) -> bool:
    """Whether more than 2 % of the votes of one of two headers came from models that did not give them in the other.

    A header without `answered` does not tell, and nothing is made of it.
    """
    ours, theirs = (_shares(header.get("answered") or {}) for header in (first, second))
    if not ours or not theirs:
        return False
    apart = sum(abs(ours.get(name, 0.0) - theirs.get(name, 0.0)) for name in ours.keys() | theirs.keys()) / 2
    return apart > MOVED_LIMIT


def told(answered: Mapping[str, int]) -> str:
    """The models with their votes."""
    return ", ".join(f"{name} ({votes:,} vote{'s' if votes != 1 else ''})" for name, votes in answered.items())


def _shares(answered: Mapping[str, int]) -> dict[str, float]:
    votes = sum(answered.values())
    return {name: count / votes for name, count in answered.items()}
