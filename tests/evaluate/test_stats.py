"""Statistics, held by identities and known vectors rather than by remembered output."""

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from evaluate.stats import (
    clustered_mean,
    mcnemar_exact,
    paired_difference,
    proportion,
    sign_flip,
    wilson,
)
from evaluate.stats.paired import FLIPS


def _study(seed, clusters=30, most=6):
    chance = np.random.default_rng(seed)
    sizes = chance.integers(1, most, clusters)
    names = [f"v{index}" for index, size in enumerate(sizes) for _ in range(size)]
    effects = np.repeat(chance.normal(0, 1, clusters), sizes)
    return effects + chance.normal(0, 1, len(names)), names


def test_the_known_vector_has_a_standard_error_of_a_half():
    estimate = clustered_mean([1, 1, 0, 0], ["a", "a", "b", "b"])
    assert estimate.mean == 0.5
    assert estimate.se == pytest.approx(0.5)


def test_one_item_a_cluster_gives_the_ordinary_standard_error():
    values = np.random.default_rng(0).normal(size=50)
    estimate = clustered_mean(values, [str(index) for index in range(50)])
    assert estimate.se == pytest.approx(values.std(ddof=1) / math.sqrt(50))
    expected = scipy_stats.t.interval(0.95, 49, values.mean(), estimate.se)
    assert estimate.interval == pytest.approx(expected)


def test_ten_copies_of_every_item_in_its_cluster_change_no_interval():
    values, names = _study(1)
    once, copied = clustered_mean(values, names), clustered_mean(np.repeat(values, 10), list(np.repeat(names, 10)))
    assert copied.interval == pytest.approx(once.interval)
    assert copied.n == 10 * once.n


def test_the_order_of_the_items_does_not_matter():
    values, names = _study(2)
    order = np.random.default_rng(0).permutation(len(values))
    shuffled = clustered_mean(values[order], [names[index] for index in order])
    assert shuffled.se == pytest.approx(clustered_mean(values, names).se)


def test_one_cluster_has_no_interval_rather_than_one_of_no_width():
    estimate = clustered_mean([1, 0, 1], ["a", "a", "a"])
    assert (estimate.se, estimate.interval) == (None, None)


def test_as_many_clusters_as_values_are_needed():
    with pytest.raises(ValueError, match="3 values for 2"):
        clustered_mean([1, 2, 3], ["a", "b"])
    with pytest.raises(ValueError, match="0 values"):
        clustered_mean([], [])


def test_identical_arms_differ_by_nothing_with_p_one():
    values, names = _study(3)
    same = paired_difference(values, values, names)
    assert (same.estimate.mean, same.estimate.interval, same.p) == (0, (0, 0), 1)
    assert (same.wins, same.ties, same.losses) == (0, len(values), 0)


def test_swapping_the_arms_changes_only_the_sign():
    values, names = _study(4)
    other = values + np.random.default_rng(0).normal(0.3, 1, len(values))
    there, back = paired_difference(values, other, names), paired_difference(other, values, names)
    assert there.estimate.mean == pytest.approx(-back.estimate.mean)
    assert there.p == back.p
    assert (there.wins, there.losses) == (back.losses, back.wins)


def test_a_paired_difference_needs_the_same_items():
    with pytest.raises(ValueError, match="same items"):
        paired_difference([1, 2], [1], ["a", "b"])


def test_the_detectable_difference_is_two_point_eight_standard_errors():
    values, names = _study(5)
    found = paired_difference(np.zeros_like(values), values, names)
    assert found.mde80 == pytest.approx(2.8 * found.estimate.se)


@pytest.mark.parametrize(
    ("deltas", "p"),
    [
        pytest.param([1, 1], 0.5, id="two_clusters_of_one_sign"),
        pytest.param([1] * 5, 2 / 32, id="five_clusters_of_one_sign"),
        pytest.param([1, -1], 1, id="a_difference_of_zero"),
        pytest.param([0, 0, 0], 1, id="nothing_moved"),
        pytest.param([3, 1, 0, 0], 0.5, id="clusters_that_did_not_move_do_not_count"),
    ],
)
def test_few_clusters_are_flipped_exactly(deltas, p):
    assert sign_flip(deltas, [str(index) for index in range(len(deltas))]) == p


def test_whole_clusters_are_flipped_and_not_items():
    assert sign_flip([1] * 100, ["a"] * 50 + ["b"] * 50) == 0.5


def test_many_clusters_are_flipped_by_a_fixed_seed_and_never_give_zero():
    names = [str(index) for index in range(200)]
    assert sign_flip(np.ones(200), names) == 1 / (FLIPS + 1)
    noise = np.random.default_rng(7).normal(size=200)
    assert sign_flip(noise, names) == sign_flip(noise, names)


def test_the_permutation_test_agrees_with_the_t_test_on_one_item_a_cluster():
    deltas = np.random.default_rng(8).normal(0.15, 1, 150)
    p = sign_flip(deltas, [str(index) for index in range(150)])
    assert p == pytest.approx(scipy_stats.ttest_1samp(deltas, 0).pvalue, abs=0.02)


@pytest.mark.parametrize(
    ("gained", "lost", "p"),
    [
        pytest.param(0, 0, 1, id="nothing_flipped"),
        pytest.param(1, 0, 1, id="one_flip_shows_nothing"),
        pytest.param(10, 0, 2 / 1024, id="ten_flips_one_way"),
        pytest.param(5, 5, 1, id="as_many_each_way"),
    ],
)
def test_mcnemar_is_exact(gained, lost, p):
    assert mcnemar_exact(gained, lost) == pytest.approx(p)
    assert mcnemar_exact(lost, gained) == pytest.approx(p)


def test_wilson_is_the_score_interval_and_stays_inside():
    low, high = wilson(8, 10)
    assert (low, high) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0, 10)[0] == 0
    assert wilson(10, 10)[1] == 1


def test_a_perfect_score_still_has_an_interval():
    names = [f"v{index // 5}" for index in range(100)]
    estimate = proportion(np.ones(100), names)
    assert estimate.interval == pytest.approx(wilson(20, 20)), "every video is one observation"


def test_the_interval_of_a_proportion_is_cut_to_its_range():
    hits, names = [1] * 9 + [0], ["a", "a", "b", "b", "c", "c", "d", "d", "e", "e"]
    low, high = proportion(hits, names).interval
    assert 0 <= low < 0.9 < high == 1


def test_clustered_intervals_cover_the_truth_about_as_often_as_they_say():
    covered = 0
    for seed in range(400):
        values, names = _study(seed, clusters=50)
        low, high = clustered_mean(values, names).interval
        covered += low <= 0 <= high
    assert 0.915 <= covered / 400 <= 0.98
