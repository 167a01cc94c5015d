"""CoTasks made wrong on purpose, by a level for each task: how far does an error in a task reach into the answer?

Level 0 leaves a task as it is; level 1 leaves nothing of it right, as far as there is room for a mistake. Whether a
fact is wrong is decided by the seed, the question and the fact alone: what is wrong at a level stays wrong at a higher
one, two runs see the same mistakes, and the noise of one task changes nothing in another.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from demitasse.answers.times import span_iou
from demitasse.cotasks.matching import HIT, spacing_of
from demitasse.cotasks.record import STAGES, CoTasks, Entity, Event, KeyFrame, Relation, Sighting, sampled_times
from demitasse.errors import ConfigError
from demitasse.geometry import Box

# What an entity or a predicate is mistaken for where other questions offer nothing: common ones of VidOR.
CATEGORIES = ("adult", "child", "dog", "ball", "car", "chair")
PREDICATES = ("above", "beneath", "in_front_of", "behind", "next_to", "inside")
# A box without room beside it for its mistake shrinks instead, to this share of its area at the least.
SMALLEST_BOX = 0.05
LONGEST_PART = 0.3  # of an event that has nowhere else to go in its video: its IoU with the truth is then no more
TRIES = 20  # times at which an event is tried, where it happens often

Chance = Callable[..., random.Random]  # of a fact: the same for the same seed, question, task and fact


def corrupt(cotasks: CoTasks, levels: Mapping[int, float], seed: int = 0, others: Sequence[CoTasks] = ()) -> CoTasks:
    """CoTasks with mistakes.

    Args:
        cotasks: the truth.
        levels: by stage 1 to 4, from 0 (as it is) to 1.
            1: the share of key frames that are dropped, or moved to another sampled frame, and of entities that are
            taken for something else.
            2: how far each box's IoU with the truth falls short of 1, and the share of moments at which two entities
            have changed names.
            3: the share of relations with another predicate, or with subject and object swapped.
            4: the share of events that have changed times with another event, or happen at a wrong time.
        seed: another one makes other mistakes.
        others: CoTasks of other questions, whose categories and predicates serve as wrong ones.

    Raises:
        ConfigError: for a stage or a level that there is not.
    """
    for stage, level in levels.items():
        if stage not in STAGES or not 0 <= level <= 1:
            raise ConfigError(f"noise of {level:g} in CoTask {stage}: stages go from 1 to 4, levels from 0 to 1")
    noisy = cotasks
    for stage, level in sorted(levels.items()):
        if level > 0:
            noisy = _spoilt(noisy, stage, level, _chances(seed, cotasks.question_key, stage), others)
    return noisy


def _spoilt(cotasks: CoTasks, stage: int, level: float, chance: Chance, others: Sequence[CoTasks]) -> CoTasks:
    match stage:
        case 1:
            wrong = {one.category for other in others for one in other.entities} | set(CATEGORIES)
            entities = _entities(cotasks.entities, level, chance, wrong)
            return replace(cotasks, frames=_frames(cotasks, level, chance), entities=entities)
        case 2:
            return replace(cotasks, sightings=_sightings(cotasks.sightings, level, chance))
        case 3:
            wrong = {one.predicate for other in others for one in other.relations} | set(PREDICATES)
            return replace(cotasks, relations=_relations(cotasks.relations, level, chance, wrong))
    return replace(cotasks, events=_events(cotasks, level, chance))


def _chances(*decides: object) -> Chance:
    return lambda *fact: random.Random(repr((decides, fact)))


def _frames(cotasks: CoTasks, level: float, chance: Chance) -> tuple[KeyFrame, ...]:
    times = sampled_times(cotasks.duration, cotasks.sampled)
    free = sorted(set(range(cotasks.sampled)) - {frame.index for frame in cotasks.frames})
    told = {}
    for frame in cotasks.frames:
        drawn = chance("frame", frame.index)
        if drawn.random() >= level:
            told[frame.index] = frame
        elif free and drawn.random() < 0.5:
            index = drawn.choice(free)
            told[index] = KeyFrame(index, times[index])
    return tuple(told[index] for index in sorted(told))


def _entities(
    entities: Sequence[Entity], level: float, chance: Chance, categories: Iterable[str]
) -> tuple[Entity, ...]:
    others = sorted(set(categories) - {entity.category for entity in entities})
    told: list[Entity] = []
    for entity in entities:
        drawn = chance("entity", entity.name)
        if drawn.random() < level and others:
            category = drawn.choice(others)
            number = 1 + sum(one.category == category for one in told)
            entity = Entity(f"{category} {number}", category)
        told.append(entity)
    return tuple(told)


def _sightings(sightings: Sequence[Sighting], level: float, chance: Chance) -> tuple[Sighting, ...]:
    names = _changed_names(sightings, level, chance)
    told = []
    for sighting in sightings:
        time, name, box = sighting.time, sighting.entity, sighting.box
        moved = None if box is None else jittered(box, 1 - level, chance("box", time, name))
        told.append(Sighting(time, names.get((time, name), name), moved))
    return tuple(told)


def _changed_names(sightings: Sequence[Sighting], level: float, chance: Chance) -> dict[tuple[float, str], str]:
    """By time and name the wrong name, of the two entities that have changed theirs."""
    changed: dict[tuple[float, str], str] = {}
    for time in {one.time for one in sightings}:
        seen = sorted(one.entity for one in sightings if one.time == time and one.box is not None)
        drawn = chance("names", time)
        if len(seen) > 1 and drawn.random() < level:
            first, second = drawn.sample(seen, 2)
            changed |= {(time, first): second, (time, second): first}
    return changed


def jittered(box: Box, iou: float, drawn: random.Random) -> Box:
    """A box whose IoU with `box` is `iou`, 0 to 1: moved to a side that has room, or else shrunk into a corner.

    Moved by a share s of its width or height its IoU is (1 - s) / (1 + s). A shrunk one keeps `SMALLEST_BOX` of the
    area, so that it still is a box.
    """
    x1, y1, x2, y2 = box
    width, height = x2 - x1, y2 - y1
    share = (1 - iou) / (1 + iou)
    sides = [(share * width, 0.0), (-share * width, 0.0), (0.0, share * height), (0.0, -share * height)]
    drawn.shuffle(sides)
    for right, down in sides:
        moved = (x1 + right, y1 + down, x2 + right, y2 + down)
        if min(moved) >= 0 and max(moved) <= 1:
            return moved
    scale = max(iou, SMALLEST_BOX) ** 0.5
    left, top = x1 + drawn.random() * (1 - scale) * width, y1 + drawn.random() * (1 - scale) * height
    return (left, top, left + scale * width, top + scale * height)


def _relations(
    relations: Sequence[Relation], level: float, chance: Chance, predicates: Iterable[str]
) -> tuple[Relation, ...]:
    true = {(one.time, one.subject, one.predicate, one.object) for one in relations}
    words = sorted(set(predicates) | {one.predicate for one in relations})
    told = []
    for one in relations:
        drawn = chance("relation", one.time, one.subject, one.predicate, one.object)
        if drawn.random() < level:
            swapped = replace(one, subject=one.object, object=one.subject)
            others = [word for word in words if (one.time, one.subject, word, one.object) not in true]
            is_new = (swapped.time, swapped.subject, swapped.predicate, swapped.object) not in true
            one = swapped if is_new and drawn.random() < 0.5 else replace(one, predicate=drawn.choice(others))
        told.append(one)
    return tuple(told)


def _events(cotasks: CoTasks, level: float, chance: Chance) -> tuple[Event, ...]:
    true = cotasks.events
    told = list(true)
    drawn = {place: chance("event", repr(event)) for place, event in enumerate(told)}
    wrong = [place for place, one in drawn.items() if one.random() < level]
    while wrong:
        place = wrong.pop(0)
        changes = {other: (_at(true[place], true[other]), _at(true[other], true[place])) for other in wrong}
        partner = next((other for other, pair in changes.items() if not any(_is_true(one, true) for one in pair)), None)
        if partner is not None and drawn[place].random() < 0.5:
            wrong.remove(partner)
            told[place], told[partner] = changes[partner]
        else:
            told[place] = _shifted(true[place], cotasks, drawn[place])
    return tuple(sorted(told, key=lambda event: (event.start, event.end)))


def _at(event: Event, other: Event) -> Event:
    """The event at the other one's time."""
    return replace(event, start=other.start, end=other.end)


def _is_true(event: Event, true: Sequence[Event]) -> bool:
    """Whether it is so, as CoTask 4 is scored, or so nearly at the same moment that nobody could tell."""
    return any(
        (one.subject, one.predicate, one.object) == (event.subject, event.predicate, event.object)
        and (one.start == event.start or span_iou((one.start, one.end), (event.start, event.end)) >= HIT)
        for one in true
    )


def _shifted(event: Event, cotasks: CoTasks, drawn: random.Random) -> Event:
    """The event at a time at which it does not happen; if none is found, a part of it alone."""
    length = event.end - event.start
    away = max(length / 2, spacing_of(cotasks))
    spans = [(0.0, event.start - away), (event.start + away, cotasks.duration - length)]
    room = [(low, high) for low, high in spans if high >= low]
    for _ in range(TRIES if room else 0):
        start = drawn.uniform(*drawn.choice(room))
        moved = replace(event, start=start, end=start + length)
        if not _is_true(moved, cotasks.events):
            return moved
    return replace(event, end=event.start + LONGEST_PART * length)
