"""The CoTasks record: JSON and back, and what it refuses."""

import json
import math
from dataclasses import replace

import pytest

from demitasse.cotasks.record import (
    CoTasks,
    Entity,
    Event,
    KeyFrame,
    Relation,
    Sighting,
    entity_names,
    one_word,
    sampled_times,
)
from demitasse.errors import DataError

WHOLE = CoTasks(
    question_key="4010069381_6",
    duration=12.3,
    sampled=64,
    frames=(KeyFrame(0, 0.0, 0), KeyFrame(5, 1.001, 30), KeyFrame(9, 2.5)),
    entities=(Entity("adult 1", "adult", 0), Entity("ball/sports_ball 1", "ball/sports_ball")),
    sightings=(Sighting(0.0, "adult 1", (0.1, 0.2, 0.5, 0.9)), Sighting(0.0, "ball/sports_ball 1", None)),
    relations=(
        Relation(0.0, "adult 1", "above", "ball/sports_ball 1"),
        Relation(1.0, "adult 1", "left_of", "x 1", "geometry"),
    ),
    events=(Event("adult 1", "kick", "ball/sports_ball 1", 0.0, 1.5), Event("adult 1", "jump", None, 1.0, 1.0)),
    sources={"1": "nextgqa_span", "2": "vidor"},
    size=(640, 480),
)


def test_json_and_back_loses_nothing():
    assert CoTasks.from_json(json.loads(json.dumps(WHOLE.to_json()))) == WHOLE


def test_the_least_there_can_be_goes_through_json_as_well():
    least = CoTasks("q", 1.0, 4)
    assert CoTasks.from_json(json.loads(json.dumps(least.to_json()))) == least


def test_fields_of_others_beside_them_are_let_be():
    assert CoTasks.from_json(WHOLE.to_json() | {"provenance": {"rules": 1}}) == WHOLE


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"question_key": ""}, "cotasks.question_key", id="a_question_has_a_key"),
        pytest.param({"duration": -1}, "cotasks.duration is -1", id="no_time_is_negative"),
        pytest.param({"duration": True}, "cotasks.duration is true", id="a_truth_value_is_no_time"),
        pytest.param({"duration": math.inf}, "cotasks.duration", id="no_time_is_infinite"),
        pytest.param({"sampled": 2.5}, "cotasks.sampled is 2.5", id="frames_are_counted_whole"),
        pytest.param({"frames": None}, "cotasks.frames is null, not a list", id="a_list_is_a_list"),
        pytest.param({"frames": [3]}, "cotasks.frames[0] is 3, not an object", id="a_row_is_an_object"),
        pytest.param({"frames": [{"index": 0}]}, "cotasks.frames[0].time is null", id="a_field_is_named_in_its_row"),
        pytest.param(
            {"sightings": [{"time": 0, "entity": "a 1", "box": [0.5, 0, 0.1, 1]}]},
            "cotasks.sightings[0].box",
            id="an_inverted_box_is_none",
        ),
        pytest.param(
            {"sightings": [{"time": 0, "entity": "a 1", "box": 7}]}, "not four fractions", id="a_number_is_no_box"
        ),
        pytest.param(
            {"relations": [{"time": 0, "subject": "a", "predicate": "b", "object": "c", "source": "guess"}]},
            'cotasks.relations[0].source is "guess"',
            id="a_relation_has_a_known_source",
        ),
        pytest.param(
            {"events": [{"subject": "a", "predicate": "b", "object": None, "start": 2, "end": 1}]},
            "cotasks.events[0].end is 1, before its start 2",
            id="an_event_ends_after_its_start",
        ),
        pytest.param({"size": [640]}, "cotasks.size is [640]", id="a_size_is_two_numbers"),
        pytest.param({"sources": {"1": 2}}, "cotasks.sources", id="sources_are_texts"),
    ],
)
def test_a_broken_record_is_refused_by_its_field(change, says):
    with pytest.raises(DataError) as refused:
        CoTasks.from_json(WHOLE.to_json() | change)
    assert says in str(refused.value)


def test_what_is_no_object_is_refused():
    with pytest.raises(DataError, match="cotasks is"):
        CoTasks.from_json([1])


def test_names_count_each_category_by_itself():
    assert entity_names(["Adult", "dog", "adult", "stop sign"]) == ["adult 1", "dog 1", "adult 2", "stop_sign 1"]


def test_a_word_is_one_and_lower_case():
    assert one_word("Lean  On") == "lean_on"


def test_samples_run_from_the_first_frame_to_the_last():
    assert sampled_times(9.0, 4) == [0.0, 3.0, 6.0, 9.0]
    assert sampled_times(9.0, 1) == [0.0] and sampled_times(9.0, 0) == []


def test_a_record_cannot_be_changed_in_place():
    with pytest.raises(AttributeError):
        WHOLE.duration = 3.0  # type: ignore[misc]
    assert replace(WHOLE, duration=3.0).duration == 3.0


def test_the_text_that_items_carry_reads_back_and_is_said_to_be_broken_if_it_is():
    assert CoTasks.from_json(WHOLE.to_text()) == WHOLE
    with pytest.raises(DataError, match="cotasks is .* no JSON"):
        CoTasks.from_json(WHOLE.to_text()[:-9])


@pytest.mark.parametrize(
    ("stage", "told"),
    [
        (1, set()),
        (2, {"frames", "entities"}),
        (3, {"frames", "entities", "sightings"}),
        (4, {"frames", "entities", "sightings", "relations"}),
    ],
)
def test_before_a_stage_only_earlier_ones_are_told(stage, told):
    parts = {"frames", "entities", "sightings", "relations", "events"}
    assert WHOLE.before(stage) == replace(WHOLE, **dict.fromkeys(parts - told, ()))
    assert WHOLE.before(5) == WHOLE
