"""Which of a video's sampled frames are kept: places from 0, ascending, each once, and never more than so many."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from demitasse.embedding import Embedder


@dataclass(frozen=True, slots=True)
class Choice:
    """Kept places, and what had to be done to come by them.

    Attributes:
        places: ascending, from 0.
        fallback: why evenly spread frames stand in for a picker's: "unread", "named none", "cut short"; or "".
        clamped: how many numbers named no frame and were taken for the nearest.
        cut: how many named frames were more than may be kept.
    """

    places: tuple[int, ...]
    fallback: str = ""
    clamped: int = 0
    cut: int = 0


def uniform(count: int, keep: int) -> tuple[int, ...]:
    """The frames in the middle of `keep` equal stretches of `count` frames; all of them, if there are no more."""
    if keep >= count:
        return tuple(range(count))
    return tuple(int((place + 0.5) * count / keep) for place in range(keep))


def at_random(count: int, keep: int, seed: str) -> tuple[int, ...]:
    """`keep` frames drawn without repetition; the same seed draws the same ones."""
    return tuple(sorted(random.Random(seed).sample(range(count), min(keep, count))))


def most_alike(question: str, captions: Sequence[str], keep: int, embedder: Embedder) -> tuple[int, ...]:
    """The frames whose captions are most like the question; of equal ones, the earlier."""
    asked, *vectors = embedder.embed([question, *captions])
    likeness = [float(vector @ asked) for vector in vectors]
    best = sorted(range(len(captions)), key=lambda place: (-likeness[place], place))
    return tuple(sorted(best[:keep]))


def nearest(times: Sequence[float], wanted: Iterable[float]) -> tuple[int, ...]:
    """The places of the frames nearest to the wanted seconds."""
    return tuple(sorted({min(range(len(times)), key=lambda place: abs(times[place] - time)) for time in wanted}))


def picked(named: Mapping[int, float] | None, count: int, keep: int) -> Choice:
    """What a picker named (`wording.read_places`), made fit: clamped, each once, in order, at most `keep`.

    Of too many the more relevant are kept, and among equals an even spread. If nothing is named or the reply could not
    be read, evenly spread frames stand in, and the choice says so: somebody must be shown something, and it is counted.
    """
    if not named:
        return Choice(uniform(count, keep), fallback="unread" if named is None else "named none")
    relevance: dict[int, float] = {}
    for place, value in named.items():
        inside = min(max(place, 0), count - 1)
        relevance[inside] = max(value, relevance.get(inside, value))
    clamped = sum(not 0 <= place < count for place in named)
    places = _most_relevant(relevance, keep)
    return Choice(places, clamped=clamped, cut=len(relevance) - len(places))


def thinned(places: Sequence[int], keep: int) -> tuple[int, ...]:
    """An even spread of at most `keep` of the places."""
    return tuple(places[place] for place in uniform(len(places), keep))


def _most_relevant(relevance: Mapping[int, float], keep: int) -> tuple[int, ...]:
    chosen: list[int] = []
    for level in sorted(set(relevance.values()), reverse=True):
        equals = sorted(place for place, value in relevance.items() if value == level)
        chosen += thinned(equals, keep - len(chosen)) if len(chosen) < keep else ()
    return tuple(sorted(chosen))
