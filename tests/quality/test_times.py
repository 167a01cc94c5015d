import pytest

from annotate.quality.config import Times
from annotate.quality.times import judge_times, named_times

NAMED = [
    pytest.param("The car turns at 00:05.", [5], id="minutes_and_seconds"),
    pytest.param("From 00:01:05.5 on it rains.", [65.5], id="hours_and_a_fraction"),
    pytest.param("<00:03><00:05> He falls.", [3, 5], id="in_angle_brackets"),
    pytest.param("At 12.5 s it stops; until 14 seconds it stands.", [12.5, 14], id="seconds_with_a_unit"),
    pytest.param('{"start": "00:02", "end": "00:04"}', [2, 4], id="in_json"),
    pytest.param("It is over after 75:10.", [4510], id="minutes_beyond_an_hour"),
    pytest.param("The clock on the wall shows 14:35.", [], id="a_clock_in_the_picture_is_no_time"),
    pytest.param("The overlay reads 23:59:10.", [], id="an_overlay_is_no_time"),
    pytest.param("They met at 5:30 pm.", [], id="a_time_of_day_is_no_time"),
    pytest.param("The score is 2:10 by then.", [], id="a_score_is_no_time"),
    pytest.param("He holds it for 90 seconds.", [], id="a_length_is_no_time"),
    pytest.param("A ratio of 16:09 is common.", [], id="a_ratio_is_no_time"),
    pytest.param("Lorry 10:75 passes.", [], id="seconds_above_59_are_no_time"),
]


@pytest.mark.parametrize(("text", "seconds"), NAMED)
def test_only_times_of_the_video_are_read(text, seconds):
    assert [time.seconds for time in named_times(text)] == seconds


VERDICTS = [
    pytest.param({"reasoning": "It stops at 00:12."}, "keep", "", id="a_time_inside"),
    pytest.param({"reasoning": "It stops at 00:13."}, "keep", "", id="a_second_after_the_end_is_let_pass"),
    pytest.param({"reasoning": "It stops at 00:14."}, "drop", "after the end", id="later_is_outside"),
    pytest.param({"question": "What happens at 01:12?"}, "drop", "after the end", id="the_question_counts"),
    pytest.param({"answer": "It ends at 20.0 s"}, "drop", "after the end", id="the_answer_counts"),
    pytest.param(
        {"reasoning": "Between 00:08 and 00:03 it stops."}, "drop", "span ends before it begins", id="reversed"
    ),
    pytest.param(
        {"reasoning": "It lasts 00:08-00:03."}, "drop", "span ends before it begins", id="reversed_with_a_dash"
    ),
    pytest.param({"reasoning": "It stops at 00:08 and at 00:03."}, "keep", "", id="two_moments_are_no_span"),
    pytest.param({"reasoning": "It stops."}, "keep", "names no time", id="no_time_at_all"),
]


@pytest.mark.parametrize(("texts", "word", "kind"), VERDICTS)
def test_times_are_held_to_a_video_of_twelve_seconds(make_entry, texts, word, kind):
    verdict = judge_times(make_entry(**texts), 12.0, "", Times())
    assert (verdict.word, verdict.kind) == (word, kind)


SPANS = [
    pytest.param("00:02", "00:05", "keep", id="inside"),
    pytest.param("00:05", "00:02", "drop", id="reversed"),
    pytest.param("00:05", "00:05", "drop", id="without_length"),
    pytest.param("00:05", "00:20", "drop", id="beyond_the_end"),
]


@pytest.mark.parametrize(("start", "end", "word"), SPANS)
def test_a_temporal_answer_is_a_span_inside_the_video(make_entry, start, end, word):
    question = 'When?\nAnswer with the start and end timestamps in the format {"start": "MM:SS", "end": "MM:SS"}.'
    entry = make_entry("temporal_localization", question, f'{{"start": "{start}", "end": "{end}"}}')
    assert judge_times(entry, 12.0, "", Times()).word == word


def test_without_a_length_an_item_with_times_is_unknown_and_one_without_is_kept(make_entry):
    assert judge_times(make_entry(reasoning="At 00:05."), None, "file not found", Times()).word == "unknown"
    assert judge_times(make_entry(reasoning="Later."), None, "file not found", Times()).word == "keep"


def test_a_span_that_is_reversed_needs_no_length_to_be_dropped(make_entry):
    assert judge_times(make_entry(reasoning="From 00:09 to 00:02."), None, "gone", Times()).word == "drop"


def test_an_image_has_no_times(make_entry):
    assert judge_times(make_entry(image_id="a.png", reasoning="At 99:00."), None, "", Times()).kind == "no video"
