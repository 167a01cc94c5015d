"""What two accounts of the same CoTasks have in common, counted by rules that a person can check by hand."""

import random

import pytest

from demitasse.cotasks.agreement import answer_of, compare_stage, f1
from demitasse.cotasks.matching import hull_iou, kind_of, match_times, spacing_of
from demitasse.cotasks.reading import TaskAnswer, read_task
from demitasse.cotasks.record import CoTasks, Entity, Event, KeyFrame, Relation, Sighting
from demitasse.cotasks.text import FORMS, write_task

BOX, BESIDE = (0.1, 0.1, 0.5, 0.5), (0.6, 0.6, 0.9, 0.9)
HALF = (0.1, 0.1, 0.3, 0.5)  # the left half of BOX
TRUTH = CoTasks(
    "v_1",
    duration=6.0,
    sampled=7,
    frames=(KeyFrame(1, 1.0), KeyFrame(2, 2.0), KeyFrame(3, 3.0)),
    entities=(Entity("adult 1", "adult"), Entity("adult 2", "adult"), Entity("ball 1", "ball")),
    sightings=(
        Sighting(1.0, "adult 1", BOX),
        Sighting(1.0, "adult 2", BESIDE),
        Sighting(2.0, "adult 1", BOX),
        Sighting(2.0, "ball 1", None),
    ),
    relations=(Relation(1.0, "adult 1", "behind", "adult 2"), Relation(2.0, "adult 1", "above", "ball 1")),
    events=(
        Event("adult 1", "grab", "ball 1", 0.0, 2.0),
        Event("adult 1", "throw", "ball 1", 2.0, 3.0),
        Event("adult 2", "wave", None, 3.0, 5.0),
    ),
)
GOLD = answer_of(TRUTH)


def agreement(stage, said, gold=GOLD):
    return compare_stage(said, gold, stage, spacing_of(TRUTH))


@pytest.mark.parametrize("stage", [1, 2, 3, 4])
def test_an_account_agrees_with_itself(stage):
    assert agreement(stage, GOLD).score == 1


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("stage", [1, 2, 3, 4])
def test_what_was_written_as_text_still_agrees(stage, form):
    read = read_task(write_task(TRUTH, stage, form=form), stage)
    assert agreement(stage, read.value).score == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("stage", [1, 2, 3, 4])
def test_saying_nothing_scores_nothing_where_there_was_something(stage):
    assert agreement(stage, TaskAnswer()).score == 0


@pytest.mark.parametrize("stage", [1, 2, 3, 4])
def test_nothing_agrees_with_nothing(stage):
    assert agreement(stage, TaskAnswer(), TaskAnswer()).score == 1


@pytest.mark.parametrize("stage", [1, 2, 3, 4])
def test_an_entry_that_could_not_be_read_is_one_that_is_wrong(stage):
    faulty = TaskAnswer(GOLD.times, GOLD.entities, GOLD.sightings, GOLD.relations, GOLD.events, faults=3)
    found = agreement(stage, faulty)
    assert found.predicted == agreement(stage, GOLD).predicted + 3
    assert found.score < 1


# ---- CoTask 1


@pytest.mark.parametrize(
    ("times", "found"),
    [
        pytest.param((1.4, 2.4, 3.4), 3, id="nearer_than_half_a_spacing_is_the_same_frame"),
        pytest.param((1.6, 4.0, 5.0), 1, id="farther_is_another_frame"),
        pytest.param((2.0, 2.1, 2.2), 1, id="a_frame_is_found_once"),
        pytest.param((), 0, id="no_frame"),
    ],
)
def test_frames_are_found_within_half_the_sampling_distance(times, found):
    said = agreement(1, TaskAnswer(times))
    assert (said.found, said.predicted, said.gold) == (found, len(times), 3)
    assert said.score == f1(found, len(times), 3)


def test_entities_are_compared_by_kind_and_number_of_them():
    said = agreement(1, TaskAnswer((1.0,), ("adult 7", "dog 1")))
    assert (said.entities_found, said.entities_predicted, said.entities_gold) == (1, 2, 3)


def test_the_span_of_the_frames_has_the_width_of_its_frames():
    assert hull_iou([1.0], [1.0], 1.0) == 1
    assert hull_iou([1.0], [2.0], 1.0) == 0
    assert hull_iou([1.0, 2.0], [2.0], 1.0) == pytest.approx(0.5)
    assert hull_iou([], [], 1.0) == 1
    assert hull_iou([], [2.0], 1.0) == 0


def test_the_nearest_moments_are_paired_first():
    assert match_times([1.4], [1.0, 1.5], 1.0) == [(0, 1)]


def test_each_moment_is_paired_once_whatever_the_moments():
    chance = random.Random(5)
    for _ in range(50):
        sides = [sorted(chance.uniform(0, 9) for _ in range(chance.randrange(8))) for _ in range(2)]
        pairs = match_times(*sides, 1.0)
        assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
        assert all(abs(sides[0][i] - sides[1][j]) <= 0.5 + 1e-6 for i, j in pairs)
        assert pairs == sorted((i, j) for j, i in match_times(sides[1], sides[0], 1.0))


# ---- CoTask 2


def sightings(*seen):
    return agreement(2, TaskAnswer(sightings=tuple(Sighting(*one) for one in seen)))


def test_the_score_of_boxes_is_their_iou_over_all_that_were_given_or_wanted():
    said = sightings((1.0, "adult 1", HALF))
    assert said.overlaps == (pytest.approx(0.5),)
    assert said.score == pytest.approx(0.5 / 3)
    assert said.found == 1


def test_an_invented_box_costs_what_a_missed_one_does():
    right = ((1.0, "adult 1", BOX), (1.0, "adult 2", BESIDE), (2.0, "adult 1", BOX))
    assert sightings(*right, (3.0, "adult 1", BOX)).score == pytest.approx(3 / 4)
    assert sightings(*right[:2]).score == pytest.approx(2 / 3)


def test_a_box_of_another_kind_is_not_found():
    assert sightings((1.0, "dog 1", BOX)).found == 0


def test_a_box_at_another_moment_is_not_found():
    assert sightings((5.0, "adult 1", BOX)).found == 0


def test_changed_names_keep_their_boxes_and_lose_their_identity():
    said = sightings((1.0, "adult 2", BOX), (1.0, "adult 1", BESIDE), (2.0, "adult 1", BOX))
    assert said.score == 1
    assert (said.found, said.same_name) == (3, 1)


def test_what_cannot_be_seen_is_found_by_saying_so():
    assert sightings((2.0, "ball 1", None)).hidden_found == 1
    assert sightings((1.0, "ball 1", None)).hidden_found == 0
    assert sightings((2.0, "ball 1", BOX)).to_json() | {"overlaps": []} == {
        "predicted": 1,
        "gold": 3,
        "overlaps": [],
        "same_name": 0,
        "hidden_gold": 1,
        "hidden_found": 0,
        "found": 0,
    }


# ---- CoTask 3


def relations(*told):
    return agreement(3, TaskAnswer(relations=tuple(Relation(*one, "reply") for one in told)))


def test_a_triple_is_found_at_its_own_moment_alone():
    assert relations((1.2, "adult 1", "behind", "adult 2")).found == 1
    assert relations((2.0, "adult 1", "behind", "adult 2")).found == 0


def test_a_triple_said_twice_is_said_once():
    said = relations((1.0, "adult 1", "behind", "adult 2"), (1.1, "adult 1", "behind", "adult 2"))
    assert said.found == 1
    assert said.score < 1, "two moments are two claims"
    twice = relations((1.0, "adult 1", "behind", "adult 2"), (1.0, "adult 1", "behind", "adult 2"))
    assert (twice.predicted, twice.found) == (1, 1)


def test_another_adult_is_the_same_kind_but_not_the_same_triple():
    said = relations((2.0, "adult 2", "above", "ball 1"))
    assert (said.found, said.found_by_kind) == (0, 1)


def test_predicates_are_counted_where_the_same_two_are_related():
    said = relations((1.0, "adult 1", "above", "adult 2"), (2.0, "adult 1", "above", "ball 1"))
    assert (said.related, said.same_predicate) == (2, 1)


def test_a_triple_the_wrong_way_round_is_not_found_and_is_counted():
    said = relations((1.0, "adult 2", "behind", "adult 1"))
    assert (said.found, said.swapped, said.related) == (0, 1, 0)


# ---- CoTask 4


def events(*told):
    return agreement(4, TaskAnswer(events=tuple(Event(*one) for one in told)))


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        pytest.param(0.0, 2.0, 1, id="the_same_time"),
        pytest.param(0.0, 1.0, 1, id="half_of_it_is_enough"),
        pytest.param(0.0, 0.9, 0, id="less_than_half_is_not"),
        pytest.param(4.0, 6.0, 0, id="another_time"),
    ],
)
def test_an_event_is_found_by_triple_and_half_its_time(start, end, found):
    said = events(("adult 1", "grab", "ball 1", start, end))
    assert (said.found, said.named) == (found, 1)


def test_an_event_with_another_predicate_is_not_named():
    assert events(("adult 1", "hold", "ball 1", 0.0, 2.0)).named == 0


def test_an_event_of_another_adult_is_found_by_kind():
    said = events(("adult 2", "grab", "ball 1", 0.0, 2.0))
    assert (said.found, said.found_by_kind) == (0, 1)


def test_an_event_twice_is_found_once():
    said = events(*[("adult 1", "grab", "ball 1", 0.0, 2.0)] * 2)
    assert (said.found, said.predicted) == (1, 2)


@pytest.mark.parametrize(
    ("starts", "tau"),
    [
        pytest.param((0, 1, 2), 1, id="same_order"),
        pytest.param((2, 1, 0), -1, id="reversed"),
        pytest.param((1, 0, 2), pytest.approx(1 / 3), id="one_pair_of_three_reversed"),
        pytest.param((0, 0, 0), 0, id="all_at_once_is_no_order"),
    ],
)
def test_order_is_kendalls_tau_over_the_events_that_both_name(starts, tau):
    first, second, third = starts
    said = events(
        ("adult 1", "grab", "ball 1", first, 6.0),
        ("adult 1", "throw", "ball 1", second, 6.0),
        ("adult 2", "wave", None, third, 6.0),
    )
    assert said.kendall_tau == tau
    assert said.pairs == 3


def test_one_event_has_no_order():
    assert events(("adult 1", "grab", "ball 1", 0.0, 2.0)).kendall_tau is None


def test_two_moments_agree_if_texts_would_tell_them_alike():
    moment = TaskAnswer(events=(Event("adult 1", "kick", "ball 1", 2.0, 2.0),))
    near = TaskAnswer(events=(Event("adult 1", "kick", "ball 1", 2.004, 2.004),))
    other = TaskAnswer(events=(Event("adult 1", "kick", "ball 1", 2.5, 2.5),))
    assert agreement(4, near, moment).found == 1
    assert agreement(4, other, moment).found == 0


@pytest.mark.parametrize(
    ("name", "kind"),
    [("adult 1", "adult"), ("stop_sign 12", "stop_sign"), ("sky", "sky"), ("ball/sports_ball 2", "ball/sports_ball")],
)
def test_a_kind_is_a_name_without_its_number(name, kind):
    assert kind_of(name) == kind
