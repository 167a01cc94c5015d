"""Calling the same people and things by the same names in two accounts: which adult is "adult 1" is nobody's answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from demitasse.cotasks.matching import kind_of, placed, spacing_of
from demitasse.cotasks.record import CoTasks, Sighting
from demitasse.geometry import iou

SAME_NAME = 1e-6  # of IoU: where boxes do not decide, names stay


def renamed_like(cotasks: CoTasks, like: CoTasks) -> CoTasks:
    """The first account with the second one's names.

    Of each kind those are the same whose boxes overlap most over the moments that both tell; who is left over gets a
    number that the second account does not use.
    """
    names = _names(cotasks, like)

    def called(name: str) -> str:
        return names.get(name, name)

    return replace(
        cotasks,
        entities=tuple(replace(one, name=called(one.name)) for one in cotasks.entities),
        sightings=tuple(replace(one, entity=called(one.entity)) for one in cotasks.sightings),
        relations=tuple(
            replace(one, subject=called(one.subject), object=called(one.object)) for one in cotasks.relations
        ),
        events=tuple(
            replace(one, subject=called(one.subject), object=None if one.object is None else called(one.object))
            for one in cotasks.events
        ),
    )


def _names(cotasks: CoTasks, like: CoTasks) -> dict[str, str]:
    shared = _shared(cotasks, like)
    names: dict[str, str] = {}
    for kind, own in _by_kind(cotasks).items():
        theirs = _by_kind(like).get(kind, [])
        pairs = _assigned(own, theirs, shared)
        names |= pairs
        free = (f"{kind} {number}" for number in range(1, len(own) + len(theirs) + 1))
        left = [name for name in free if name not in theirs]
        names |= dict(zip((name for name in own if name not in pairs), left, strict=False))
    return names


def _assigned(own: list[str], theirs: list[str], shared: Mapping[tuple[str, str], float]) -> dict[str, str]:
    """Own name to theirs, for the greatest sum of IoU."""
    if not own or not theirs:
        return {}
    from scipy.optimize import linear_sum_assignment  # here: most who read CoTasks compare none

    worth = [[shared.get((one, other), 0.0) + SAME_NAME * (one == other) for other in theirs] for one in own]
    rows, columns = linear_sum_assignment(worth, maximize=True)
    return {own[int(row)]: theirs[int(column)] for row, column in zip(rows, columns, strict=True)}


def _shared(cotasks: CoTasks, like: CoTasks) -> dict[tuple[str, str], float]:
    """The sum of IoU of each two, over the moments that both tell."""
    said, true = placed(cotasks.sightings, like.sightings, spacing_of(like))
    shared: dict[tuple[str, str], float] = defaultdict(float)
    for moment in said.keys() & true.keys():
        for one in said[moment]:
            for other in true[moment]:
                shared[one.entity, other.entity] += _overlap(one, other)
    return shared


def _overlap(one: Sighting, other: Sighting) -> float:
    return iou(one.box, other.box) if one.box is not None and other.box is not None else 0.0


def _by_kind(cotasks: CoTasks) -> dict[str, list[str]]:
    """Every name that the account uses, in order, by kind."""
    told = [one.name for one in cotasks.entities] + [one.entity for one in cotasks.sightings]
    told += [name for one in cotasks.relations for name in (one.subject, one.object)]
    told += [name for one in cotasks.events for name in (one.subject, one.object) if name is not None]
    kinds: dict[str, list[str]] = defaultdict(list)
    for name in dict.fromkeys(told):
        kinds[kind_of(name)].append(name)
    return kinds
