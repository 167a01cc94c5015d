"""A gain with its part in length taken out."""

import math

import numpy as np
import pytest

from evaluate.stats import clustered_mean, length_controlled, uncontrollable

DELTAS = [0.5, 0.2, -0.1, 0.4, 0.9, -0.3, 0.6, 0.1, 0.3, 0.0, 0.8, -0.2]
LONGER = [10, 5, -4, 8, 20, -6, 12, 1, 3, -2, 15, -9]
NAMES = list("aaabbbccddee")


def _gains(seed, gain, by_length):
    chance = np.random.default_rng(seed)
    names = [f"v{place // 8}" for place in range(800)]
    longer = 40 + 30 * chance.normal(size=800)
    return gain + by_length * np.tanh(longer / longer.std()) + chance.normal(0, 0.5, 800), longer, names


def test_intercept_and_error_are_statsmodels():
    found = length_controlled(DELTAS, LONGER, NAMES)
    # OLS with cov_type="cluster" without corrections, statsmodels 0.15.0
    assert found.mean == pytest.approx(0.11120104241604743)
    assert found.se == pytest.approx(0.03136667095045546 * math.sqrt(5 / 4))


def test_a_gain_that_is_all_length_is_gone():
    deltas, longer, names = _gains(0, 0.0, 0.8)
    assert clustered_mean(deltas, names).interval[0] > 0.4, "which the plain difference calls a gain"
    low, high = length_controlled(deltas, longer, names).interval
    assert low < 0 < high
    assert high < 0.25


def test_a_gain_that_is_no_length_stays():
    deltas, longer, names = _gains(1, 0.5, 0.0)
    found = length_controlled(deltas, longer, names)
    assert found.mean == pytest.approx(0.5, abs=0.15)
    assert found.interval[0] > 0


def test_the_unit_of_length_does_not_matter():
    characters = length_controlled(DELTAS, [6 * change for change in LONGER], NAMES)
    assert characters.mean == pytest.approx(length_controlled(DELTAS, LONGER, NAMES).mean)


def test_one_rambling_answer_decides_nothing():
    deltas, longer, names = _gains(2, 0.5, 0.0)
    first = length_controlled(deltas, longer, names).mean
    longer[0] *= 3
    assert length_controlled(deltas, longer, names).mean == pytest.approx(first, abs=0.05)


def test_ten_copies_change_no_interval():
    many = [np.repeat(each, 10) for each in (DELTAS, LONGER)]
    copied = length_controlled(*many, list(np.repeat(NAMES, 10)))
    assert copied.interval == pytest.approx(length_controlled(DELTAS, LONGER, NAMES).interval)


@pytest.mark.parametrize(
    ("longer", "names", "reason"),
    [
        pytest.param([5] * 12, NAMES, "by the same", id="no_variation_of_length"),
        pytest.param([0] * 12, NAMES, "by the same", id="no_change_of_length"),
        pytest.param([100 + change for change in range(12)], NAMES, "nearly the same", id="all_much_longer_alike"),
        pytest.param(LONGER, list("aaaaaabbbbbb"), "fewer than 3 videos", id="two_videos"),
    ],
)
def test_where_length_cannot_be_told_apart_nothing_is_invented(longer, names, reason):
    assert length_controlled(DELTAS, longer, names) is None
    assert reason in uncontrollable(longer, names)


def test_deltas_and_lengths_must_be_of_the_same_items():
    with pytest.raises(ValueError, match="2 deltas, 1 changes of length"):
        length_controlled([1, 2], [1], ["a", "b"])
