"""Resampling of whole clusters."""

import numpy as np
import pytest

from evaluate.stats import clustered_mean, paired_bootstrap
from evaluate.stats.bootstrap import MOST_CLUSTERS, bootstrap_interval, summed


def test_it_agrees_with_the_clustered_interval(study):
    values, names = study(1, clusters=80)
    assert paired_bootstrap(values, names) == pytest.approx(clustered_mean(values, names).interval, abs=0.02)


def test_the_error_is_the_spread_of_the_draws_and_is_not_divided_by_their_number(study):
    values, names = study(2, clusters=80)
    few, many = (paired_bootstrap(values, names, draws=draws) for draws in (1_000, 20_000))
    assert many[1] - many[0] == pytest.approx(few[1] - few[0], rel=0.1)


def test_ten_copies_of_every_item_in_its_cluster_change_nothing(study):
    values, names = study(3)
    copied = paired_bootstrap(np.repeat(values, 10), list(np.repeat(names, 10)))
    assert copied == pytest.approx(paired_bootstrap(values, names))


def test_clusters_are_resampled_and_not_items():
    whole = paired_bootstrap([1.0] * 50 + [0.0] * 50, [f"v{place // 10}" for place in range(100)])
    alone = paired_bootstrap([1.0] * 50 + [0.0] * 50, [f"v{place}" for place in range(100)])
    assert whole[1] - whole[0] > 2.5 * (alone[1] - alone[0])


def test_a_seed_decides_it(study):
    values, names = study(4)
    assert paired_bootstrap(values, names, seed=1) == paired_bootstrap(values, names, seed=1)
    assert paired_bootstrap(values, names, seed=1) != paired_bootstrap(values, names, seed=2)


def test_identical_arms_differ_by_nothing(study):
    _, names = study(5)
    assert paired_bootstrap(np.zeros(len(names)), names) == (0, 0)


def test_one_cluster_has_no_interval():
    assert paired_bootstrap([1, 2, 3], ["a"] * 3) is None


def test_two_clusters_have_the_interval_from_one_to_the_other():
    assert paired_bootstrap([0, 1], ["a", "b"]) == (0, 1), "a quarter of the draws is one of them twice"


def test_few_clusters_have_percentiles_further_out():
    """Φ(-√(10/9)·2.262) is 0.0086, and 7 of 10 or more at 0.3 have 0.0106; with 2.5 % the bound were 0.6."""
    assert paired_bootstrap([1] * 3 + [0] * 7, list("abcdefghij"), draws=200_000)[1] == pytest.approx(0.7)


def test_as_many_clusters_as_deltas_are_needed():
    with pytest.raises(ValueError, match="2 deltas for 1"):
        paired_bootstrap([1, 2], ["a"])


def test_more_clusters_than_are_resampled_give_as_wide_an_interval():
    values = np.random.default_rng(0).normal(size=3 * MOST_CLUSTERS)
    names = list(map(str, range(len(values))))
    low, high = paired_bootstrap(values, names, draws=4_000)
    expected = clustered_mean(values, names).interval
    assert high - low == pytest.approx(expected[1] - expected[0], rel=0.08)


def test_a_figure_that_most_draws_do_not_have_has_no_interval():
    features = summed(np.array([[1.0], *[[0.0]] * 9]), list("abcdefghij"))
    rare = bootstrap_interval(features, lambda sums: np.where(sums[:, 0] > 0, 1.0, np.nan), np.ones(10))
    assert rare is None, "a third of the draws lacks the one cluster that has something"
