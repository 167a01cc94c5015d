"""Agreement of raters, against scikit-learn, SciPy and the package krippendorff."""

import numpy as np
import pytest

from evaluate.stats import (
    bias,
    exact,
    krippendorff_alpha,
    mean_absolute_error,
    spearman,
    weighted_kappa,
    within,
)

ONE = [1, 2, 3, 3, 4, 5, 5, 2, 1, 4, 3, 2, 5, 5, 4, 1, 3, 3, 2, 4]
TWO = [1, 2, 2, 3, 5, 5, 4, 2, 2, 4, 3, 1, 5, 4, 4, 1, 3, 4, 2, 5]
# Krippendorff's own example: four raters, twelve items, some without a rating.
FOUR = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]
PAIRED = [weighted_kappa, spearman, exact, mean_absolute_error, bias]


@pytest.mark.parametrize(
    ("weights", "kappa"),
    [("quadratic", 0.8913043478260869), ("linear", 0.739413680781759), ("none", 0.5)],
)
def test_kappa_is_scikit_learns(weights, kappa):
    assert weighted_kappa(ONE, TWO, weights=weights).value == pytest.approx(kappa)


def test_a_score_that_nobody_gave_still_takes_its_place_on_the_scale():
    # cohen_kappa_score(labels=[1, 2, 3, 4, 5]); without labels it counts 2 and 5 as neighbours
    assert weighted_kappa([1, 2, 5, 5, 1, 2], [1, 5, 5, 2, 1, 2]).value == pytest.approx(0.4807692307692307)


def test_spearman_is_scipys():
    assert spearman(ONE, TWO).value == pytest.approx(0.894820568871846)


@pytest.mark.parametrize(
    ("level", "alpha"),
    [("nominal", 0.743421052631579), ("ordinal", 0.8153875037548814), ("interval", 0.8491071428571428)],
)
def test_alpha_of_four_raters_with_gaps_is_krippendorffs(level, alpha):
    found = krippendorff_alpha(FOUR, level)
    assert found.value == pytest.approx(alpha)
    assert found.n == 11, "the item with one rating has no part in it"


@pytest.mark.parametrize(
    ("level", "alpha"),
    [("nominal", 0.510204081632653), ("ordinal", 0.895791328178526), ("interval", 0.8940217391304348)],
)
def test_alpha_of_two_raters_is_krippendorffs(level, alpha):
    assert krippendorff_alpha([ONE, TWO], level).value == pytest.approx(alpha)


def test_shares_and_errors_by_hand():
    assert exact(ONE, TWO).value == 12 / 20
    assert within(ONE, TWO, 1).value == 1
    assert mean_absolute_error(ONE, TWO).value == 8 / 20
    assert bias([1, 2], [2, 2]).value == 0.5, "the second is the more lenient"


def test_a_full_agreement_of_ratings_that_vary_is_one():
    for found in (weighted_kappa(ONE, ONE), spearman(ONE, ONE), krippendorff_alpha([ONE, ONE])):
        assert found.value == pytest.approx(1)


@pytest.mark.parametrize("figure", [weighted_kappa, spearman, lambda one, two: krippendorff_alpha([one, two])])
def test_identical_ratings_only_are_not_known_to_agree(figure):
    found = figure([3] * 10, [3] * 10)
    assert (found.value, found.interval) == (None, None)
    assert "same" in found.reason


def test_a_rater_who_always_says_the_same_agrees_by_chance_and_has_no_order():
    assert weighted_kappa([3] * 20, TWO).value == pytest.approx(0)
    assert spearman([3] * 20, TWO).value is None


def test_agreement_that_no_draw_changes_has_no_interval():
    twos_and_fives = [2] * 6, [5] * 6
    for found in (weighted_kappa(*twos_and_fives), krippendorff_alpha(twos_and_fives), weighted_kappa([1, 5], [1, 5])):
        assert found.value is not None
        assert found.interval is None


@pytest.mark.parametrize("figure", PAIRED)
def test_without_items_nothing_is_invented(figure):
    found = figure([], [])
    assert (found.value, found.interval, found.n) == (None, None, 0)
    assert found.reason


def test_items_with_one_rating_are_no_agreement():
    found = krippendorff_alpha([[1, None], [None, 2]])
    assert (found.value, found.n) == (None, 0)
    assert "two ratings" in found.reason


@pytest.mark.parametrize("figure", PAIRED)
def test_one_cluster_has_a_value_and_no_interval(figure):
    found = figure(ONE, TWO, ["a"] * 20)
    assert found.value is not None
    assert found.interval is None
    assert found.clusters == 1


@pytest.mark.parametrize("figure", PAIRED)
def test_ten_copies_in_their_cluster_change_no_interval(figure):
    names = [f"v{place // 2}" for place in range(20)]
    once = figure(ONE, TWO, names)
    copied = figure(list(np.repeat(ONE, 10)), list(np.repeat(TWO, 10)), list(np.repeat(names, 10)))
    assert copied.value == pytest.approx(once.value)
    assert copied.interval == pytest.approx(once.interval)
    assert copied.n == 200


@pytest.mark.parametrize("figure", PAIRED)
def test_the_interval_holds_the_value(figure):
    found = figure(ONE, TWO)
    assert found.interval[0] < found.value < found.interval[1]


@pytest.mark.parametrize(
    ("call", "why"),
    [
        pytest.param(lambda: weighted_kappa([1], [1, 2]), "same items", id="other_items"),
        pytest.param(lambda: weighted_kappa([1, 2], [1, 2], ["a"]), "as many", id="other_clusters"),
        pytest.param(lambda: weighted_kappa([1, 2], [1, 2], weights="cubic"), "quadratic", id="other_weights"),
        pytest.param(lambda: krippendorff_alpha([[1], [2]], "ratio"), "nominal", id="another_level"),
    ],
)
def test_what_cannot_be_compared_is_refused(call, why):
    with pytest.raises(ValueError, match=why):
        call()
