"""p-values of many tests."""

import numpy as np
import pytest

from evaluate.stats import benjamini_hochberg, holm

# multipletests of statsmodels 0.15.0 on these
GIVEN = [0.01, 0.04, 0.03, 0.005, 0.2]


def test_holm_is_statsmodels_in_the_given_order():
    assert holm(GIVEN) == pytest.approx([0.04, 0.09, 0.09, 0.025, 0.2])


def test_benjamini_and_hochberg_is_statsmodels_in_the_given_order():
    assert benjamini_hochberg(GIVEN) == pytest.approx([0.025, 0.05, 0.05, 0.025, 0.2])


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_no_adjusted_value_is_smaller_than_it_was_or_above_one(adjust):
    ps = np.random.default_rng(0).random(40).tolist()
    adjusted = adjust(ps)
    assert all(p <= after <= 1 for p, after in zip(ps, adjusted, strict=True))
    assert np.array_equal(np.argsort(ps), np.argsort(adjusted, kind="stable")) or len(set(adjusted)) < len(ps)


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_one_test_is_left_as_it_is_and_none_is_none(adjust):
    assert adjust([0.03]) == [0.03]
    assert adjust([]) == []


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan")])
def test_what_is_no_p_value_is_refused(adjust, wrong):
    with pytest.raises(ValueError, match="between 0 and 1"):
        adjust([0.5, wrong])


def test_of_twenty_keys_that_did_not_change_holm_finds_one_in_a_study_of_twenty():
    chance = np.random.default_rng(0)
    found = [min(holm(chance.random(20).tolist())) < 0.05 for _ in range(2_000)]
    assert 0.03 < np.mean(found) < 0.07
