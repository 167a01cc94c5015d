"""From a NExT-QA question and its video's VidOR annotation to the four CoTasks, by rules that need no model.

1. Key frames are the sampled frames in NExT-GQA's spans, or else in the third of the video that the question's words
   name, or else all. Entities are those that its words may mean, or all.
2. An entity's box at a key frame is VidOR's; where VidOR has none, the entity is not visible.
3. Spatial relations hold from `begin_fid` up to but not including `end_fid`, where both boxes are there. VidOR says
   each direction by itself, so no inverse is inferred.
4. Actions that overlap the time from the first key frame to the last, cut to it; intervals of one triple that touch
   are one.

Relations and events are given if at least one of their ends is an entity of the question: "what does the lady hold"
would have none otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

from annotate.cotasks.aliases import named_categories
from annotate.cotasks.cues import PARTS, cued_parts
from annotate.cotasks.settings import Building
from annotate.cotasks.vidor import Annotation, Instance
from demitasse.cotasks.nextgqa import Span
from demitasse.cotasks.nextqa import Question
from demitasse.cotasks.record import CoTasks, Entity, Event, KeyFrame, Relation, Sighting
from demitasse.errors import DataError
from demitasse.geometry import Box, iou

PLACES = 3  # of a second


class Unanswerable(DataError):
    """A question for which there is no CoTask 1; the message is a short reason fit for counting."""


def build(question: Question, annotation: Annotation, spans: Sequence[Span] | None, how: Building) -> CoTasks:
    """The CoTasks of one question.

    Args:
        question: the question.
        annotation: of its video.
        spans: NExT-GQA's for this question; None if there are none.
        how: the settings.

    Raises:
        Unanswerable: if no sampled frame lies in a span, or nothing is annotated.
    """
    _check_same_video(question, annotation)
    if not annotation.entities:
        raise Unanswerable("nothing is annotated in the video")
    frames, frames_from = _key_frames(question, annotation, spans, how.frames)
    chosen, entities_from = choose_entities(question.text, annotation.entities, how)
    boxed = thinned(frames, how.boxed_frames, how.min_gap)
    sightings = tuple(_sightings(annotation, boxed, chosen, how.manual_only))
    relations = [*_relations(annotation, boxed, chosen), *(geometric(sightings) if how.geometry else ())]
    return CoTasks(
        question_key=question.key,
        duration=_seconds(annotation, annotation.frame_count),
        sampled=min(how.frames, annotation.frame_count),
        frames=tuple(frames),
        entities=tuple(chosen),
        sightings=sightings,
        relations=tuple(sorted(relations, key=lambda relation: relation.time)),
        events=tuple(_events(annotation, frames, chosen)),
        sources={"1": frames_from, "1.entities": entities_from, "2": "vidor", "3": "vidor", "4": "vidor"},
        size=(annotation.width, annotation.height),
    )


def sampled_frames(count: int, sampled: int) -> list[int]:
    """Numbers of frames sampled evenly from the first to the last of `count`; each once where there are fewer."""
    if sampled >= count:
        return list(range(count))
    return [int(place * (count - 1) / (sampled - 1) + 0.5) for place in range(sampled)]


def choose_entities(text: str, entities: Sequence[Entity], how: Building) -> tuple[list[Entity], str]:
    """The entities that a question's words may mean, or all; and which of the two it is."""
    named = named_categories(text, [entity.category for entity in entities]) if how.entities == "question" else []
    if not named:
        return list(entities), "all"
    return [entity for entity in entities if entity.category in named], "question_words"


def thinned(frames: Sequence[KeyFrame], most: int, min_gap: float) -> list[KeyFrame]:
    """At most so many frames, spread evenly with the first and the last, no two nearer than `min_gap` seconds."""
    apart: list[KeyFrame] = []
    for frame in frames:
        if not apart or frame.time - apart[-1].time >= min_gap:
            apart.append(frame)
    if most == 1:
        return apart[:1]
    return [apart[place] for place in sampled_frames(len(apart), most)] if most else apart


def geometric(sightings: Sequence[Sighting]) -> Iterator[Relation]:
    """Relations of every two boxes of a time, in the picture's plane; the first named entity is the subject."""
    for one, other in combinations(sightings, 2):
        if one.time == other.time and one.box is not None and other.box is not None:
            for predicate in _geometry(one.box, other.box):
                yield Relation(one.time, one.entity, predicate, other.entity, "geometry")


def merged(events: Iterable[Event]) -> list[Event]:
    """Events in order of start, then end; those of one triple that touch or overlap become one."""
    by_triple: dict[tuple[str, str, str | None], list[Event]] = {}
    for event in sorted(events, key=lambda event: (event.start, event.end)):
        runs = by_triple.setdefault((event.subject, event.predicate, event.object), [])
        if runs and event.start <= runs[-1].end:
            end = max(runs[-1].end, event.end)
            runs[-1] = Event(event.subject, event.predicate, event.object, runs[-1].start, end)
        else:
            runs.append(event)
    every = [event for runs in by_triple.values() for event in runs]
    return sorted(every, key=lambda event: (event.start, event.end, event.subject, event.predicate))


def _check_same_video(question: Question, annotation: Annotation) -> None:
    """Frame numbers mean the same only if both counted the same frames."""
    if question.video != annotation.video:
        raise Unanswerable("the annotation is another video's")
    for field in ("frame_count", "width", "height"):
        asked, annotated = getattr(question, field), getattr(annotation, field)
        if asked is not None and asked != annotated:
            raise Unanswerable(f"{field} of question and annotation differ")


def _key_frames(
    question: Question, annotation: Annotation, spans: Sequence[Span] | None, sampled: int
) -> tuple[list[KeyFrame], str]:
    fids = sampled_frames(annotation.frame_count, sampled)
    frames = [KeyFrame(place, _seconds(annotation, fid), fid) for place, fid in enumerate(fids)]
    if spans:
        inside = [frame for frame in frames if any(start <= frame.time <= end for start, end in spans)]
        if not inside:
            raise Unanswerable("no sampled frame lies in its time spans")
        return inside, "nextgqa_span"
    parts = cued_parts(question.text)
    if parts:
        places = {frame: frame.index * PARTS // len(frames) for frame in frames}
        return [frame for frame in frames if places[frame] in parts], "time_words"
    return frames, "all_frames"


def _sightings(
    annotation: Annotation, frames: Iterable[KeyFrame], chosen: Iterable[Entity], manual_only: bool
) -> Iterator[Sighting]:
    """What nobody drew by hand is unknown, with `manual_only`, and not said to be out of sight.

    So is all of a frame that the annotation does not reach.
    """
    chosen = list(chosen)
    reached = [frame for frame in frames if (frame.fid or 0) < len(annotation.tracks)]
    for frame in reached:
        for entity in chosen:
            track = annotation.track(frame.fid or 0, entity.tid or 0)
            if track is None:
                yield Sighting(frame.time, entity.name, None)
            elif track.by_hand or not manual_only:
                yield Sighting(frame.time, entity.name, track.box)


def _relations(annotation: Annotation, frames: Iterable[KeyFrame], chosen: Sequence[Entity]) -> Iterator[Relation]:
    spatial = [instance for instance in _about(annotation.relations, chosen) if instance.is_spatial]
    for frame in frames:
        fid = frame.fid or 0
        said = set()
        for instance in spatial:
            ends = (instance.subject, instance.object)
            triple = (instance.subject, instance.predicate, instance.object)
            here = instance.begin <= fid < instance.end and all(annotation.track(fid, tid) for tid in ends)
            if here and triple not in said:
                said.add(triple)
                subject, thing = (annotation.names[tid] for tid in ends)
                yield Relation(frame.time, subject, instance.predicate, thing)


def _events(annotation: Annotation, frames: Sequence[KeyFrame], chosen: Sequence[Entity]) -> list[Event]:
    first, last = frames[0].fid or 0, (frames[-1].fid or 0) + 1
    found = []
    for instance in _about(annotation.relations, chosen):
        begin, end = max(instance.begin, first), min(instance.end, last)
        if not instance.is_spatial and begin < end:
            subject, thing = annotation.names[instance.subject], annotation.names[instance.object]
            span = (_seconds(annotation, begin), _seconds(annotation, end))
            found.append(Event(subject, instance.predicate, thing, *span))
    return merged(found)


def _about(relations: Iterable[Instance], chosen: Iterable[Entity]) -> Iterator[Instance]:
    tids = {entity.tid for entity in chosen}
    return (instance for instance in relations if instance.subject in tids or instance.object in tids)


def _geometry(one: Box, other: Box) -> Iterator[str]:
    if one[2] <= other[0]:
        yield "left_of"
    if one[0] >= other[2]:
        yield "right_of"
    if one[3] <= other[1]:
        yield "above"
    if one[1] >= other[3]:
        yield "below"
    if iou(one, other) > 0:
        yield "overlaps"


def _seconds(annotation: Annotation, fid: int) -> float:
    return round(fid / annotation.fps, PLACES)
