"""Which frames are kept."""

from itertools import pairwise

import numpy as np
import pytest

from demitasse.selector.choosing import Choice, at_random, most_alike, nearest, picked, thinned, uniform


@pytest.mark.parametrize(
    ("count", "keep", "places"),
    [
        pytest.param(16, 4, (2, 6, 10, 14), id="the_middles_of_equal_stretches"),
        pytest.param(16, 1, (8,), id="one_is_the_middle"),
        pytest.param(5, 2, (1, 3), id="stretches_that_do_not_divide"),
        pytest.param(3, 8, (0, 1, 2), id="all_if_there_are_no_more"),
        pytest.param(0, 4, (), id="none_of_none"),
    ],
)
def test_uniform(count, keep, places):
    assert uniform(count, keep) == places


@pytest.mark.parametrize("keep", range(1, 17))
def test_uniform_keeps_as_many_as_asked_in_order_and_never_one_twice(keep):
    places = uniform(16, keep)
    assert len(places) == keep and all(one < other for one, other in pairwise(places))


def test_random_draws_the_same_for_the_same_seed_and_others_for_others():
    assert at_random(16, 4, "0 a") == at_random(16, 4, "0 a")
    assert len({at_random(16, 4, f"0 {item}") for item in range(20)}) > 10
    assert at_random(3, 4, "x") == (0, 1, 2)


def test_random_reaches_every_frame_about_as_often():
    counts = np.zeros(16)
    for item in range(2000):
        counts[list(at_random(16, 4, f"0 {item}"))] += 1
    assert abs(counts / 2000 - 4 / 16).max() < 0.05


class Words:
    """An embedder for which texts are alike as far as they share words."""

    name = "words"

    def embed(self, texts):
        words = sorted({word for text in texts for word in text.split()})
        rows = np.array([[float(word in text.split()) for word in words] for text in texts], np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_the_captions_most_like_the_question_are_kept_in_order_of_time():
    captions = ["a red disc", "nothing", "a blue disc", "a red square"]
    assert most_alike("where is the red thing", captions, 2, Words()) == (0, 3)


def test_of_equally_alike_captions_the_earlier_is_kept():
    assert most_alike("cat", ["dog", "dog", "dog"], 2, Words()) == (0, 1)


def test_the_nearest_frames_are_found_once_each():
    assert nearest([0.5, 1.5, 2.5], [2.4, 2.6, 0.0, 99.0]) == (0, 2)


@pytest.mark.parametrize(
    ("named", "choice"),
    [
        pytest.param({3: 1.0, 1: 1.0}, Choice((1, 3)), id="named_frames_are_put_in_order"),
        pytest.param({15: 1.0, 16: 1.0, 40: 1.0}, Choice((15,), clamped=2), id="numbers_past_the_end_are_clamped"),
        pytest.param({-1: 1.0}, Choice((0,), clamped=1), id="a_number_before_the_first_is_clamped"),
        pytest.param({0: 1.0, 1: 5.0, 2: 4.0}, Choice((1, 2), cut=1), id="of_too_many_the_more_relevant_stay"),
        pytest.param(dict.fromkeys(range(8), 1.0), Choice((2, 6), cut=6), id="of_too_many_equals_an_even_spread_stays"),
        pytest.param({}, Choice((4, 12), "named none"), id="none_named_falls_back_and_says_so"),
        pytest.param(None, Choice((4, 12), "unread"), id="an_unread_reply_falls_back_and_says_so"),
    ],
)
def test_what_a_picker_named_is_made_fit(named, choice):
    assert picked(named, 16, keep=2) == choice


@pytest.mark.parametrize("seed", range(30))
def test_never_more_than_may_be_kept_and_always_ascending(seed):
    chance = np.random.default_rng(seed)
    named = {int(place): float(chance.integers(1, 6)) for place in chance.integers(-5, 40, chance.integers(1, 30))}
    choice = picked(named, 16, keep=4)
    assert 1 <= len(choice.places) <= 4
    assert list(choice.places) == sorted(set(choice.places)) and set(choice.places) <= set(range(16))
    assert len(choice.places) + choice.cut == len({min(max(place, 0), 15) for place in named})


def test_thinning_keeps_few_as_they_are():
    assert thinned((3, 9), 4) == (3, 9)
    assert thinned(tuple(range(10)), 2) == (2, 7)
