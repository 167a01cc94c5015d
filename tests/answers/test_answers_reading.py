"""Reasoning, yes and no, times and scores, each read by one strict rule."""

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
from demitasse.answers.embedded import find_json

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
    pytest.param("<think>a\n\nb</think>B", ("a\n\nb", "B", True), id="an_empty_line_ends_nothing"),
    pytest.param("<think>a<think>b</think>B", ("a\nb\nB", "", False), id="nested_and_one_of_them_open"),
    pytest.param("<think> a\n<think>b</think> </think> B\n", ("a\nb", "B", True), id="white_space_around_each"),
    pytest.param("<Think>a</THINK>b</think>B", ("a\nb", "B", True), id="closed_once_more_than_opened"),
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
    pytest.param("No doubt, yes", "yes", id="no_doubt_is_not_no"),
    pytest.param("The answer is: yes", "yes", id="a_statement_with_a_colon"),
    pytest.param("Yes\u2014it does", "yes", id="a_long_dash_is_a_pause"),
    pytest.param("It does not move, so no.", "no", id="a_denial_in_another_clause"),
    pytest.param("I would not say yes", None, id="a_denied_yes"),
    pytest.param("It can't be a yes", None, id="a_yes_that_cannot_be"),
    pytest.param("The answer is not yes", None, id="a_denied_statement"),
    pytest.param("I have no idea.", None, id="no_idea_is_not_no"),
    pytest.param("There is no doubt that it stops.", None, id="no_doubt_alone_is_neither"),
    pytest.param("No. 5 is the car", None, id="number_five_is_not_no"),
    pytest.param("Yes, no", None, id="one_word_after_the_other"),
    pytest.param("The answer is yes or no", None, id="an_echo_of_the_choice"),
    pytest.param("NOT_ATTEMPTED", None, id="a_verdict_word_is_not_no"),
    pytest.param("Not correct", None, id="not_is_not_no"),
    pytest.param("INCORRECT", None, id="incorrect_is_not_no"),
    pytest.param("Yes, so the answer is no.", None, id="two_assertions_that_differ"),
    pytest.param("Nothing happens now", None, id="words_that_begin_like_no"),
    pytest.param("true", None, id="another_word"),
    pytest.param("\u662f\u7684\u3002", "yes", id="yes_in_chinese"),
    pytest.param("\u7b54\u6848\uff1a\u5426", "no", id="no_in_chinese"),
    pytest.param("\u662f\u4e0d\u662f", None, id="yes_or_no_in_chinese"),
    pytest.param("<answer>No", "no", id="a_tag_at_whose_end_the_server_stopped"),
    pytest.param("No clear answer can be given.", None, id="no_answer_is_not_no"),
    pytest.param("No one is there.", "no", id="no_one_is_there"),
    pytest.param("No one knows.", None, id="no_one_knows"),
    pytest.param("If yes, then it turns.", None, id="a_condition"),
    pytest.param("Is it yes?", None, id="a_question"),
    pytest.param("It could be yes.", None, id="a_possibility"),
    pytest.param('The sign says "No Entry".', None, id="a_word_on_a_sign"),
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
    pytest.param("<answer>2.5 to 7.0</answer>", (2.5, 7), id="a_tag"),
    pytest.param("At first from 1 to 2 s. <answer>2.5 to 7", (2.5, 7), id="only_the_tag_is_read_even_an_open_one"),
    pytest.param("<answer>1 - 2</answer> <answer>3 - 4</answer>", "several_spans", id="two_tags_that_differ"),
    pytest.param("<answer>7 - 2</answer>", "reversed", id="reversed_in_a_tag"),
    pytest.param("Answer: 2.5 - 7", (2.5, 7), id="after_the_word_answer"),
    pytest.param("\\boxed{2.5 - 7}", (2.5, 7), id="in_a_box"),
    pytest.param("Answer: 3 - 5 cars", "no_span", id="a_count_after_the_word_answer"),
    pytest.param('{"startTime": 2.5, "endTime": 7}', (2.5, 7), id="keys_in_one_word"),
    pytest.param('{"begin_sec": 2.5, "end_sec": 7}', (2.5, 7), id="keys_that_name_the_unit"),
    pytest.param('{"begin": 2.5, "end": 7,}', (2.5, 7), id="begin_and_a_comma_too_many"),
    pytest.param('{"timestamps": [[2.5, 7]]}', (2.5, 7), id="a_list_under_a_name"),
    pytest.param('{"answer": "2.5 - 7"}', (2.5, 7), id="a_text_under_a_name"),
    pytest.param("{'start': 2.5, 'end': 7}", (2.5, 7), id="a_python_dictionary"),
    pytest.param('{"frames": [3, 5]}', "no_span", id="a_list_of_frames"),
    pytest.param("In the interval [2.5s, 7s], it turns.", (2.5, 7), id="times_in_brackets_in_a_sentence"),
    pytest.param("from the 3 second mark to the 5 second mark", (3, 5), id="second_marks"),
    pytest.param("3s through 5s", (3, 5), id="through"),
    pytest.param("\u4ece\u7b2c3\u79d2\u5230\u7b2c5\u79d2", (3, 5), id="chinese"),
    pytest.param("00:00:03,500 --> 00:00:05,200", (3.5, 5.2), id="milliseconds_after_a_comma"),
    pytest.param("5 - 9, 10 - 12 s", "several_spans", id="one_unit_for_two_spans"),
    pytest.param("5 - 9, 10 - 12 s, 3 - 4 people", "several_spans", id="one_unit_for_two_spans_before_a_count"),
    pytest.param("2 to 3 people, 3 - 7 seconds", (3, 7), id="a_count_before_a_span"),
    pytest.param("On a scale from 1 to 10", "no_span", id="a_scale"),
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
    pytest.param(f'{{"start": 1, "end": {"9" * 400}}}', "not_a_time", id="a_number_larger_than_any_float"),
    pytest.param('{"start": "00:75", "end": "01:90"}', "not_a_time", id="seconds_above_fifty_nine"),
    pytest.param('{"start": -1, "end": 3}', "not_a_time", id="a_negative_second"),
    pytest.param('{"start": NaN, "end": Infinity}', "not_a_time", id="not_finite"),
    pytest.param('{"start": true, "end": 3}', "not_a_time", id="a_boolean"),
    pytest.param("at 00:03", "no_span", id="one_time_is_no_span"),
    pytest.param("0:03 - 0:05", (3, 5), id="minutes_of_one_digit"),
    pytest.param("2.5s\u20137s", (2.5, 7), id="units_and_an_en_dash"),
    pytest.param("00:00:03.500 --> 00:00:05.200", (3.5, 5.2), id="a_subtitles_arrow"),
    pytest.param("It starts at 0:03 and ends at 0:05.", (3, 5), id="starts_and_ends"),
    pytest.param("\u0663s - \u0665s", (3, 5), id="arabic_digits"),
    pytest.param("\uff13s - \uff15s", (3, 5), id="full_width_digits"),
    pytest.param("5s - 5s", (5, 5), id="no_length_is_a_span_that_overlaps_nothing"),
    pytest.param("[[0,10],[15,10]]", "no_span", id="a_reversed_second_interval_is_no_span"),
    pytest.param("[0, 1]", (0, 1), id="zero_to_one_in_brackets_is_a_second"),
    pytest.param('{"start": "MM:SS", "end": "MM:SS"}', "no_span", id="an_echo_alone_is_no_answer"),
    pytest.param("3s", "no_span", id="one_second_is_no_span"),
    pytest.param("-3 s to 5 s", "no_span", id="a_minus_is_not_dropped"),
    pytest.param(".5 s - 7 s", "no_span", id="a_point_is_not_dropped"),
    pytest.param("3,5 s", "no_span", id="a_decimal_comma_parts_no_times"),
    pytest.param("00:00:03,1 --> 00:00:05,2", "no_span", id="fractions_behind_commas_are_not_taken_for_times"),
    pytest.param("0:03 - 0:05 - 0:07", "no_span", id="three_times_in_a_row"),
    pytest.param("3 s to 5 s, 7 s to 9 s", "several_spans", id="several_spans_with_units"),
    pytest.param("frame 3 - frame 9", "no_span", id="numbered_frames_are_no_times"),
    pytest.param("from frame 10 to frame 20", "no_span", id="from_a_frame_to_a_frame"),
    pytest.param("between frames 10 and 20", "no_span", id="between_frames"),
]


@pytest.mark.parametrize(("text", "expected"), TIMES)
def test_one_span_of_time_is_read_in_seconds(text, expected):
    parsed = read_times(text)
    assert (parsed.value or parsed.method) == expected


@pytest.mark.parametrize(
    ("before", "span", "after"),
    [
        pytest.param("At 1 s, no: ", '{"start": 2, "end": 6}', " it is.", id="json"),
        pytest.param("One <answer>two ", '{"start": 2, "end": 6}', "</answer>", id="json_in_a_tag"),
        pytest.param("It turns ", "from 2 s to 6 s", ".", id="prose"),
        pytest.param("One <answer> ", "2 - 6", "</answer>", id="a_whole_tag"),
    ],
)
def test_the_place_of_a_span_of_time_is_where_it_was_read(before, span, after):
    assert read_times(before + span + after).span == (len(before), len(before + span))


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
    pytest.param("0. Confidence 100%", "not_an_integer", id="a_one_within_another_number"),
    pytest.param("<answer>\u200b4\u200b</answer>", 4, id="zero_width_marks_around_it"),
    pytest.param("<answer>\uff14</answer>", 4, id="a_full_width_digit_in_a_tag"),
    pytest.param("<answer>6</answer>", "off_the_scale", id="six_in_a_tag_is_not_clamped"),
    pytest.param("<answer>-1</answer>", "not_an_integer", id="a_negative_number_in_a_tag"),
    pytest.param("<answer>4/5</answer>", 4, id="out_of_the_scales_top_in_a_tag"),
    pytest.param("Score: 4/5", 4, id="out_of_the_scales_top_on_a_line"),
    pytest.param("The score is 1 of 3 reasons", "not_an_integer", id="a_number_of_other_things"),
]


@pytest.mark.parametrize(("text", "expected"), SCORES)
def test_a_verdict_is_an_integer_on_the_scale_or_nothing(text, expected):
    parsed = read_score(text)
    assert (parsed.value or parsed.method) == expected


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
    """The processor's time, as other work on the machine is no fault of the reader's."""
    for text in (piece * (40_000 // len(piece)) + end, f"answer is start{piece * (40_000 // len(piece))}{end}"):
        began = time.process_time()
        read_mcq(text, {"A": "x", "B": "y"})
        read_binary(text)
        read_times(text)
        read_score(text)
        read_boxes(text)
        split_reasoning(text)
        read_options(text)
        assert time.process_time() - began < 2


BRACKETS = ["{", "[", "{}", "[]", '{"a":', "[1,", "[[1,2],", '{"', "{x}", '{\\"', '{"a":1,']


@pytest.mark.parametrize("piece", BRACKETS)
@pytest.mark.parametrize(
    "start", [pytest.param("", id="alone"), pytest.param("[" * 200, id="in_many_that_never_close")]
)
def test_brackets_that_lead_nowhere_are_given_up_in_time(piece, start):
    began = time.process_time()
    find_json(start + piece * (100_000 // len(piece)))
    assert time.process_time() - began < 2


def test_no_json_is_taken_from_a_text_that_was_given_up():
    """The last verdict counts, and nobody has seen it."""
    text = '{"score": 5}' + "[[1, 2]," * 5_000 + '{"score": 1}'
    assert find_json(text) == []
    assert read_score(text).status is Status.UNPARSABLE


@pytest.mark.parametrize(
    ("text", "values"),
    [
        pytest.param('{"a": [1, 2,], }', [{"a": [1, 2]}], id="behind_a_last_entry"),
        pytest.param('{"a": "1, ]"}', [{"a": "1, ]"}], id="in_a_text_it_stays"),
        pytest.param("[,]", [], id="alone_it_is_no_list"),
        pytest.param("[1,,]", [], id="two_are_no_list"),
    ],
)
def test_a_comma_too_many_is_forgiven(text, values):
    assert [found.value for found in find_json(text)] == values


def test_a_list_that_is_cut_off_is_read_as_far_as_its_entries_go():
    entries = '{"a": 1}, ' * 500
    assert [found.value for found in find_json("[" + entries)] == [{"a": 1}] * 500
