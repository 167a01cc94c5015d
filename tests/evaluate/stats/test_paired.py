"""Paired differences and their tests."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from evaluate.stats import mcnemar_exact, paired_difference, sign_flip
from evaluate.stats.paired import FLIPS


def test_identical_arms_differ_by_nothing_with_p_one(study):
    values, names = study(3)
    same = paired_difference(values, values, names)
    assert (same.estimate.mean, same.estimate.interval, same.p) == (0, (0, 0), 1)
    assert (same.wins, same.ties, same.losses) == (0, len(values), 0)


def test_swapping_the_arms_changes_only_the_sign(study):
    values, names = study(4)
    other = values + np.random.default_rng(0).normal(0.3, 1, len(values))
    there, back = paired_difference(values, other, names), paired_difference(other, values, names)
    assert there.estimate.mean == pytest.approx(-back.estimate.mean)
    assert there.p == back.p
    assert (there.wins, there.losses) == (back.losses, back.wins)


def test_a_paired_difference_needs_the_same_items():
    with pytest.raises(ValueError, match="same items"):
        paired_difference([1, 2], [1], ["a", "b"])


def test_the_detectable_difference_is_two_point_eight_standard_errors(study):
    values, names = study(5)
    found = paired_difference(np.zeros_like(values), values, names)
    assert found.mde80 == pytest.approx(2.80 * found.estimate.se, rel=1e-3)


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


def test_of_very_many_clusters_the_normal_distribution_says_what_flips_say(monkeypatch):
    chance = np.random.default_rng(7)
    deltas, names = chance.normal(0.03, 1, 6_000), [str(place) for place in range(6_000)]
    normal = sign_flip(deltas, names)
    monkeypatch.setattr("evaluate.stats.paired.MANY_CLUSTERS", 10_000)
    drawn = sign_flip(deltas, names)
    assert 0.005 < normal < 0.5
    assert normal == pytest.approx(drawn, abs=3 * (drawn / 10_000) ** 0.5)


def test_a_cluster_that_outweighs_all_others_is_flipped_and_not_taken_for_normal():
    deltas = [1_000.0, *[0.01] * 5_500]
    p = sign_flip(deltas, [str(place) for place in range(len(deltas))])
    assert p < 0.001, "all point one way; the normal distribution would say 0.29"
