"""Which facts of two accounts are about the same: moments, boxes and events, paired one to one."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from itertools import combinations
from typing import TypeVar

from demitasse.answers.times import span_iou
from demitasse.cotasks.record import CoTasks, Event, Relation, Sighting
from demitasse.geometry import match_boxes

HIT = 0.5  # IoU, of boxes and of times, from which something has been found
SMALLEST = 0.01  # seconds that texts tell times to
_NOISE = 1e-9
_NUMBER = re.compile(r"\s+\d+$")

Fact = TypeVar("Fact", Sighting, Relation)
EventPair = tuple[Event, Event, float]  # of either side, and the IoU of their times


def is_hit(overlap: float) -> bool:
    """Whether an IoU is 0.5 or more, as far as floats can tell."""
    return overlap >= HIT - _NOISE


def spacing_of(cotasks: CoTasks) -> float:
    """Seconds between two sampled frames."""
    return cotasks.duration / max(1, cotasks.sampled - 1)


def kind_of(name: str) -> str:
    """What an entity is, without its number: "adult" of "adult 1"."""
    return _NUMBER.sub("", name)


def match_times(first: Sequence[float], second: Sequence[float], spacing: float) -> list[tuple[int, int]]:
    """Pairs of indices of moments that are the same: half the spacing apart or less, each once, nearest first."""
    within = max(spacing / 2, SMALLEST) + _NOISE
    near = sorted(
        (abs(one - other), i, j)
        for i, one in enumerate(first)
        for j, other in enumerate(second)
        if abs(one - other) <= within
    )
    taken: tuple[set[int], set[int]] = set(), set()
    pairs = []
    for _, i, j in near:
        if i not in taken[0] and j not in taken[1]:
            taken[0].add(i)
            taken[1].add(j)
            pairs.append((i, j))
    return sorted(pairs)


def hull_iou(first: Sequence[float], second: Sequence[float], spacing: float) -> float:
    """IoU of the spans that the moments cover, each standing for half a spacing on either side of it."""
    if not first or not second:
        return float(not first and not second)
    half = max(spacing / 2, SMALLEST)
    return span_iou((first[0] - half, first[-1] + half), (second[0] - half, second[-1] + half))


def placed(
    predicted: Sequence[Fact], gold: Sequence[Fact], spacing: float
) -> tuple[dict[Hashable, list[Fact]], dict[Hashable, list[Fact]]]:
    """The facts of each side by moment, moments that are the same under one key."""
    times, true_times = (sorted({one.time for one in side}) for side in (predicted, gold))
    true_keys: dict[float, Hashable] = {time: ("gold", time) for time in true_times}
    keys: dict[float, Hashable] = {time: ("predicted", time) for time in times}
    for i, j in match_times(times, true_times, spacing):
        keys[times[i]] = true_keys[true_times[j]]
    return _grouped(predicted, keys), _grouped(gold, true_keys)


def _grouped(facts: Sequence[Fact], keys: dict[float, Hashable]) -> dict[Hashable, list[Fact]]:
    grouped: dict[Hashable, list[Fact]] = defaultdict(list)
    for fact in facts:
        grouped[keys[fact.time]].append(fact)
    return grouped


def paired_boxes(predicted: Sequence[Sighting], gold: Sequence[Sighting]) -> list[tuple[str, str, float]]:
    """Names and IoU of the boxes of one moment that are paired, kind by kind."""
    pairs = []
    for kind in sorted({kind_of(one.entity) for one in gold}):
        sides = [
            sorted((one.box, one.entity) for one in side if one.box is not None and kind_of(one.entity) == kind)
            for side in (predicted, gold)
        ]
        matched = match_boxes(*([box for box, _ in side] for side in sides))
        pairs += [(sides[0][i][1], sides[1][j][1], overlap) for i, j, overlap in matched]
    return pairs


def paired_events(predicted: Sequence[Event], gold: Sequence[Event], named: Callable[[str], str]) -> list[EventPair]:
    """Events of one triple, each once: those that overlap most, then those whose middles are nearest."""

    def triple(event: Event) -> tuple[str, str, str | None]:
        return named(event.subject), event.predicate, None if event.object is None else named(event.object)

    def likeness(i: int, j: int) -> tuple[float, float, int, int]:
        one, other = predicted[i], gold[j]
        middles = abs(one.start + one.end - other.start - other.end)
        return -_times_iou(one, other), middles, i, j

    alike = sorted(
        likeness(i, j)
        for i, one in enumerate(predicted)
        for j, other in enumerate(gold)
        if triple(one) == triple(other)
    )
    left = [set(range(len(side))) for side in (predicted, gold)]
    pairs = []
    for overlap, _, i, j in alike:
        if i in left[0] and j in left[1]:
            left[0].remove(i)
            left[1].remove(j)
            pairs.append((predicted[i], gold[j], -overlap))
    return pairs


def _times_iou(one: Event, other: Event) -> float:
    """IoU of the times of two events; of two moments 1 if they are the same as texts tell times."""
    if max(one.end - one.start, other.end - other.start) < SMALLEST:
        return float(abs(one.start - other.start) < SMALLEST)
    return span_iou((one.start, one.end), (other.start, other.end))


def count_found(pairs: Sequence[EventPair]) -> int:
    """Of paired events those whose times agree."""
    return sum(is_hit(overlap) for _, _, overlap in pairs)


def order(pairs: Sequence[EventPair]) -> tuple[int, float]:
    """Of the pairs of events that have an order: how many there are, and how many keep it."""
    ordered, kept = 0, 0.0
    for (one, true, _), (other, other_true, _) in combinations(pairs, 2):
        wanted, given = other_true.start - true.start, other.start - one.start
        if abs(wanted) >= SMALLEST:
            ordered += 1
            kept += 0.5 if abs(given) < SMALLEST else float((wanted > 0) == (given > 0))
    return ordered, kept
