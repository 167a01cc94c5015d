"""No reply is an exception: neither for what a script makes of it, nor for what ours does."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluate.official.cgbench_script import script_hit, script_overlap
from evaluate.official.mvbench import first_word_right
from evaluate.official.question import Question
from evaluate.official.tar_script import Stops, script_values
from evaluate.official.tempcompass_rules import captions, kind_of, rule_rating, unnamed
from evaluate.official.videomme import first_letter
from evaluate.parse.classes import read_class, read_labels
from evaluate.records import Asked

# On a busy machine drawing an input can take seconds, which says nothing of the code.
calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("start", "end", "result")), inner),
    max_leaves=6,
)
JSON = VALUES.map(json.dumps)
REPLIES = st.text(max_size=60) | JSON | JSON.map("```json\n{}\n```".format) | st.text("ABC()., 12:[]{}\n", max_size=40)
SPAN = Asked("i", "temporal_localization", "v", "When?", '{"start": "00:03", "end": "00:07"}')
CAPTION = "Which?\nCaption A: He runs.\nCaption B: He walks."


@calm
@given(REPLIES)
def test_the_scripts_ways_have_a_number_or_none(reply):
    assert first_letter(reply) in (None, *"ABCD")
    assert first_word_right(reply, Question("k", "t", "v", ("a", "b"), 1)) in (True, False)
    assert script_hit(reply, 2) in (True, False, None)
    overlap = script_overlap(reply, [[0, 10]])
    assert overlap is None or isinstance(overlap, (int, float))


@calm
@given(REPLIES)
def test_tars_way_has_a_number_or_stops(reply):
    try:
        assert set(script_values({"i": SPAN}, {"i": reply}, (), None)) <= {"i"}
    except Stops as why:
        assert "i" in str(why)


@calm
@given(REPLIES)
def test_tempcompasss_rules_have_a_rating_or_none(reply):
    asked = Asked("k", kind_of(CAPTION, "Caption A: He runs."), "v", CAPTION, "Caption A: He runs.")
    assert rule_rating(asked, reply) in (0, 1, None)
    assert isinstance(unnamed(reply, CAPTION), str)


@calm
@given(REPLIES)
def test_a_class_is_one_of_the_classes_or_none(reply):
    assert read_class(reply, ("Rain", "Sun")).value in ("Rain", "Sun", None)


@calm
@given(REPLIES)
def test_labels_hold_a_class_or_there_are_none(reply):
    value = read_labels(reply, ("Rain", "Sun")).value
    assert value is None or value == [] or {"Rain", "Sun"} & set(value)


@calm
@given(st.text(max_size=80))
def test_a_question_has_options_or_none(text):
    assert len(captions(text)) != 1


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param("[" * 100_000, id="deeply_nested"),
        pytest.param('{"start": "' + "9" * 400 + ':00", "end": "1"}', id="a_time_beyond_every_number"),
        pytest.param("A" * 200_000, id="long"),
        pytest.param("(" * 100_000, id="brackets"),
    ],
)
def test_an_outlandish_reply_is_no_exception_and_takes_no_time(reply):
    script_hit(reply, 0)
    script_overlap(reply, [[0, 10]])
    read_class(reply, ("Rain", "Sun"))
    read_labels(reply, ("Rain", "Sun"))
    try:
        script_values({"i": SPAN}, {"i": reply}, (), None)
    except Stops as why:
        assert "too large" in str(why)
