"""Reasoning, yes and no, times and scores, each read by one strict rule."""

import random
import time

import pytest

from demitasse.answers import (
    Status,
    read_binary,
    read_boxes,
    read_mcq,
    read_options,
    read_score,
    read_times,
    split_reasoning,
)

SPLITS = [
    pytest.param("B", ("", "B", True), id="no_tags"),
    pytest.param("<think>a</think>\n\nB", ("a", "B", True), id="closed"),
    pytest.param("<THINK>a</Think>B", ("a", "B", True), id="any_case"),
    pytest.param("a</think>B", ("a", "B", True), id="opened_by_the_chat_template"),
    pytest.param("<think>A is likely", ("A is likely", "", False), id="never_closed"),
    pytest.param("B <think>or C", ("or C", "", False), id="never_closed_leaves_no_answer_before_it"),
    pytest.param("<think>a<think>b</think>c</think>B", ("a\nb\nc", "B", True), id="nested"),
    pytest.param("<think>a</think>B<think>c</think>", ("a\nc", "B", True), id="several"),
    pytest.param("<think></think>B", ("", "B", True), id="an_empty_shell"),
    pytest.param("<thinking>a</thinking>B", ("a", "B", True), id="another_spelling"),
]


@pytest.mark.parametrize(("text", "expected"), SPLITS)
def test_reasoning_is_parted_from_the_final_answer(text, expected):
    assert split_reasoning(text) == expected


BINARY = [
    pytest.param("Yes", "yes", id="a_lone_word"),
    pytest.param("**no**", "no", id="bold"),
    pytest.param("Yes. There is no car.", "yes", id="the_leading_word_wins_over_a_later_one"),
    pytest.param("No, yes it was another car", "no", id="a_pause_makes_the_first_word_lead"),
    pytest.param("There is no car, so the answer is yes.", "yes", id="a_statement_wins_over_a_word_in_passing"),
    pytest.param("No car is visible", "no", id="exactly_one_of_the_words"),
    pytest.param("<answer>Yes</answer>", "yes", id="an_answer_tag"),
    pytest.param("I looked north. Yes", "yes", id="north_is_not_no"),
    pytest.param("Yes and no", None, id="both"),
    pytest.param("Yes/No", None, id="both_with_a_slash"),
    pytest.param("No doubt, yes", None, id="no_doubt_is_not_no"),
    pytest.param("Yes, so the answer is no.", None, id="two_assertions_that_differ"),
    pytest.param("Nothing happens now", None, id="words_that_begin_like_no"),
    pytest.param("true", None, id="another_word"),
]


@pytest.mark.parametrize(("text", "expected"), BINARY)
def test_yes_or_no_is_read_only_when_exactly_one_is_said(text, expected):
    assert read_binary(text).value == expected


def test_a_refusal_that_contains_no_is_a_refusal():
    assert read_binary("I cannot see the video, no.").status is Status.REFUSAL


TIMES = [
    pytest.param('{"start": "00:03", "end": "00:05"}', (3, 5), id="bare_json"),
    pytest.param('```json\n{"start": "00:00:03", "end": "00:00:04"}\n```', (3, 4), id="fenced_json_with_hours"),
    pytest.param('{"start": "01:00:03.5", "end": "01:00:04"}', (3603.5, 3604), id="a_fraction_of_a_second"),
    pytest.param('{"start": 2.5, "end": 7}', (2.5, 7), id="json_numbers_are_seconds"),
    pytest.param('{"start": 0, "end": 1}', (0, 1), id="zero_to_one_is_not_scaled_by_the_duration"),
    pytest.param('[{"start": "00:03", "end": "00:05"}]', (3, 5), id="a_list_of_one"),
    pytest.param("[2.5, 7.0]", (2.5, 7), id="a_json_pair"),
    pytest.param('As {"start": "MM:SS", "end": "MM:SS"}: {"start": "00:01", "end": "00:02"}', (1, 2), id="an_echo"),
    pytest.param("{start: 00:03, end: 00:05}", (3, 5), id="json_without_quotes"),
    pytest.param("Start_Time: 00:03, End_Time: 00:05", (3, 5), id="the_annotators_form"),
    pytest.param("from 2.5 to 7.0", (2.5, 7), id="from_to"),
    pytest.param("It happens between 3 and 7 seconds.", (3, 7), id="between_and"),
    pytest.param("2.5s-7s", (2.5, 7), id="units"),
    pytest.param("00:03\u201300:05", (3, 5), id="an_en_dash"),
    pytest.param("The light is on from 0:03 to 0:05 in the hall.", (3, 5), id="minutes_of_one_digit_in_a_sentence"),
    pytest.param("00:03 00:05", (3, 5), id="two_times_and_nothing_else"),
    pytest.param("[00:03] - [00:05]", (3, 5), id="times_in_brackets"),
    pytest.param('{"start": "00:05", "end": "00:03"}', "reversed", id="a_reversed_span_is_not_turned_round"),
    pytest.param("from 7.0 to 2.5", "reversed", id="reversed_in_prose"),
    pytest.param("00:03-00:05 and 00:07-00:09", "several_spans", id="several_spans"),
    pytest.param('[{"start": 0, "end": 10}, {"start": 15, "end": 20}]', "several_spans", id="several_spans_in_json"),
    pytest.param("frames 10 to 20", "no_span", id="frame_numbers_are_no_times"),
    pytest.param("3 to 5 cars", "no_span", id="a_count_is_no_time"),
    pytest.param('{"start": "00:75", "end": "01:90"}', "not_a_time", id="seconds_above_fifty_nine"),
    pytest.param('{"start": -1, "end": 3}', "not_a_time", id="a_negative_second"),
    pytest.param('{"start": NaN, "end": Infinity}', "not_a_time", id="not_finite"),
    pytest.param('{"start": true, "end": 3}', "not_a_time", id="a_boolean"),
    pytest.param("at 00:03", "no_span", id="one_time_is_no_span"),
]


@pytest.mark.parametrize(("text", "expected"), TIMES)
def test_one_span_of_time_is_read_in_seconds(text, expected):
    parsed = read_times(text)
    assert (parsed.value or parsed.method) == expected


SCORES = [
    pytest.param('{"reason": "close", "score": 4}', 4, id="json"),
    pytest.param('```json\n{"reason": "x", "score": 4}\n```', 4, id="fenced_json"),
    pytest.param('{"score": "4"}', 4, id="a_digit_as_json_text"),
    pytest.param('{"reason": "it says <answer>5</answer>", "score": 2}', 2, id="json_wins_over_a_quoted_tag"),
    pytest.param('{"score": 5} {"score": 2}', 2, id="the_last_json_object_wins"),
    pytest.param("<answer>4</answer>", 4, id="a_tag"),
    pytest.param("<answer> 4.</answer>", 4, id="a_tag_with_a_full_stop"),
    pytest.param("<answer>4</answer> no: <answer>2</answer>", 2, id="the_last_tag_wins"),
    pytest.param("<answer>4</answer> <answer>9</answer>", "off_the_scale", id="a_bad_last_tag_is_not_backed_out_of"),
    pytest.param("**4**", 4, id="bold"),
    pytest.param("Good.\nScore: 4", 4, id="a_score_line"),
    pytest.param("5/5", 5, id="out_of_the_scales_top"),
    pytest.param("4 out of 5", 4, id="out_of_in_words"),
    pytest.param("4/10", "not_an_integer", id="out_of_another_scale"),
    pytest.param("\uff14", 4, id="a_full_width_digit"),
    pytest.param("\u0664", 4, id="an_arabic_digit"),
    pytest.param("4.5", "not_an_integer", id="a_half_point"),
    pytest.param('{"score": 4.5}', "not_an_integer", id="a_half_point_in_json"),
    pytest.param('{"score": true}', "not_an_integer", id="a_boolean"),
    pytest.param('{"score": null}', "not_an_integer", id="null"),
    pytest.param("six", "not_an_integer", id="a_word"),
    pytest.param("0", "off_the_scale", id="zero_is_not_clamped"),
    pytest.param("10", "off_the_scale", id="ten_is_not_clamped"),
    pytest.param("-1", "not_an_integer", id="a_negative_number"),
    pytest.param("<answer></answer>", "not_an_integer", id="an_empty_tag"),
    pytest.param("I would give it 4 because 3 things fit", "not_an_integer", id="a_number_in_passing"),
    pytest.param("NOT_ATTEMPTED", "not_an_integer", id="a_verdict_word"),
]


@pytest.mark.parametrize(("text", "expected"), SCORES)
def test_a_verdict_is_an_integer_on_the_scale_or_nothing(text, expected):
    parsed = read_score(text)
    assert (parsed.value or parsed.method) == expected


def test_no_reader_raises_or_leaves_its_range_on_random_text():
    chance = random.Random(0)
    pieces = ["A", "B.", "(C)", *"{}[],1-|", '"start":', '"score":', "00:", "9e999", "yes", "no", "\n", "answer is"]
    pieces += ["to", " ", "and", "s", "<answer>", "</answer>", "<think>", "</think>", "\ud800", "\u0661"]
    pieces += ["(1,2)", "[1,2,3,4]", '{"bbox_2d":', "9" * 400, "null"]
    for _ in range(1500):
        text = "".join(chance.choices(pieces, k=chance.randrange(12)))
        split_reasoning(text)
        assert read_mcq(text, {"A": "x", "B": "y"}).value in {None, "A", "B"}
        assert read_binary(text).value in {None, "yes", "no"}
        assert read_score(text).value in {None, 1, 2, 3, 4, 5}
        span = read_times(text).value
        assert span is None or 0 <= span[0] <= span[1] < float("inf")
        read_boxes(text)


RUNS = [*'[{(" \n*-.:1_\u200b\u0661', "\\boxed{", '{"a":', "[1,", "<answer>", "<score>", "<think>", "a ", "A "]
RUNS += ["A. x ", "B, ", "answer is ", "the answer is A ", "yes ", "no, ", "1:", "00:0", "from 1 ", "score ", "score:"]
RUNS += [
    "[[1,2,3,4]",
    "(1,2),",
    "(1,2),(3,4)",
    '{"bbox_2d": [1',
    "frames 1-2 ",
    "1-2 s ",
    "start ",
    "I'm sorry ",
    "as an ai ",
]


@pytest.mark.parametrize("piece", RUNS)
@pytest.mark.parametrize("end", ["", "A"])
def test_a_reply_that_repeats_itself_takes_no_time(piece, end):
    for text in (piece * (40_000 // len(piece)) + end, f"answer is start{piece * (40_000 // len(piece))}{end}"):
        began = time.perf_counter()
        read_mcq(text, {"A": "x", "B": "y"})
        read_binary(text)
        read_times(text)
        read_score(text)
        read_boxes(text)
        split_reasoning(text)
        read_options(text)
        assert time.perf_counter() - began < 2
