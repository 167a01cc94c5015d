"""Mistakes made on purpose: as many as asked for, the same ones each time, and in no other task."""

import random

import pytest

from demitasse.cotasks.agreement import answer_of, compare_stage
from demitasse.cotasks.matching import spacing_of
from demitasse.cotasks.noise import corrupt, jittered
from demitasse.cotasks.record import (
    CoTasks,
    Entity,
    Event,
    KeyFrame,
    Relation,
    Sighting,
    entity_names,
    sampled_times,
)
from demitasse.errors import ConfigError
from demitasse.geometry import check_box, iou

LEVELS = [0.0, 0.25, 0.5, 0.75, 1.0]
PARTS = {1: ("frames", "entities"), 2: ("sightings",), 3: ("relations",), 4: ("events",)}


def made(number: int) -> CoTasks:
    """CoTasks of a question with three people or things in eight of sixteen frames, and six events."""
    chance = random.Random(number)
    duration, sampled = 30.0, 16
    times = sampled_times(duration, sampled)
    places = sorted(chance.sample(range(sampled), 8))
    categories = chance.sample(["adult", "child", "dog", "ball", "toy"], 3)
    names = entity_names(categories)
    boxes = [(0.2 + 0.3 * place, 0.4, 0.3 + 0.3 * place, 0.5) for place in range(3)]  # with room beside each
    spans = [(4.0 * place, 4.0 * place + 3.0) for place in range(6)]
    return CoTasks(
        f"video_{number}",
        duration,
        sampled,
        frames=tuple(KeyFrame(place, times[place], place * 30) for place in places),
        entities=tuple(Entity(name, category) for name, category in zip(names, categories, strict=True)),
        sightings=tuple(
            Sighting(times[place], name, box) for place in places for name, box in zip(names, boxes, strict=True)
        ),
        relations=tuple(Relation(times[place], names[0], "behind", names[1]) for place in places),
        events=tuple(Event(names[0], f"do_{place}", names[1], *span) for place, span in enumerate(spans)),
        sources={"1": "nextgqa_span"},
    )


MANY = [made(number) for number in range(40)]


def score(noisy: CoTasks, truth: CoTasks, stage: int) -> float:
    return compare_stage(answer_of(noisy), answer_of(truth), stage, spacing_of(truth)).score


@pytest.mark.parametrize("truth", MANY[:5])
def test_level_0_changes_nothing(truth):
    assert corrupt(truth, dict.fromkeys(PARTS, 0.0)) == truth
    assert corrupt(truth, {}) == truth


@pytest.mark.parametrize("stage", PARTS)
def test_level_1_leaves_nothing_right(stage):
    for truth in MANY:
        assert score(corrupt(truth, {stage: 1.0}), truth, stage) < 1e-6


@pytest.mark.parametrize("stage", PARTS)
def test_more_noise_agrees_less_with_the_truth(stage):
    means = [sum(score(corrupt(one, {stage: level}), one, stage) for one in MANY) / len(MANY) for level in LEVELS]
    assert means == sorted(means, reverse=True)
    assert len(set(means)) == len(LEVELS)


@pytest.mark.parametrize("stage", PARTS)
@pytest.mark.parametrize("level", LEVELS[1:])
def test_the_noise_of_a_task_leaves_the_others_as_they_were(stage, level):
    others = [name for other, names in PARTS.items() if other != stage for name in names]
    for truth in MANY[:5]:
        noisy = corrupt(truth, {stage: level})
        assert [getattr(noisy, name) for name in others] == [getattr(truth, name) for name in others]
        assert noisy.sources == truth.sources


def test_tasks_spoilt_together_are_spoilt_as_they_are_alone():
    levels = {1: 0.5, 2: 0.25, 3: 0.75, 4: 0.5}
    together = corrupt(MANY[0], levels)
    for stage, level in levels.items():
        alone = corrupt(MANY[0], {stage: level})
        assert all(getattr(together, name) == getattr(alone, name) for name in PARTS[stage])


@pytest.mark.parametrize("level", LEVELS)
def test_the_same_seed_makes_the_same_mistakes_and_another_one_others(level):
    levels = dict.fromkeys(PARTS, level)
    assert corrupt(MANY[0], levels, seed=3) == corrupt(MANY[0], levels, seed=3)
    assert (corrupt(MANY[0], levels, seed=3) == corrupt(MANY[0], levels, seed=4)) == (level == 0)


@pytest.mark.parametrize("level", LEVELS[1:])
def test_a_spoilt_record_can_still_be_stored(level):
    for truth in MANY[:10]:
        noisy = corrupt(truth, dict.fromkeys(PARTS, level), others=MANY)
        assert CoTasks.from_json(noisy.to_json()).to_json() == noisy.to_json()
        assert all(check_box(one.box) for one in noisy.sightings if one.box)
        assert all(0 <= event.start <= event.end <= truth.duration for event in noisy.events)
        assert list(noisy.events) == sorted(noisy.events, key=lambda event: (event.start, event.end))
        assert [frame.index for frame in noisy.frames] == sorted({frame.index for frame in noisy.frames})


@pytest.mark.parametrize("level", LEVELS[1:])
def test_the_share_of_wrong_facts_is_the_level(level):
    relations = sum(len(truth.relations) for truth in MANY)
    wrong = sum(one not in truth.relations for truth in MANY for one in corrupt(truth, {3: level}).relations)
    assert wrong / relations == pytest.approx(level, abs=0.08)


def test_what_is_wrong_at_a_level_stays_wrong_at_a_higher_one():
    for truth in MANY:
        kept = [set(corrupt(truth, {3: level}).relations) & set(truth.relations) for level in LEVELS]
        assert all(after <= before for before, after in zip(kept, kept[1:], strict=False))
        frames = [set(corrupt(truth, {1: level}).frames) & set(truth.frames) for level in LEVELS]
        assert all(after <= before for before, after in zip(frames, frames[1:], strict=False))


def test_wrong_entities_come_from_other_questions():
    others = [CoTasks("o_1", 1.0, 2, entities=(Entity("zebra 1", "zebra"),))]
    told = {one.category for truth in MANY for one in corrupt(truth, {1: 1.0}, others=others).entities}
    assert "zebra" in told


def test_wrong_entities_have_names_of_their_own():
    for truth in MANY:
        names = [one.name for one in corrupt(truth, {1: 0.5}).entities]
        assert len(set(names)) == len(names)


def test_wrong_predicates_come_from_other_questions_and_are_never_true():
    others = [CoTasks("o_1", 1.0, 2, relations=(Relation(0.0, "a 1", "inside_out", "b 1"),))]
    told = [one for truth in MANY for one in corrupt(truth, {3: 1.0}, others=others).relations]
    assert "inside_out" in {one.predicate for one in told}
    assert any(one.subject != truth.entities[0].name for truth in MANY for one in corrupt(truth, {3: 1.0}).relations)


def test_events_change_places_and_times():
    orders = [[event.predicate for event in corrupt(truth, {4: 1.0}).events] for truth in MANY]
    assert any(order != sorted(order) for order in orders)


def test_an_event_of_the_whole_video_has_nowhere_else_to_go():
    truth = CoTasks("v_1", 10.0, 8, events=(Event("adult 1", "watch", "dog 1", 0.0, 10.0),))
    assert score(corrupt(truth, {4: 1.0}), truth, 4) == 0


def test_frames_with_nowhere_else_to_go_are_dropped():
    frames = tuple(KeyFrame(place, time) for place, time in enumerate(sampled_times(6.0, 4)))
    assert corrupt(CoTasks("v_1", 6.0, 4, frames=frames), {1: 1.0}).frames == ()


def test_what_is_out_of_sight_stays_so():
    hidden = CoTasks("v_1", 6.0, 4, sightings=(Sighting(2.0, "adult 1", None),))
    assert corrupt(hidden, {2: 1.0}) == hidden


@pytest.mark.parametrize("wanted", [0.95, 0.5, 0.25, 0.1])
def test_a_jittered_box_has_the_iou_that_was_asked_for(wanted):
    chance = random.Random(1)
    for _ in range(100):
        x, y = chance.uniform(0, 0.8), chance.uniform(0, 0.8)
        box = (x, y, chance.uniform(x + 0.01, 1), chance.uniform(y + 0.01, 1))
        assert iou(jittered(box, wanted, chance), box) == pytest.approx(wanted, abs=1e-6)


def test_a_box_that_fills_the_frame_shrinks_to_a_box_at_the_least():
    assert 0 < iou(jittered((0.0, 0.0, 1.0, 1.0), 0.0, random.Random(1)), (0.0, 0.0, 1.0, 1.0)) <= 0.0501


@pytest.mark.parametrize(
    "levels",
    [
        pytest.param({5: 0.5}, id="no_such_task"),
        pytest.param({0: 0.5}, id="tasks_count_from_1"),
        pytest.param({1: 1.5}, id="more_than_all"),
        pytest.param({1: -0.1}, id="less_than_none"),
        pytest.param({1: float("nan")}, id="no_number"),
    ],
)
def test_a_level_that_there_is_not_is_refused(levels):
    with pytest.raises(ConfigError, match="levels from 0 to 1"):
        corrupt(MANY[0], levels)
