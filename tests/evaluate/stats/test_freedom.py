"""Degrees of freedom and widening of a clustered mean's interval."""

import numpy as np
import pytest

from evaluate.stats import clustered_mean
from evaluate.stats.freedom import freedom, moving_together


def matrix_of(sizes, variances):
    """The covariance of the residuals' sums, written out."""
    shares = sizes / sizes.sum()
    centring = np.eye(len(sizes)) - np.outer(shares, np.ones(len(sizes)))
    return centring @ np.diag(variances) @ centring.T


@pytest.mark.parametrize("size", [1, 7])
def test_clusters_of_one_size_have_one_degree_of_freedom_less_than_there_are(size):
    sums = np.random.default_rng(0).normal(size=50)
    assert freedom(sums, np.full(50, float(size))) == pytest.approx((49, 1))
    assert moving_together(np.full(50, float(size))) == pytest.approx((49, 1))


def test_sums_that_are_mostly_nothing_leave_fewer_degrees_of_freedom():
    sizes, few = np.full(50, 8.0), np.full(50, -0.06)
    few[:3] = 0.94
    kurtosis = np.mean(few**4) / np.mean(few**2) ** 2
    assert freedom(few, sizes).df == pytest.approx(49 * 2 / (kurtosis - 1))
    assert 4 < freedom(few, sizes).df < 8
    assert freedom(10 * few, 10 * sizes).df == pytest.approx(freedom(few, sizes).df), "copies of all items"
    assert freedom(-few, sizes).df == freedom(few, sizes).df


def test_the_degrees_that_tails_leave_are_those_of_the_variance():
    """2·σ⁴ / Var(s²), with Var(s²) of 20,000 samples that are drawn from the sums themselves."""
    chance = np.random.default_rng(5)
    sums = chance.laplace(size=50) ** 3
    sums -= sums.mean()
    drawn = sums[chance.integers(0, 50, (20_000, 50))]
    seen = 2 * np.var(sums) ** 2 / np.var(drawn.var(axis=1, ddof=1))
    assert freedom(sums, np.ones(50)).df == pytest.approx(seen, rel=0.05)
    assert seen < 10
    flat = np.array([-1.0, 1.0] * 25)
    assert freedom(flat, np.ones(50)) == pytest.approx((49, 1)), "tails below a normal value's give no more"


def test_both_are_those_of_the_matrix_that_they_come_from():
    sizes = np.random.default_rng(0).integers(1, 30, 12).astype(float)
    matrix = matrix_of(sizes, sizes**2)
    found = moving_together(sizes)
    assert found.df == pytest.approx(np.trace(matrix) ** 2 / np.trace(matrix @ matrix))
    assert found.widening == pytest.approx(np.sqrt(np.sum(sizes**2) / np.trace(matrix) * 11 / 12))


def test_where_one_video_has_nearly_everything_little_is_known():
    assert moving_together(np.array([1000.0, *[1.0] * 49])).df < 2
    assert moving_together(np.array([1e9, 1.0])).df == 1


def test_items_that_do_not_move_together_leave_more_degrees_of_freedom():
    chance = np.random.default_rng(1)
    sizes = np.array([60.0] * 3 + [3.0] * 57)
    unlike, alike = (chance.normal(size=60) * sizes**power for power in (0.5, 1.0))
    assert freedom(unlike, sizes).df > 2 * moving_together(sizes).df
    assert freedom(alike, sizes).df < 1.5 * moving_together(sizes).df


def test_copies_of_items_within_their_cluster_change_nothing():
    chance = np.random.default_rng(2)
    sizes = chance.geometric(0.2, 50)
    values, names = chance.normal(size=sizes.sum()), np.repeat(np.arange(50), sizes).astype(str)
    once = clustered_mean(values, list(names))
    copied = clustered_mean(np.repeat(values, 10), list(np.repeat(names, 10)))
    assert copied.interval == pytest.approx(once.interval, rel=1e-12)


def test_an_interval_is_never_narrower_than_its_standard_error_makes_it():
    chance = np.random.default_rng(3)
    for _ in range(200):
        sizes = chance.geometric(chance.uniform(0.02, 0.9), chance.integers(2, 40)).astype(float)
        found = freedom(chance.normal(size=len(sizes)) * sizes ** chance.uniform(0, 1), sizes)
        assert 1 <= found.df <= max(1, len(sizes) - 1)
        assert found.widening >= 1
