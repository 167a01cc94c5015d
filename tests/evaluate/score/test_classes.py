"""Closed and graded classes, and sets of labels: read by assertion, never by guess."""

import json

import pytest

from demitasse.errors import DataError
from evaluate.metric import KIND, metric_for
from evaluate.parse.classes import read_class, read_labels
from evaluate.records import Asked, Fault, Prediction, State
from evaluate.score import gold_faults, score_item

WEATHER = ("Clear skies", "Overcast", "Light rain", "Heavy rain", "N/A")
LIGHT = ("Daytime (low\u2011contrast daylight)", "Night (well-lit)")
ACTIONS = ("Vehicle following", "Yield to vehicles", "React to animals")
LEVELS = ("1", "2", "3", "4")


def scored(kind, classes, reference, response, finish="stop"):
    extra = {KIND: {"kind": kind, "classes": list(classes)}}
    asked = Asked("i", "open_qa", "v", "What?", reference, extra)
    prediction = None if response is None else Prediction(asked, response, finish)
    return score_item(asked, prediction, None)


@pytest.mark.parametrize(
    ("reply", "name"),
    [
        pytest.param("Overcast", "Overcast", id="the_class"),
        pytest.param("  overcast. ", "Overcast", id="but_for_case_and_punctuation"),
        pytest.param("**Overcast**", "Overcast", id="but_for_emphasis"),
        pytest.param("The answer is light rain.", "Light rain", id="what_the_answer_is"),
        pytest.param("It is overcast.", "Overcast", id="what_it_is"),
        pytest.param("Overcast. The sky is grey.", "Overcast", id="the_first_sentence"),
        pytest.param("The sky is grey.\nOvercast", "Overcast", id="a_line"),
        pytest.param("<answer>Heavy rain</answer>", "Heavy rain", id="a_tag"),
        pytest.param("n/a", "N/A", id="not_applicable_where_it_is_a_class"),
        pytest.param("It is not overcast", None, id="a_class_that_is_denied"),
        pytest.param("Overcast turning to light rain", None, id="a_class_that_is_mentioned"),
        pytest.param("Overcast\nLight rain", None, id="two_classes"),
        pytest.param("rain", None, id="half_a_class"),
        pytest.param("A", None, id="a_letter_that_was_never_offered"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_a_class_is_asserted_or_there_is_none(reply, name):
    assert read_class(reply, WEATHER).value == name


def test_dashes_of_every_kind_are_one():
    assert read_class("Daytime (low-contrast daylight)", LIGHT).value == LIGHT[0]


@pytest.mark.parametrize(
    ("reply", "labels"),
    [
        pytest.param('["Vehicle following"]', ["Vehicle following"], id="json"),
        pytest.param(
            "yield to vehicles, vehicle following", list(ACTIONS[:2]), id="commas_in_the_order_of_the_classes"
        ),
        pytest.param("- Vehicle following\n- React to animals.", [ACTIONS[0], ACTIONS[2]], id="bullets"),
        pytest.param("Vehicle following; Vehicle following", ["Vehicle following"], id="said_twice_is_said_once"),
        pytest.param("None", [], id="none_is_the_empty_set"),
        pytest.param("[]", [], id="and_so_is_an_empty_list"),
        pytest.param(
            "Vehicle following, flying", ["Vehicle following", "flying"], id="what_is_no_class_stays_among_them"
        ),
        pytest.param("flying", None, id="no_class_at_all"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_labels_are_a_set(reply, labels):
    assert read_labels(reply, ACTIONS).value == labels


@pytest.mark.parametrize(
    ("gold", "reply", "f1", "exact", "jaccard"),
    [
        pytest.param(ACTIONS[:2], ", ".join(ACTIONS[:2]), 1.0, 1.0, 1.0, id="the_very_set"),
        pytest.param(ACTIONS[:2], ACTIONS[0], 2 / 3, 0.0, 0.5, id="one_of_two"),
        pytest.param(ACTIONS[:1], "Vehicle following, flying", 2 / 3, 0.0, 0.5, id="an_invented_label_costs"),
        pytest.param((), "None", 1.0, 1.0, 1.0, id="none_where_there_is_none"),
        pytest.param((), ACTIONS[0], 0.0, 0.0, 0.0, id="one_where_there_is_none"),
        pytest.param(ACTIONS[:1], "None", 0.0, 0.0, 0.0, id="none_where_there_is_one"),
        pytest.param((), "flying", 0.0, 0.0, 0.0, id="what_cannot_be_read_is_not_the_empty_set"),
    ],
)
def test_sets_are_compared(gold, reply, f1, exact, jaccard):
    row = scored("multi", ACTIONS, json.dumps(list(gold)), reply)
    assert row.score == pytest.approx(f1)
    assert (row.detail["exact"], row.detail["jaccard"]) == (exact, pytest.approx(jaccard))


@pytest.mark.parametrize(
    ("gold", "reply", "score", "off"),
    [
        pytest.param("2", "2", 1.0, 0, id="right"),
        pytest.param("2", "3", 0.0, 1, id="one_off"),
        pytest.param("1", "4", 0.0, 3, id="three_off"),
        pytest.param("2", "hard", 0.0, 2, id="unreadable_is_as_far_off_as_can_be"),
        pytest.param("4", None, 0.0, 3, id="and_so_is_missing"),
    ],
)
def test_grades_say_how_far_off_they_are(gold, reply, score, off):
    row = scored("graded", LEVELS, gold, reply)
    assert (row.score, row.detail["off"]) == (score, off)


def test_a_class_that_cannot_be_read_is_a_fault_and_wrong():
    row = scored("closed", WEATHER, "Overcast", "grey")
    assert (row.state, row.score, row.fault) == (State.MODEL_FAULT, 0.0, Fault.UNPARSABLE)


def test_prose_is_the_judges():
    asked = Asked("i", "mcq", "v", "?", "x", {KIND: {"kind": "prose"}})
    assert metric_for(asked).name == "judge"


def test_a_task_keeps_its_metric_where_nothing_is_declared():
    assert metric_for(Asked("i", "bcq", "v", "?", "Yes")).name == "binary"


@pytest.mark.parametrize(
    ("declared", "reference", "told"),
    [
        pytest.param(
            {"kind": "closed", "classes": ["a", "b"]}, "c", "none of the classes a, b", id="a_strange_reference"
        ),
        pytest.param({"kind": "closed"}, "a", "must have 'classes'", id="no_classes"),
        pytest.param({"kind": "closed", "classes": ["a"]}, "a", "two texts or more", id="one_class"),
        pytest.param({"kind": "closed", "classes": ["Rain", "rain."]}, "rain", "read alike", id="two_that_read_alike"),
        pytest.param({"kind": "multi", "classes": ["a", "b"]}, "a, d", "label 'd'", id="a_strange_label"),
        pytest.param({"kind": "colour"}, "a", "'colour', but must be", id="a_kind_that_there_is_not"),
        pytest.param("closed", "a", "must have 'classes'", id="a_kind_without_its_object"),
    ],
)
def test_a_declaration_at_fault_is_a_sentence(declared, reference, told):
    (sentence,) = gold_faults([Asked("item7", "open_qa", "v", "?", reference, {KIND: declared})]).values()
    assert told in sentence
    assert "item7" in sentence


def test_a_kind_that_there_is_not_stops_scoring():
    with pytest.raises(DataError, match="colour"):
        scored("colour", ("a", "b"), "a", "a")
