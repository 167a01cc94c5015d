"""What can be seen, and what is needed."""

import numpy as np
import pytest

from evaluate.stats import (
    Design,
    clustered_mean,
    clusters_for,
    clusters_needed,
    design_effect,
    intraclass_correlation,
    items_needed,
    minimum_detectable_effect,
    paired_difference,
)
from evaluate.stats.power import reach

# Miller, arXiv 2411.00640, section 5: three points between two models, ω² = 1/9 and σ² = 1/6.
MILLER = [
    pytest.param((0.0, 0.0), 1, 969, id="answers_without_luck"),
    pytest.param((1 / 6, 1 / 6), 1, 3_876, id="one_answer_an_item"),
    pytest.param((1 / 6, 1 / 6), 10, 1_260, id="ten_answers_an_item"),
]


@pytest.mark.parametrize(("drawn", "repeats", "items"), MILLER)
def test_millers_worked_figures(drawn, repeats, items):
    assert items_needed(0.03, 1 / 9, drawn, (repeats, repeats)) == items


def test_an_item_has_one_answer_unless_more_are_told():
    assert items_needed(0.03, 1 / 9, (1 / 6, 1 / 6)) == 3_876


@pytest.mark.parametrize(("drawn", "repeats", "items"), MILLER)
def test_one_item_a_video_is_millers_planner(drawn, repeats, items):
    design = Design(sd=1 / 3, answer_sd=drawn[0] ** 0.5, repeats=repeats)
    assert clusters_needed(0.03, design) == items


@pytest.mark.parametrize(("n", "effect"), [(50, 0.40), (100, 0.28), (200, 0.20), (500, 0.13), (1_000, 0.09)], ids=str)
def test_scores_that_change_by_one_show_these_differences(n, effect):
    deltas = np.tile([1.0, -1.0], n // 2) * np.sqrt((n - 1) / n)  # a standard deviation of one
    assert minimum_detectable_effect(deltas, list(map(str, range(n)))) == pytest.approx(effect, abs=0.005)


def test_ten_questions_a_video_count_as_a_third():
    assert design_effect(10, 0.3) == pytest.approx(3.7)
    assert design_effect(1, 0.3) == 1
    alone, together = (clusters_needed(0.1, Design(sd=1, per_cluster=many, icc=0.3)) for many in (1, 10))
    assert together == pytest.approx(alone * 3.7 / 10, abs=1), "and so ten save little more than half of the videos"


def test_the_luck_of_the_draw_is_not_shared_by_a_video():
    lucky = Design(sd=1, per_cluster=10, icc=1, answer_sd=1)
    assert lucky.item_variance == pytest.approx(10 + 2)


def test_the_effect_is_that_of_the_paired_difference(study):
    values, names = study(1)
    found = paired_difference(np.zeros_like(values), values, names)
    assert minimum_detectable_effect(values, names) == found.mde80


def test_more_power_needs_more_and_sees_less(study):
    values, names = study(2)
    assert minimum_detectable_effect(values, names, 0.9) > minimum_detectable_effect(values, names, 0.8)
    assert clusters_for(0.1, values, names, 0.9) > clusters_for(0.1, values, names, 0.8)
    assert reach(0.8) == pytest.approx(2.80, abs=0.005)


def test_the_clusters_that_are_there_see_their_own_effect(study):
    values, names = study(3)
    effect = minimum_detectable_effect(values, names)
    assert clusters_for(effect, values, names) == clustered_mean(values, names).clusters
    assert clusters_for(effect / 2, values, names) == 4 * clustered_mean(values, names).clusters
    assert clusters_for(-effect, values, names) == clusters_for(effect, values, names)


def test_a_study_of_the_planned_size_finds_the_difference_four_times_in_five():
    design = Design(sd=1, per_cluster=5, icc=0.3)
    videos = clusters_needed(0.25, design)
    chance = np.random.default_rng(0)
    names = [f"v{place // 5}" for place in range(5 * videos)]
    found = 0
    for _ in range(1_000):
        shared = np.repeat(chance.normal(size=videos), 5)
        deltas = 0.25 + np.sqrt(0.3) * shared + np.sqrt(0.7) * chance.normal(size=5 * videos)
        low, high = clustered_mean(deltas, names).interval
        found += not low <= 0 <= high
    assert found / 1_000 == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize(
    ("values", "names"),
    [
        pytest.param([1, 0, 1], ["a"] * 3, id="one_cluster"),
        pytest.param([0, 0, 0], list("abc"), id="nothing_changed"),
    ],
)
def test_without_variation_nothing_is_invented(values, names):
    assert minimum_detectable_effect(values, names) is None
    assert clusters_for(0.1, values, names) is None


@pytest.mark.parametrize(
    ("values", "names", "expected"),
    [
        pytest.param([1, 1, 0, 0], list("aabb"), 1, id="alike_within_and_unlike_between"),
        pytest.param([1, 0, 1, 0], list("aabb"), 0, id="unlike_within_is_none_and_not_negative"),
        # (19.2 - 4/3) / (19.2 + 1.4 x 4/3): between the two, within them, and 5 - 13/5 items a video as a rule
        pytest.param([1, 2, 3, 5, 7], list("aaabb"), pytest.approx(67 / 79), id="videos_of_unlike_size"),
        pytest.param([1, 0], list("ab"), None, id="one_item_a_video_tells_nothing"),
        pytest.param([1, 0], list("aa"), None, id="one_video_tells_nothing"),
        pytest.param([1, 1, 1, 1], list("aabb"), None, id="no_variation_tells_nothing"),
    ],
)
def test_how_alike_a_videos_items_are(values, names, expected):
    assert intraclass_correlation(values, names) == expected


def test_the_likeness_that_was_put_in_is_found():
    chance = np.random.default_rng(0)
    sizes = chance.integers(1, 21, 3_000)
    places = np.repeat(np.arange(3_000), sizes)
    values = np.sqrt(0.3) * chance.normal(size=3_000)[places] + np.sqrt(0.7) * chance.normal(size=len(places))
    assert intraclass_correlation(values, list(map(str, places))) == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize(
    ("call", "why"),
    [
        pytest.param(lambda: items_needed(0, 1), "other than 0", id="no_difference"),
        pytest.param(lambda: items_needed(0.1, -1), "not be negative", id="a_negative_variance"),
        pytest.param(lambda: items_needed(0.1, 1, repeats=(0, 1)), "at least one answer", id="no_answers"),
        pytest.param(lambda: items_needed(0.1, 1, power=0.01), "power the larger", id="less_power_than_luck"),
        pytest.param(lambda: items_needed(0.1, 1, alpha=0), "between 0 and 1", id="a_level_of_nothing"),
        pytest.param(lambda: Design(sd=0), "sd must be above 0", id="nothing_varies"),
        pytest.param(lambda: Design(sd=float("nan")), "numbers", id="not_a_number"),
        pytest.param(lambda: Design(sd=1, icc=2), "from 0 to 1", id="more_alike_than_alike"),
        pytest.param(lambda: Design(sd=1, per_cluster=0.5), "at least one item", id="half_an_item"),
        pytest.param(lambda: Design(sd=1, repeats=0), "at least one answer", id="no_repeats"),
    ],
)
def test_what_is_no_study_is_refused(call, why):
    with pytest.raises(ValueError, match=why):
        call()
