"""Effect sizes."""

import numpy as np
import pytest

from evaluate.stats import cliffs_delta


@pytest.mark.parametrize(
    ("before", "after", "delta"),
    [
        pytest.param([1, 2], [3, 4], 1, id="every_score_above_every_other"),
        pytest.param([3, 4], [1, 2], -1, id="every_score_below"),
        pytest.param([1, 5], [3, 3], 0, id="half_above_and_half_below"),
        pytest.param([2, 2], [2, 2], 0, id="ties_count_for_neither"),
        pytest.param([1, 2, 3], [2], 0, id="numbers_need_not_be_the_same"),
        pytest.param([], [1], None, id="no_scores_no_delta"),
    ],
)
def test_cliffs_delta_by_hand(before, after, delta):
    assert cliffs_delta(before, after) == delta


def test_it_is_the_definition_over_all_pairs():
    chance = np.random.default_rng(0)
    before, after = chance.integers(1, 6, 40), chance.integers(1, 6, 30)
    pairs = np.sign(after[None, :] - before[:, None])
    assert cliffs_delta(before, after) == pytest.approx(pairs.mean())
