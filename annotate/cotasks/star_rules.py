"""From a STAR item's situation graph to the four CoTasks.

1. Key frames are the annotated frames within the clip; a graph goes on past its end where what comes next is asked,
   and that must not be told. Times count from the clip's start. Entities are the objects that question and program
   name, with the person, or all that have a box.
2. Boxes as annotated. Nothing is said to be out of sight: the person's box is missing in some frames though the
   person is there, and objects that nobody touches are not annotated.
3. Relations that say where a thing is. Those of contact (holding, sitting_on) are left out, or given as relations or as
   events, as `contacts` says.
4. Each action from the first to the last of the key frames in a row that have it.

Boxes count in Charades' 480p frames, whose size the item does not say: without the video it is taken to be the
smallest usual one that holds every box of that video.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from annotate.cotasks.aliases import named_categories
from annotate.cotasks.rules import PLACES, Unanswerable, geometric, merged, thinned
from annotate.cotasks.settings import Building
from annotate.cotasks.star import Corners, StarItem
from annotate.cotasks.star_classes import OBJECTS, PERSON, SPATIAL, action_parts, object_name, relation_name
from annotate.cotasks.star_programs import READINGS, program_values, run_item
from demitasse.cotasks.record import CoTasks, Entity, Event, KeyFrame, Relation, Sighting
from demitasse.geometry import Box

USUAL_RATES = (30.0, 30000 / 1001, 25.0, 24.0, 24000 / 1001, 15.0, 60.0, 50.0)
# Width and height of Charades_v1_480, from small to large and lying before standing.
USUAL_SIZES = ((480, 270), (270, 480), (480, 320), (320, 480), (480, 360), (360, 480), (480, 480))
BOX_PLACES = 5


@dataclass(frozen=True, slots=True)
class Clip:
    """What an item does not say of its video.

    Attributes:
        rate: frames per second.
        rate_from: "video_fps" or "assumed".
        size: width and height of the frames that boxes count in.
        size_from: "video" or "assumed".
    """

    rate: float
    rate_from: str
    size: tuple[int, int]
    size_from: str


def build(item: StarItem, clip: Clip, how: Building) -> CoTasks:
    """The CoTasks of one item.

    Raises:
        Unanswerable: if the graph is missing or has no frame within the clip.
    """
    if not item.situations:
        raise Unanswerable("it has no situation graph")
    inside = frames_within(item, clip.rate)
    if not inside:
        raise Unanswerable("no annotated frame lies within the clip")
    duration = item.end - item.start
    frames = [_key_frame(fid, item, clip.rate, how.frames) for fid in inside]
    entities, entities_from = _entities(item, inside, how)
    boxed = thinned(frames, how.boxed_frames, how.min_gap)
    sightings = tuple(_sightings(item, clip, boxed, entities))
    relations = [*_relations(item, boxed, how.contacts), *(geometric(sightings) if how.geometry else ())]
    names = {entity.name for entity in entities}
    return CoTasks(
        question_key=item.question_id,
        duration=round(duration, PLACES),
        sampled=how.frames,
        frames=tuple(frames),
        entities=tuple(entities),
        sightings=sightings,
        relations=tuple(relation for relation in relations if {relation.subject, relation.object} & names),
        events=tuple(_events(item, frames, how.contacts)),
        sources={"1": "star_keyframes", "1.entities": entities_from, "2": "star", "3": "star", "4": "star"}
        | {"rate": clip.rate_from, "size": clip.size_from},
        size=clip.size,
    )


def frames_within(item: StarItem, rate: float) -> list[int]:
    """Numbers of the annotated frames in the clip, as STAR's own tools take them: 1 is at 0 s, the end excluded."""
    first, last = item.start * rate + 1, item.end * rate + 1
    return sorted(fid for fid in item.situations if first <= fid < last)


def usual_rate(items: Iterable[StarItem]) -> float:
    """The usual frame rate nearest 30 by which no item of one video has its first frame before its clip's start.

    The last frame must lie before the clip's end as well, where the item asks about the clip alone.
    """
    items = [item for item in items if item.situations]
    return next((rate for rate in USUAL_RATES if all(_fits(item, rate) for item in items)), USUAL_RATES[0])


def usual_size(items: Iterable[StarItem]) -> tuple[int, int]:
    """The smallest usual frame that holds every box of one video's items."""
    boxes = [box for item in items for graph in item.situations.values() for box in graph.boxes.values()]
    width, height = max((box[2] for box in boxes), default=0), max((box[3] for box in boxes), default=0)
    return next((size for size in USUAL_SIZES if width <= size[0] and height <= size[1]), USUAL_SIZES[-1])


def executes(item: StarItem) -> str:
    """By which reading of the class numbers the item's programs choose its answer and no other; "" by none."""
    situations = {
        f"{fid:06d}": {"actions": graph.actions, "bbox_labels": graph.labels, "rel_labels": graph.rel_labels}
        for fid, graph in item.situations.items()
    }
    outcomes = (run_item(situations, item.program, item.choice_programs, reading) for reading in READINGS)
    return next((one.reading for one in outcomes if item.right is not None and one.chosen == item.right), "")


def _fits(item: StarItem, rate: float) -> bool:
    frames = sorted(item.situations)
    ends = item.type in ("Interaction", "Sequence")
    return frames[0] >= item.start * rate + 1 and (not ends or frames[-1] < item.end * rate + 1)


def _key_frame(fid: int, item: StarItem, rate: float, sampled: int) -> KeyFrame:
    """An annotated frame, and the sampled one nearest to it."""
    time = max(0.0, (fid - 1) / rate - item.start)
    index = int(time / (item.end - item.start) * (sampled - 1) + 0.5)
    return KeyFrame(min(index, sampled - 1), round(time, PLACES), fid)


def _entities(item: StarItem, frames: Sequence[int], how: Building) -> tuple[list[Entity], str]:
    """Named by the question and its program, with the person; or every class that has a box or a relation."""
    there = dict.fromkeys([PERSON])
    for fid in frames:
        graph = item.situations[fid]
        there |= dict.fromkeys(map(object_name, [*graph.boxes, *(thing for _, _, thing in graph.relations)]))
    named: list[str] = []
    if how.entities == "question":
        values = set(program_values(item.program))
        asked = named_categories(item.text, there)
        named = [name for name in there if name != PERSON and (name in values or name in asked)]
    chosen = [PERSON, *named] if named else list(there)
    rule = "question_words" if named else "all"
    return [Entity(_named(name), name, OBJECTS.index(name) if name in OBJECTS else None) for name in chosen], rule


def _sightings(
    item: StarItem, clip: Clip, frames: Iterable[KeyFrame], entities: Sequence[Entity]
) -> Iterator[Sighting]:
    for frame in frames:
        boxes = {object_name(label): box for label, box in item.situations[frame.fid or 0].boxes.items()}
        for entity in entities:
            box = _fraction(boxes[entity.category], clip.size) if entity.category in boxes else None
            if box is not None:
                yield Sighting(frame.time, entity.name, box)


def _fraction(corners: Corners, size: tuple[int, int]) -> Box | None:
    """The part of a box that lies in the frame, as fractions of it; None if there is none."""
    limits = (*size, *size)
    x1, y1, x2, y2 = (
        round(min(max(side, 0.0), limit) / limit, BOX_PLACES) for side, limit in zip(corners, limits, strict=True)
    )
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None


def _relations(item: StarItem, frames: Iterable[KeyFrame], contacts: str) -> Iterator[Relation]:
    for frame in frames:
        for subject, label, thing in dict.fromkeys(item.situations[frame.fid or 0].relations):
            predicate = relation_name(label)
            if predicate in SPATIAL or contacts == "relations":
                yield Relation(frame.time, _named(object_name(subject)), predicate, _named(object_name(thing)))


def _events(item: StarItem, frames: Sequence[KeyFrame], contacts: str) -> list[Event]:
    """Runs of an action, or of a contact, over key frames that follow one another; a single frame has no length."""
    triples = [set(_doings(item, frame.fid or 0, contacts)) for frame in frames]
    events = []
    for triple in dict.fromkeys(one for found in triples for one in sorted(found)):
        start = None
        for place, found in enumerate([*triples, set()]):
            if triple in found and start is None:
                start = place
            elif triple not in found and start is not None:
                events.append(Event(*triple, frames[start].time, frames[place - 1].time))
                start = None
    return merged(events)


def _doings(item: StarItem, fid: int, contacts: str) -> Iterator[tuple[str, str, str]]:
    graph = item.situations[fid]
    for action in graph.actions:
        parts = action_parts(action)
        if parts is not None:
            yield _named(PERSON), parts[0], _named(parts[1])
    if contacts == "events":
        for subject, label, thing in graph.relations:
            if relation_name(label) not in SPATIAL:
                yield _named(object_name(subject)), relation_name(label), _named(object_name(thing))


def _named(category: str) -> str:
    """Each class is there once in a frame, so that one name holds for the clip."""
    return f"{category} 1"


def by_video(items: Iterable[StarItem]) -> Mapping[str, list[StarItem]]:
    """Items by video, in their order."""
    grouped: dict[str, list[StarItem]] = {}
    for item in items:
        grouped.setdefault(item.video, []).append(item)
    return grouped
