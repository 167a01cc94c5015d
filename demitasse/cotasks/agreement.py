"""How far two accounts of the same CoTasks agree: a reply with its reference, a teacher with annotation.

The paper does not say how its tables score boxes and relations, so the rules are ours, one a CoTask, and each is a
count, so that sums over many questions give precision, recall and F1:

1. frames: found if a moment of the other account is nearer than half the distance of two sampled frames; entities are
   compared by kind ("adult" of "adult 1"), since which of two adults is called the first is nobody's answer;
2. sightings: at each moment boxes of one kind are paired one to one for the greatest sum of IoU;
3. relations: found if moment, subject, predicate and object are the same;
4. events: found if subject, predicate and object are the same and the times overlap with an IoU of 0.5; and, of the
   events that both tell, how many pairs stand in the same order.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from demitasse.cotasks.matching import (
    count_found,
    hull_iou,
    is_hit,
    kind_of,
    match_times,
    order,
    paired_boxes,
    paired_events,
    placed,
)
from demitasse.cotasks.reading import TaskAnswer
from demitasse.cotasks.record import CoTasks

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Counted:
    """What either side tells, and how much of it both do."""

    predicted: int
    gold: int
    found: int

    @property
    def score(self) -> float:
        """F1 of the frames, triples or events, 0 to 1."""
        return f1(self.found, self.predicted, self.gold)

    def to_json(self) -> Json:
        """The counts."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class FramesAgreement(_Counted):
    """CoTask 1: counts of frames and of entities, and the IoU of the spans from the first to the last frame."""

    span_iou: float
    entities_predicted: int
    entities_gold: int
    entities_found: int


@dataclass(frozen=True, slots=True)
class SightingsAgreement:
    """CoTask 2: boxes.

    Attributes:
        predicted, gold: boxes of either side.
        overlaps: the IoU of each pair, greatest first.
        same_name: of the pairs with an IoU of 0.5 or more, those that also go by the same name.
        hidden_gold: entities that the second account says cannot be seen at a moment.
        hidden_found: of these, those of which the first says so too.
    """

    predicted: int
    gold: int
    overlaps: tuple[float, ...]
    same_name: int
    hidden_gold: int
    hidden_found: int

    @property
    def found(self) -> int:
        """Boxes with an IoU of 0.5 or more."""
        return sum(is_hit(overlap) for overlap in self.overlaps)

    @property
    def score(self) -> float:
        """The sum of IoU over the larger number of boxes, 0 to 1: an invented box costs what a missed one does."""
        most = max(self.predicted, self.gold)
        return math.fsum(self.overlaps) / most if most else 1.0

    def to_json(self) -> Json:
        """The counts."""
        return asdict(self) | {"overlaps": list(self.overlaps), "found": self.found}


@dataclass(frozen=True, slots=True)
class RelationsAgreement(_Counted):
    """CoTask 3: triples of a moment.

    Attributes:
        predicted, gold, found: triples, by the names of their entities.
        found_by_kind: the same when all adults are one.
        related: triples of the second account whose two entities the first relates at that moment too, in that order.
        same_predicate: of these, those with the same predicate.
        swapped: triples that were not found, and that the first account tells the other way round.
    """

    found_by_kind: int
    related: int
    same_predicate: int
    swapped: int


@dataclass(frozen=True, slots=True)
class EventsAgreement(_Counted):
    """CoTask 4: triples with their times.

    Attributes:
        predicted, gold: events of either side.
        found: those of both, with an IoU of their times of 0.5 or more.
        found_by_kind: the same when all adults are one.
        named: those of both whatever their times.
        pairs: pairs of named events that the second account begins at different times.
        in_order: of these, those that the first tells in the same order; a half where it begins both at once.
    """

    found_by_kind: int
    named: int
    pairs: int
    in_order: float

    @property
    def kendall_tau(self) -> float | None:
        """Kendall's tau of the order of the named events, -1 to 1; None without two that can be put in order."""
        return 2 * self.in_order / self.pairs - 1 if self.pairs else None

    def to_json(self) -> Json:
        """The counts, and tau."""
        return asdict(self) | {"kendall_tau": self.kendall_tau}


Agreement = FramesAgreement | SightingsAgreement | RelationsAgreement | EventsAgreement


def f1(found: int, predicted: int, gold: int) -> float:
    """F1 of counts, 0 to 1; 1 where there was nothing to find and nothing was said."""
    both = predicted + gold
    return 2 * found / both if both else 1.0


def compare_stage(predicted: TaskAnswer, gold: TaskAnswer, stage: int, spacing: float) -> Agreement:
    """How far the first account agrees with the second in one CoTask.

    Args:
        predicted: an account; an entry that could not be read counts as one that is wrong.
        gold: another one.
        stage: 1 to 4.
        spacing: seconds between two sampled frames (`spacing_of`).
    """
    match stage:
        case 1:
            return compare_frames(predicted, gold, spacing)
        case 2:
            return compare_sightings(predicted, gold, spacing)
        case 3:
            return compare_relations(predicted, gold, spacing)
    return compare_events(predicted, gold)


def answer_of(cotasks: CoTasks) -> TaskAnswer:
    """The facts of all four tasks."""
    return TaskAnswer(
        tuple(frame.time for frame in cotasks.frames),
        tuple(entity.name for entity in cotasks.entities),
        cotasks.sightings,
        cotasks.relations,
        cotasks.events,
    )


def compare_frames(predicted: TaskAnswer, gold: TaskAnswer, spacing: float) -> FramesAgreement:
    """Agreement in CoTask 1; `spacing` is in seconds."""
    said, true = (sorted(set(side.times)) for side in (predicted, gold))
    kinds, true_kinds = (Counter(map(kind_of, side.entities)) for side in (predicted, gold))
    return FramesAgreement(
        len(said) + predicted.faults,
        len(true),
        len(match_times(said, true, spacing)),
        hull_iou(said, true, spacing),
        kinds.total(),
        true_kinds.total(),
        (kinds & true_kinds).total(),
    )


def compare_sightings(predicted: TaskAnswer, gold: TaskAnswer, spacing: float) -> SightingsAgreement:
    """Agreement in CoTask 2; `spacing` is in seconds."""
    said, true = placed(predicted.sightings, gold.sightings, spacing)
    overlaps: list[float] = []
    same_name = 0
    for place in said.keys() & true.keys():
        pairs = paired_boxes(said[place], true[place])
        overlaps += [overlap for _, _, overlap in pairs]
        same_name += sum(one == other and is_hit(overlap) for one, other, overlap in pairs)
    hidden, hidden_too = (
        {(place, one.entity) for place, side in frames.items() for one in side if one.box is None}
        for frames in (true, said)
    )
    return SightingsAgreement(
        sum(one.box is not None for one in predicted.sightings) + predicted.faults,
        sum(one.box is not None for one in gold.sightings),
        tuple(sorted(overlaps, reverse=True)),
        same_name,
        len(hidden),
        len(hidden & hidden_too),
    )


def compare_relations(predicted: TaskAnswer, gold: TaskAnswer, spacing: float) -> RelationsAgreement:
    """Agreement in CoTask 3; `spacing` is in seconds. What is said twice of a moment is said once."""
    said, true = (
        {(place, one.subject, one.predicate, one.object) for place, side in frames.items() for one in side}
        for frames in placed(predicted.relations, gold.relations, spacing)
    )
    kinds, true_kinds = (
        Counter((at, kind_of(a), word, kind_of(b)) for at, a, word, b in side) for side in (said, true)
    )
    pairs = {(at, a, b) for at, a, _, b in said}
    related = [one for one in true if (one[0], one[1], one[3]) in pairs]
    swapped = [(at, b, word, a) in said for at, a, word, b in true - said]
    return RelationsAgreement(
        len(said) + predicted.faults,
        len(true),
        len(said & true),
        (kinds & true_kinds).total(),
        len(related),
        sum(one in said for one in related),
        sum(swapped),
    )


def compare_events(predicted: TaskAnswer, gold: TaskAnswer) -> EventsAgreement:
    """Agreement in CoTask 4."""
    pairs = paired_events(predicted.events, gold.events, str)
    by_kind = paired_events(predicted.events, gold.events, kind_of)
    ordered, in_order = order(pairs)
    return EventsAgreement(
        len(predicted.events) + predicted.faults,
        len(gold.events),
        count_found(pairs),
        count_found(by_kind),
        len(pairs),
        ordered,
        in_order,
    )
