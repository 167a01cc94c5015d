"""Times and spans: what is one, what is none, and that writing and reading agree."""

import math
import random

import pytest

from demitasse.errors import DataError
from demitasse.timecode import format_hhmmss, format_mmss, parse, parse_span


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("7", 7.0, id="seconds"),
        pytest.param("7.25", 7.25, id="seconds_with_fraction"),
        pytest.param("00:03", 3.0, id="minutes_and_seconds"),
        pytest.param("1:05", 65.0, id="one_digit_of_minutes"),
        pytest.param("75:10", 4510.0, id="minutes_go_on_past_59"),
        pytest.param("01:02:03", 3723.0, id="hours"),
        pytest.param("01:02:03.5", 3723.5, id="hours_with_fraction"),
        pytest.param("00:59.999", 59.999, id="milliseconds"),
        pytest.param("06:55.09", 415.09, id="what_floats_would_add_to_415_09000000000003"),
        pytest.param("9" * 5000 + ":07", math.inf, id="more_than_a_float_holds"),
        pytest.param("[00:03]", 3.0, id="square_brackets_as_taos_prompt_shows"),
        pytest.param("<00:00:03>", 3.0, id="angle_brackets_of_dense_captions"),
        pytest.param("( 00:03 )", 3.0, id="round_brackets"),
        pytest.param("3s", 3.0, id="s"),
        pytest.param("3.5 seconds", 3.5, id="seconds_as_a_word"),
        pytest.param("1 sec", 1.0, id="sec"),
        pytest.param(" 00:03\n", 3.0, id="space_around"),
    ],
)
def test_a_time_is_read(text, seconds):
    assert parse(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("00:75", id="75_seconds_after_a_colon"),
        pytest.param("01:75:00", id="75_minutes_after_hours"),
        pytest.param("3:5", id="one_digit_of_seconds"),
        pytest.param("1:2:3:4", id="four_parts"),
        pytest.param("-3", id="negative"),
        pytest.param("+3", id="sign"),
        pytest.param("1e3", id="exponent"),
        pytest.param("nan", id="not_a_number"),
        pytest.param("inf", id="infinite"),
        pytest.param("3,5", id="decimal_comma"),
        pytest.param("00:03 left", id="words_after"),
        pytest.param("frame 3, at 12.5 s", id="first_number_of_a_sentence"),
        pytest.param("[00:03", id="bracket_not_closed"),
        pytest.param("[00:03>", id="brackets_that_do_not_match"),
        pytest.param("3 minutes", id="another_unit"),
        pytest.param("٣", id="digits_of_another_script"),
        pytest.param("3 ſ", id="long_s"),
        pytest.param("0x10", id="hexadecimal"),
        pytest.param(".5", id="no_leading_digit"),
        pytest.param("5.", id="no_trailing_digit"),
    ],
)
def test_what_is_no_time_is_none(text):
    assert parse(text) is None


@pytest.mark.parametrize(
    ("text", "span"),
    [
        pytest.param("00:03 - 00:05", (3, 5), id="dash"),
        pytest.param("00:03–00:05", (3, 5), id="long_dash"),
        pytest.param("from 3 s to 5 s", (3, 5), id="from_to"),
        pytest.param("between 00:03 and 00:05", (3, 5), id="between"),
        pytest.param("00:03 to 00:05", (3, 5), id="to"),
        pytest.param("3 to 5", (3, 5), id="bare_numbers"),
        pytest.param("00:03, 00:05", (3, 5), id="comma_and_space"),
        pytest.param("[00:03,00:05]", (3, 5), id="pair_in_brackets"),
        pytest.param("[00:03, 00:05]", (3, 5), id="pair_in_brackets_with_space"),
        pytest.param("<00:00:03><00:00:05>", (3, 5), id="dense_caption"),
        pytest.param("[00:03] - [00:05]", (3, 5), id="each_in_brackets"),
        pytest.param("Start_Time: 00:03, End_Time: 00:05", (3, 5), id="tao_annotator"),
        pytest.param("Start_Time: [00:03], End_Time: [00:05]", (3, 5), id="tao_annotator_as_its_prompt_shows"),
        pytest.param("start: 3.5s end: 00:05.5", (3.5, 5.5), id="start_end"),
        pytest.param("00:03 - 00:03", (3, 3), id="an_instant"),
    ],
)
def test_a_span_is_read(text, span):
    assert parse_span(text) == span


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("00:05 - 00:03", id="ends_before_it_starts"),
        pytest.param("00:03", id="one_time"),
        pytest.param("1,5", id="decimal_comma"),
        pytest.param("00:03 - 00:05 or so", id="words_after"),
        pytest.param("00:03 00:05", id="nothing_between"),
        pytest.param("00:03 - 00:05 - 00:07", id="three_times"),
        pytest.param("", id="nothing"),
    ],
)
def test_what_is_no_span_is_none(text):
    assert parse_span(text) is None


@pytest.mark.parametrize(
    ("seconds", "decimals", "mmss", "hhmmss"),
    [
        pytest.param(0, 0, "00:00", "00:00:00", id="zero"),
        pytest.param(59.4, 0, "00:59", "00:00:59", id="down"),
        pytest.param(59.5, 0, "01:00", "00:01:00", id="half_up_carries"),
        pytest.param(0.5, 0, "00:01", "00:00:01", id="half_is_up_not_to_even"),
        pytest.param(3599.96, 1, "60:00.0", "01:00:00.0", id="carries_with_decimals"),
        pytest.param(4510, 0, "75:10", "01:15:10", id="past_an_hour"),
        pytest.param(3.25, 2, "00:03.25", "00:00:03.25", id="decimals"),
    ],
)
def test_times_are_written(seconds, decimals, mmss, hhmmss):
    assert (format_mmss(seconds, decimals), format_hhmmss(seconds, decimals)) == (mmss, hhmmss)


@pytest.mark.parametrize("seconds", [-0.1, math.nan, math.inf])
def test_what_is_no_time_is_not_written(seconds):
    with pytest.raises(DataError, match="no time"):
        format_mmss(seconds)


def test_what_is_written_is_read_back_to_the_last_place():
    chance = random.Random(0)
    for _ in range(500):
        seconds, decimals = chance.uniform(0, 20_000), chance.randrange(4)
        for written in (format_mmss(seconds, decimals), format_hhmmss(seconds, decimals)):
            assert parse(written) == pytest.approx(seconds, abs=0.5 * 10**-decimals + 1e-9)
