"""From a raw reply to an answer or a fault: every kind in the same three states, whatever the reply is."""

import json
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from evaluate.parse.classes import read_class, read_labels
from evaluate.records import MODEL_FAULTS, Asked, Fault, Prediction, State
from evaluate.score import score_item
from evaluate.score.intervals import read_intervals

QUESTION = "Which way?\nA. left\nB. right\nAnswer with a single letter."
ITEMS = [
    Asked("mcq", "mcq", "v", QUESTION, "B"),
    Asked("bcq", "bcq", "v", "Does it move?", "Yes"),
    Asked("span", "temporal_localization", "v", "When?", '{"start": "00:02", "end": "00:06"}', {"video_length": 8.0}),
    Asked("free", "open_qa", "v", "Why?", "The wheel is blocked."),
    Asked("class", "weather", "v", "Which?", "Rain", {"answer_kind": {"kind": "closed", "classes": ["Rain", "Sun"]}}),
    Asked("label", "objects", "v", "Which?", "Car", {"answer_kind": {"kind": "multi", "classes": ["Car", "Bus"]}}),
]
PIECES = [
    "A",
    "B. right",
    "yes",
    "No",
    "00:02",
    " to ",
    "-",
    "3 s",
    "<think>",
    "</think>",
    "<answer>",
    "</answer>",
    "Rain",
]
PIECES += [
    '{"start": "00:02", "end": "00:06"}',
    "```json\n",
    "[1, 2]",
    "{",
    "[",
    '"',
    "Car, Bus",
    "none",
    "\u0000",
    "\u0664",
]
PIECES += ["I cannot see the video.", "\u202e", "\ud800", "The answer is ", ". ", "\n", "9" * 400, "right"]
REPLIES = st.text(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


@pytest.mark.parametrize("asked", ITEMS, ids=lambda asked: asked.item_id)
@given(response=REPLIES, finish=st.sampled_from(("stop", "length", "error")))
def test_a_reply_ends_in_one_of_three_states_with_a_score_on_the_scale(asked, response, finish):
    row = score_item(asked, Prediction(asked, response, finish), None)
    if row.state is State.JUDGE_FAULT:
        assert (asked.item_id, row.score, row.fault) == ("free", None, Fault.NOT_JUDGED)
        return
    assert math.isfinite(row.score)
    assert (row.fault in MODEL_FAULTS) == (row.state is State.MODEL_FAULT)
    assert (row.value is None) == (row.fault is not None)
    assert 0 <= row.score <= 1
    assert not row.fault or row.score == 0 or asked.item_id == "free"


@given(REPLIES)
def test_sets_of_spans_are_in_order_and_finite_or_there_are_none(text):
    for start, end in read_intervals(text).value or ():
        assert 0 <= start <= end < math.inf


@given(REPLIES)
def test_a_reply_cut_by_the_token_limit_says_no_more_than_one_that_ended(text):
    """What a cut reply is read as, the whole one is read as too; it may only be read less often."""
    for asked in ITEMS[:3]:
        cut, whole = (score_item(asked, Prediction(asked, text, finish), None) for finish in ("length", "stop"))
        assert cut.value in (None, whole.value)


@given(REPLIES)
def test_nothing_in_an_open_thought_is_an_answer(text):
    assume("<" not in text)
    for asked in ITEMS:
        assert score_item(asked, Prediction(asked, f"<think>{text}", "stop"), None).fault is Fault.TRUNCATED


@given(REPLIES)
def test_a_class_or_label_that_is_not_said_is_not_read(text):
    assume(
        not {"rain", "sun"} & set(text.casefold().replace("</think>", " ").split()) and "rain" not in text.casefold()
    )
    assert read_class(text, ("Rain", "Sun")).value is None
    assert not {"Rain", "Sun"} & set(read_labels(text, ("Rain", "Sun")).value or ())


LENGTHS = [
    pytest.param({"video_length": 8.0}, "3 s to 99 s", 1.0, id="an_end_past_the_videos_is_clipped"),
    pytest.param({"provenance": {"video_length": 8.0}}, "3 s to 99 s", 1.0, id="known_from_its_provenance"),
    pytest.param({"duration": 8.0}, "3 s to 99 s", 1.0, id="known_as_duration"),
    pytest.param({}, "3 s to 98 s", 5 / 95, id="an_unknown_length_clips_nothing"),
    pytest.param({"video_length": 8.0}, "50 s to 99 s", 0.0, id="a_span_behind_the_video_is_worth_nothing"),
    pytest.param({"video_length": 8.0}, "[0, 1]", 0.0, id="a_second_is_not_scaled_by_the_length"),
    pytest.param({"video_length": 8.0}, "8 s to 3 s", 0.0, id="a_reversed_span_is_not_turned_round"),
    pytest.param({"video_length": 8.0}, "5 s to 5 s", 0.0, id="a_moment_overlaps_nothing"),
    pytest.param({"video_length": 8.0}, "3 s to 8 s and 3 s to 9 s", 0.0, id="two_spans_are_none"),
    pytest.param({"video_length": 8.0}, "frames 3 to 8", 0.0, id="frames_are_no_seconds"),
]


@pytest.mark.parametrize(("extra", "response", "score"), LENGTHS)
def test_a_span_is_worth_its_overlap_within_the_video(extra, response, score):
    asked = Asked("i", "temporal_localization", "v", "When?", json.dumps({"start": 3, "end": 8}), extra)
    assert score_item(asked, Prediction(asked, response, "stop"), None).score == pytest.approx(score)


TRUNCATED = [
    pytest.param("<think>It goes left.\n\nThe answer is B", "stop", id="never_closed"),
    pytest.param("<THINK>The answer is B", "stop", id="never_closed_in_capitals"),
    pytest.param("<think>a<think>b</think>B", "stop", id="nested_and_closed_once"),
    pytest.param("It could be A, but the answer is B", "length", id="cut_by_the_token_limit_in_prose"),
]


@pytest.mark.parametrize(("response", "finish"), TRUNCATED)
def test_a_cut_reply_is_truncated_whatever_letters_are_in_it(response, finish):
    row = score_item(ITEMS[0], Prediction(ITEMS[0], response, finish), None)
    assert (row.score, row.value, row.fault) == (0, None, Fault.TRUNCATED)


KEPT = [
    pytest.param("It goes left.\n\nNo, right.</think>B", id="only_the_closing_tag"),
    pytest.param("<think>left?\n\nright!</think>\n\nB", id="an_empty_line_in_the_thought"),
    pytest.param("<Think>A</THINK>B", id="tags_of_any_case"),
]


@pytest.mark.parametrize("response", KEPT)
def test_what_follows_a_closed_thought_is_the_answer(response):
    assert score_item(ITEMS[0], Prediction(ITEMS[0], response, "stop"), None).score == 1


SENTINELS = ["-1", "nan", "None", "null", "", "Z", "error", "0"]


@pytest.mark.parametrize("response", SENTINELS)
@pytest.mark.parametrize("asked", ITEMS[:3] + ITEMS[4:5], ids=lambda asked: asked.item_id)
def test_a_sign_for_a_failure_is_no_hit(asked, response):
    assert score_item(asked, Prediction(asked, response, "stop"), None).score == 0
