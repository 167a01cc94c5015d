"""A judge's mean and share, corrected by human labels."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from evaluate.stats import clustered_mean, corrected_mean, rogan_gladen

VIDEOS = [f"v{place // 10}" for place in range(1_000)]


def _judge(seed, kind=0.7, every=5):
    """A judge that is `kind` too lenient, and human labels on every fifth item."""
    chance = np.random.default_rng(seed)
    truth = chance.normal(3, 1, 1_000) + np.repeat(chance.normal(0, 0.3, 100), 10)
    judged = truth + kind + chance.normal(0, 0.4, 1_000)
    return judged, [score if place % every == 0 else None for place, score in enumerate(truth)], truth


def test_the_judges_bias_is_taken_out():
    judged, human, truth = _judge(0)
    found = corrected_mean(judged, human, VIDEOS)
    assert clustered_mean(judged, VIDEOS).interval[0] > truth.mean(), "which the judge alone never comes near"
    assert found.mean == pytest.approx(truth.mean(), abs=0.1)
    assert found.interval[0] < truth.mean() < found.interval[1]


def test_it_is_the_judges_mean_plus_what_humans_are_off_it():
    found = corrected_mean([4, 4, 2, 2], [3, None, 2, None], ["a", "a", "b", "b"])
    assert found.mean == 3 - 0.5


def test_where_every_item_is_labelled_it_is_the_humans_mean_and_error():
    judged, human, truth = _judge(1, every=1)
    found, plain = corrected_mean(judged, human, VIDEOS), clustered_mean(truth, VIDEOS)
    assert found.mean == pytest.approx(plain.mean)
    assert found.interval == pytest.approx(plain.interval)


def test_a_good_judge_knows_more_than_the_labels_alone():
    judged, human, truth = _judge(2)
    labelled = [place for place, score in enumerate(human) if score is not None]
    alone = clustered_mean(truth[labelled], [VIDEOS[place] for place in labelled])
    assert corrected_mean(judged, human, VIDEOS).se < alone.se


def test_labels_chosen_by_the_judges_score_need_their_weights():
    judged, _, truth = _judge(3)
    high = judged > 4
    off = np.where(high, truth - 0.5, truth)  # humans are harder where the judge is kind
    chance = np.random.default_rng(0)
    odds = np.where(high, 0.5, 0.1)
    human = [score if taken else None for score, taken in zip(off, chance.random(1_000) < odds, strict=True)]
    weighted = corrected_mean(judged, human, VIDEOS, 1 / odds)
    assert weighted.interval[0] < off.mean() < weighted.interval[1]
    assert abs(weighted.mean - off.mean()) < abs(corrected_mean(judged, human, VIDEOS).mean - off.mean())


@pytest.mark.parametrize("human", [[None, None, None], [3, None, None]], ids=["no_label", "one_label"])
def test_too_few_labels_correct_nothing(human):
    assert corrected_mean([4, 4, 2], human, ["a", "b", "c"]) is None


def test_labels_of_one_video_have_no_interval():
    assert corrected_mean([4, 4, 2], [3, 4, 2], ["a", "a", "a"]).interval is None


def _passes(p, q0, q1, labels=200):
    """Items whose judged share is p, and labels with exactly these rates of right verdicts."""
    half = labels // 2
    judged = [1.0] * round(half * (1 - q0)) + [0.0] * round(half * q0)
    judged += [1.0] * round(half * q1) + [0.0] * round(half * (1 - q1))
    human = [0.0] * half + [1.0] * half
    rest = 10_000
    passing = round(p * (rest + labels)) - int(sum(judged))
    judged += [1.0] * passing + [0.0] * (rest - passing)
    return judged, [*human, *[None] * rest], [str(place) for place in range(rest + labels)]


def test_rogan_and_gladens_estimate_is_the_formula():
    found = rogan_gladen(*_passes(0.6, 0.7, 0.9))
    assert (found.specificity, found.sensitivity) == (0.7, 0.9)
    assert found.value == pytest.approx((0.6 + 0.7 - 1) / (0.7 + 0.9 - 1), abs=1e-3)
    assert found.interval[0] < 0.5 < found.interval[1]
    assert found.judged == pytest.approx(0.6)


def test_with_many_items_the_interval_is_as_wide_as_that_of_lee_and_others():
    low, high = rogan_gladen(*_passes(0.6, 0.7, 0.9)).interval
    # confidence_interval(p=0.6, q0=0.7, q1=0.9, n=10200, m0=100, m1=100) of LLM-judge-reporting: 0.4063 to 0.5917
    assert high - low == pytest.approx(0.5917 - 0.4063, rel=0.1)


def test_a_judge_that_knows_nothing_corrects_nothing():
    found = rogan_gladen(*_passes(0.5, 0.4, 0.6))
    assert (found.value, found.interval) == (None, None)
    assert "says nothing" in found.reason


def test_a_judge_without_an_error_on_few_labels_is_not_without_errors():
    """Two hundred items, all judged right on twenty labels: the labels leave more open than the items do."""
    judged, human, names = _passes(0.5, 1.0, 1.0, labels=20)
    low, high = rogan_gladen(judged, human, names).interval
    plain = clustered_mean(judged, names).interval
    assert high - low > 2 * (plain[1] - plain[0])


def test_a_judge_that_errs_nowhere_has_the_error_of_its_share_and_of_what_labels_leave_open():
    """Labels on all items; a rate of 1 over n labels is drawn to (n+1)/(n+2), whose variance is (n+1)/(n+2)³."""
    passed = np.repeat([1.0, 0.0, 1.0, 0.0], [100, 140, 140, 20])
    names = [f"v{int(place**0.5)}" for place in range(400)]  # twenty videos of 1, 3, 5 … 39 items
    share = clustered_mean(passed, names)
    unseen = 0.6**2 * 241 / 242**3 + 0.4**2 * 161 / 162**3
    half = scipy_stats.t.ppf(0.975, share.df) * np.sqrt((share.se * share.widening) ** 2 + unseen)
    assert share.widening > 1.01, "for the videos are of unlike size"
    assert rogan_gladen(passed, passed.tolist(), names).interval == pytest.approx((0.6 - half, 0.6 + half))


def test_a_share_stays_a_share():
    found = rogan_gladen(*_passes(0.91, 0.9, 0.9))
    assert found.value == 1
    assert found.interval[0] < found.interval[1] == 1
    none = rogan_gladen(*_passes(0.09, 0.9, 0.9))
    assert none.value == none.interval[0] == 0 < none.interval[1]


def test_labels_that_cannot_be_of_such_items_have_no_interval_of_no_width():
    found = rogan_gladen(*_passes(0.99, 0.9, 0.9))
    assert (found.value, found.interval) == (1, None)
    assert "cannot pass this many" in found.reason


@pytest.mark.parametrize(
    ("judged", "human", "reason"),
    [
        pytest.param([1, 0, 1], [1, None, 1], "both a pass and a fail", id="labels_of_one_kind"),
        pytest.param([1, 0, 1], [None] * 3, "both a pass and a fail", id="no_labels"),
        pytest.param([], [], "no items", id="no_items"),
    ],
)
def test_too_little_to_correct_by_is_said(judged, human, reason):
    found = rogan_gladen(judged, human, list("abc")[: len(judged)])
    assert found.value is None
    assert reason in found.reason


def test_one_video_has_a_value_and_no_interval():
    found = rogan_gladen([1, 0, 1, 0], [1, 0, None, None], ["a"] * 4)
    assert (found.value, found.interval) == (0.5, None)
    assert "one video" in found.reason


@pytest.mark.parametrize(
    ("call", "why"),
    [
        pytest.param(lambda: corrected_mean([1, 2], [1], ["a", "b"]), "as many", id="fewer_labels"),
        pytest.param(lambda: corrected_mean([1, 2], [1, 2], ["a", "b"], [1, 0]), "above 0", id="a_weight_of_nothing"),
        pytest.param(lambda: rogan_gladen([4, 2], [1, 0], ["a", "b"]), "0 or 1", id="scores_and_no_passes"),
        pytest.param(lambda: rogan_gladen([1, 0], [4, 2], ["a", "b"]), "0 or 1", id="human_scores_and_no_passes"),
    ],
)
def test_what_is_no_calibration_is_refused(call, why):
    with pytest.raises(ValueError, match=why):
        call()
