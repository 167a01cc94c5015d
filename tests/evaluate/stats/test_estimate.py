"""Means, shares and ratios with clustered intervals, held by identities and known vectors."""

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from evaluate.stats import bounded_mean, clustered_mean, group_mean_values, proportion, ratio, ratio_values, wilson
from evaluate.stats.estimate import effective_share


def test_the_known_vector_has_a_standard_error_of_a_half():
    values, names = [1, 1, 0, 0], ["a", "a", "b", "b"]
    estimate = clustered_mean(values, names)
    assert estimate.mean == 0.5
    assert estimate.se == pytest.approx(0.5000, abs=5e-5)
    naive = np.std(values, ddof=1) / 2
    miller = math.sqrt(naive**2 + 1 / 16)  # and the four products of neighbours, a quarter each, over n²
    assert naive == pytest.approx(0.2887, abs=5e-5), "as if the four were of four videos"
    assert miller == pytest.approx(0.3819, abs=5e-5), "arXiv 2411.00640, without the correction for two clusters"


def test_one_item_a_cluster_gives_the_ordinary_standard_error():
    values = np.random.default_rng(0).normal(size=50)
    estimate = clustered_mean(values, [str(index) for index in range(50)])
    assert estimate.se == pytest.approx(values.std(ddof=1) / math.sqrt(50))
    expected = scipy_stats.t.interval(0.95, 49, values.mean(), estimate.se)
    assert estimate.interval == pytest.approx(expected)


def test_the_standard_error_is_that_of_statsmodels_times_the_correction():
    values = [0.5, 0.2, -0.1, 0.4, 0.9, -0.3, 0.6, 0.1, 0.3, 0.0, 0.8, -0.2]
    estimate = clustered_mean(values, list("aaabbbccddee"))
    # OLS on a constant, cov_type="cluster" without corrections, statsmodels 0.15.0
    assert estimate.se == pytest.approx(0.034020690871988606 * math.sqrt(5 / 4))


def test_ten_copies_of_every_item_in_its_cluster_change_no_interval(study):
    values, names = study(1)
    once, copied = clustered_mean(values, names), clustered_mean(np.repeat(values, 10), list(np.repeat(names, 10)))
    assert copied.interval == pytest.approx(once.interval)
    assert copied.n == 10 * once.n
    naive = [len(each) ** -0.5 * np.std(each) for each in (values, np.repeat(values, 10))]
    assert naive[1] == pytest.approx(naive[0] / math.sqrt(10)), "which is what the copies must not buy"


def test_ten_copies_change_the_interval_of_no_share_and_no_ratio(study):
    values, names = study(6)
    hits, boxes, many = (values > 0.5).astype(float), np.ceil(np.abs(values) * 2) + 1, list(np.repeat(names, 10))
    assert proportion(np.repeat(hits, 10), many).interval == pytest.approx(proportion(hits, names).interval)
    once = ratio(list(hits), list(boxes), names)
    assert ratio(list(np.repeat(hits, 10)), list(np.repeat(boxes, 10)), many).interval == pytest.approx(once.interval)


def test_the_order_of_the_items_does_not_matter(study):
    values, names = study(2)
    order = np.random.default_rng(0).permutation(len(values))
    shuffled = clustered_mean(values[order], [names[index] for index in order])
    assert shuffled.se == pytest.approx(clustered_mean(values, names).se)


def test_one_cluster_has_no_interval_rather_than_one_of_no_width():
    for estimate in (clustered_mean([1, 0, 1], ["a"] * 3), proportion([1, 0, 1], ["a"] * 3), ratio([1], [2], ["a"])):
        assert (estimate.se, estimate.interval, estimate.df) == (None, None, None)


def test_as_many_clusters_as_values_are_needed():
    with pytest.raises(ValueError, match="3 values for 2"):
        clustered_mean([1, 2, 3], ["a", "b"])
    with pytest.raises(ValueError, match="0 values"):
        clustered_mean([], [])
    with pytest.raises(ValueError, match="3 scores for 2"):
        group_mean_values([1, 2, 3], ["a", "b"])
    with pytest.raises(ValueError, match="0 scores"):
        group_mean_values([], [])


def test_wilson_is_the_score_interval_and_stays_inside():
    low, high = wilson(8, 10)
    assert (low, high) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0, 10)[0] == 0
    assert wilson(10, 10)[1] == 1


def test_wilsons_interval_is_scipys_for_whole_numbers_and_needs_none():
    for hits, trials in ((0, 7), (1, 50), (30, 61), (10**6, 10**6)):
        expected = scipy_stats.binomtest(hits, trials).proportion_ci(0.95, method="wilson")
        assert wilson(hits, trials) == pytest.approx((expected.low, expected.high), abs=1e-12)
    low, high = proportion([1, 0] * 3, list("aabbcc")).interval
    assert low + high == pytest.approx(1), "half of each of three videos' items is as far from all as from none"
    assert wilson(1, 3) < (low, high) < wilson(2, 3)


def test_hits_and_misses_of_one_video_each_have_wilsons_interval():
    assert proportion([1] * 8 + [0] * 2, list(map(str, range(10)))).interval == pytest.approx(wilson(8, 10))


def test_shares_that_are_not_hits_and_misses_are_not_rounded_to_them():
    narrow = proportion([0.49, 0.5, 0.51] * 10, list(map(str, range(30)))).interval
    assert narrow[1] - narrow[0] < 0.02 < wilson(15, 30)[1] - wilson(15, 30)[0]


def test_a_perfect_score_still_has_an_interval():
    names = [f"v{index // 5}" for index in range(100)]
    estimate = proportion(np.ones(100), names)
    assert estimate.interval == pytest.approx(wilson(20, 20)), "every video is one observation"


def test_the_interval_of_a_share_stays_inside_its_range():
    hits, names = [1] * 9 + [0], ["a", "a", "b", "b", "c", "c", "d", "d", "e", "e"]
    low, high = proportion(hits, names).interval
    assert 0 < low < 0.9 < high < 1
    assert clustered_mean(hits, names).interval[1] > 1, "which the t interval does not"


@pytest.mark.parametrize(("hits", "trials"), [(300, 1000), (3, 100), (48, 50)])
def test_a_share_of_independent_trials_lies_between_jeffreys_and_clopper_and_pearsons_interval(hits, trials):
    low, high = effective_share(hits / trials, math.sqrt(hits * (trials - hits) / trials**3), df=1e9)
    exact = scipy_stats.binomtest(hits, trials).proportion_ci(0.95, method="exact")
    jeffreys = scipy_stats.beta.ppf([0.025, 0.975], hits + 0.5, trials - hits + 0.5)
    assert exact.low < low < jeffreys[0] < jeffreys[1] < high < exact.high
    assert low == pytest.approx((exact.low + jeffreys[0]) / 2, rel=0.02)
    assert high == pytest.approx((exact.high + jeffreys[1]) / 2, rel=0.02)


def test_scores_near_the_end_of_their_scale_have_the_interval_of_a_share_of_it():
    chance = np.random.default_rng(4)
    names = [f"v{place // 4}" for place in range(200)]
    scores = 5 - (chance.random(200) < 0.1) * chance.integers(1, 4, 200)
    found, plain = bounded_mean(scores, names, 1, 5), clustered_mean(scores, names)
    share = proportion((scores - 1) / 4, names)
    assert (found.mean, found.se, found.df) == (plain.mean, plain.se, plain.df)
    assert found.interval == pytest.approx([1 + 4 * bound for bound in share.interval])
    below, above = found.mean - found.interval[0], found.interval[1] - found.mean
    assert below > 1.2 * above, "what is left out lies on the long side"
    assert bounded_mean(6 - scores, names, 1, 5).interval == pytest.approx(
        [6 - bound for bound in found.interval[::-1]]
    )


@pytest.mark.parametrize("spread", [1e-4, 1e-7, 1e-9, 1e-10])
def test_scores_that_hardly_differ_have_an_interval_that_holds_their_mean(spread):
    names = [f"v{place // 4}" for place in range(40)]
    for middle in (0.3, 0.5, 0.9):
        found = bounded_mean(middle + spread * np.random.default_rng(1).random(40), names, 0, 1)
        low, high = found.interval
        assert low < found.mean < high
        assert high - low < max(spread, 1e-5)


def test_the_interval_of_a_share_holds_it_where_one_video_has_nearly_all_items():
    low, high = effective_share(1e-9, 1e-6, 1.0)
    assert 0 <= low <= 1e-9 < 0.1 < high
    low, high = effective_share(1 - 1e-9, 1e-6, 1.0)
    assert low < 0.9 < 1 - 1e-9 <= high <= 1


def test_scores_that_do_not_vary_have_no_interval_on_a_scale_either():
    assert bounded_mean([3.0] * 8, ["a", "a", "b", "b", "c", "c", "d", "d"], 1, 5).interval is None
    assert bounded_mean([3.0, 4.0], ["a", "a"], 1, 5).interval is None


def test_shares_at_both_ends_mirror_each_other():
    low, high = effective_share(0.03, 0.01, 20)
    assert effective_share(0.97, 0.01, 20) == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize("end", [0.0, 1.0])
def test_a_share_at_an_end_that_has_an_error_all_the_same_is_not_known(end):
    assert effective_share(end, 0.1, 20) == (0, 1), "it is that of no trials"


def test_the_error_of_a_ratio_by_hand():
    found = ratio([1, 0, 1], [2, 1, 1], ["a", "b", "c"])
    assert found.mean == 0.5
    assert found.se == pytest.approx(math.sqrt(3 / 2 * (0.5**2 + 0.5**2)) / 4), "off it by 0, -1/2 and 1/2"


@pytest.mark.parametrize(
    ("above", "below", "values"),
    [
        pytest.param([1, 0, 1], [2, 1, 1], [0.5, 0.125, 0.875], id="off_the_ratio_by_three_fourths_of_what_items_are"),
        pytest.param([0.2, 0.9, 0.4], [1, 1, 1], [0.2, 0.9, 0.4], id="the_numerators_where_nothing_is_divided"),
        pytest.param([1, 0], [1, 0], [1, 1], id="a_divisor_of_one"),
    ],
)
def test_a_ratio_as_the_mean_of_values(above, below, values):
    assert ratio_values(above, below) == pytest.approx(values)


def test_a_ratio_counts_its_divisors_and_not_its_items():
    even = ratio([20.0, 20.0, 20.0], [33.0, 33.0, 34.0], ["a", "b", "c"])
    uneven = ratio([1.0, 0.0, 59.0], [1.0, 1.0, 98.0], ["a", "b", "c"])
    assert (even.mean, uneven.mean) == (0.6, 0.6)
    assert even.df == pytest.approx(2, abs=0.01)
    assert uneven.df < 2 < uneven.widening, "one answer of ninety-eight boxes decides"


def test_a_ratio_without_a_divisor_is_none():
    for call in (lambda: ratio([0.0], [0.0], ["a"]), lambda: ratio_values([0.0], [0.0])):
        with pytest.raises(ValueError, match="add up to 0"):
            call()
