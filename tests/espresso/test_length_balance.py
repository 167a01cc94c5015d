"""Length must not tell the right option."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.espresso.length_balance import balance, bounds, faults, longer_ones, words
from annotate.espresso.settings import DistractorSettings

SLACK = DistractorSettings()


def text(count: int) -> str:
    return " ".join(["word"] * count)


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        pytest.param(1, (1, 4), id="never_fewer_than_one"),
        pytest.param(10, (7, 13), id="a_few_words_for_short_answers"),
        pytest.param(40, (30, 50), id="a_share_for_long_ones"),
    ],
)
def test_bounds_hang_on_the_right_answer(count, expected):
    assert bounds(text(count), SLACK) == expected


@given(st.integers(1, 200), st.integers(0, 20), st.floats(0, 1), st.lists(st.integers(1, 400), min_size=1, max_size=4))
def test_options_pass_exactly_if_each_is_as_long_as_the_bounds_allow(count, slack, share, lengths):
    settings = DistractorSettings(slack, share)
    fewest, most = bounds(text(count), settings)
    out = [length for length in lengths if not fewest <= length <= most]
    told = faults(text(count), [text(length) for length in lengths], settings)
    assert len(told) == len(out)
    assert fewest <= count <= most
    assert all(f"has {length} words" in fault for length, fault in zip(out, told, strict=True))


def test_which_of_the_lengths_the_right_one_has_is_spread_evenly_and_always_the_same():
    ranks = Counter(longer_ones(f"video/qa_{number:03d}") for number in range(2000))
    assert set(ranks) == {0, 1, 2, 3}
    assert max(ranks.values()) - min(ranks.values()) < 150
    assert longer_ones("video/qa_000") == longer_ones("video/qa_000")


def test_equal_lengths_tell_nothing():
    told = balance([(text(9), [text(9)] * 3)] * 50)
    assert told == {
        "items": 50,
        "reference_minus_longest": {"0": 50},
        "mean": 0.0,
        "longest_is_right": 0.25,
        "shortest_is_right": 0.25,
        "chance": 0.25,
        "error": told["error"],
        "balanced": True,
        "units": "words",
    }


def test_ranks_that_come_up_equally_often_tell_nothing():
    ranked = [(text(10), [text(11)] * longer + [text(9)] * (3 - longer)) for longer in range(4)] * 25
    told = balance(ranked)
    assert told["balanced"]
    assert told["longest_is_right"] == told["shortest_is_right"] == 0.25


@pytest.mark.parametrize(
    ("wrong", "end"),
    [pytest.param(8, "longest_is_right", id="longest"), pytest.param(12, "shortest_is_right", id="shortest")],
)
def test_a_right_answer_that_always_stands_out_is_found(wrong, end):
    told = balance([(text(10), [text(wrong)] * 3)] * 20)
    assert told[end] == 1.0
    assert not told["balanced"]


def test_a_right_answer_that_is_the_shortest_too_often_is_found_though_the_longest_tells_nothing():
    told = balance([(text(10), [text(8)] * 3)] * 25 + [(text(10), [text(12)] * 3)] * 75)
    assert (told["longest_is_right"], told["shortest_is_right"]) == (0.25, 0.75)
    assert not told["balanced"]


def test_lengths_next_to_the_longest_of_the_wrong_ones_are_found_too():
    """The paper's measure is 0 here, and the longest is right half of the time."""
    told = balance([(text(10), [text(10), text(8), text(8)])] * 60)
    assert told["mean"] == 0
    assert told["longest_is_right"] == 0.5
    assert not told["balanced"]


def test_the_histogram_is_the_papers_reference_less_longest():
    told = balance([(text(5), [text(7), text(1), text(1)]), (text(5), [text(4), text(3), text(3)])])
    assert told["reference_minus_longest"] == {"-2": 1, "1": 1}
    assert told["mean"] == -0.5


def test_of_no_questions_nothing_is_told():
    assert balance([]) is None


def test_words_are_what_spaces_part():
    assert words(" a well-known  thing, isn't it? ") == 5
