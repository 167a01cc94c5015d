"""May a judge stand in for humans: the alternative annotator test and Judge's Verdict."""

import numpy as np
import pytest

from evaluate.stats import alternative_annotator_test, judges_verdict

# Forty items made for this; what nitaytech/AltTest's own function (alt_test_example.ipynb) says of them is below.
JUDGE = [5, 1, 2, 2, 1, 5, 5, 3, 1, 1, 2, 3, 3, 3, 1, 1, 4, 4, 2, 1]
JUDGE += [3, 3, 4, 3, 2, 3, 4, 3, 1, 4, 3, 4, 4, 2, 1, 5, 5, 4, 5, 2]
_ = None
HUMANS = [
    [5, 1, 1, 3, 2, 4, 4, 2, 1, 2, 2, 3, 3, 3, 1, 2, 4, _, 1, 2]
    + [3, 2, 4, 2, 3, 3, 4, 4, 2, 3, 4, 5, 3, 1, 2, 5, 3, 5, 5, 1],
    [_, 2, 2, 2, 1, 5, _, _, 2, 1, 3, 4, 3, 4, 2, 1, 4, 5, 1, 1]
    + [4, 2, 5, 2, 2, 4, _, 2, 1, 5, 3, 4, 4, 2, 2, 4, 3, 4, 5, 1],
    [5, 1, _, 3, 1, 5, 4, 3, 2, 2, _, 2, 3, 4, 2, 1, 5, 5, 2, 1]
    + [4, 2, 5, 4, 3, _, 4, 4, 2, 3, 4, 5, 3, 1, 1, 3, 5, 3, 5, 3],
    [5, 1, 1, 1, 1, 5, 4, 4, 1, 2, 3, 4, 3, 2, 3, 1, 5, 5, _, 1]
    + [2, 3, 5, 3, 2, 3, 3, 4, 2, 5, 3, 5, 3, 2, 3, 3, 3, 4, 5, 1],
]


@pytest.mark.parametrize(
    ("closeness", "epsilon", "rate", "advantage"),
    [
        ("accuracy", 0.1, 0.0, 0.7561503811503812),
        ("accuracy", 0.2, 0.0, 0.7561503811503812),
        ("rmse", 0.1, 0.0, 0.7880139755139755),
        ("rmse", 0.2, 1.0, 0.7880139755139755),
    ],
)
def test_it_is_the_authors_own(closeness, epsilon, rate, advantage):
    found = alternative_annotator_test(JUDGE, HUMANS, epsilon=epsilon, closeness=closeness)
    assert found.winning_rate == rate
    assert found.advantage == pytest.approx(advantage)
    assert found.passed == (rate >= 0.5)


def test_questions_about_one_video_count_as_less():
    alone = alternative_annotator_test(JUDGE, HUMANS, epsilon=0.2, closeness="rmse")
    names = [f"v{place // 10}" for place in range(40)]
    together = alternative_annotator_test(JUDGE, HUMANS, names, epsilon=0.2, closeness="rmse")
    assert together.advantage == alone.advantage
    assert max(together.ps) > max(alone.ps)


def test_a_judge_that_says_what_the_others_say_wins_and_noise_does_not():
    chance = np.random.default_rng(0)
    truth = chance.integers(1, 6, 100)
    humans = [np.clip(truth + chance.integers(-1, 2, 100), 1, 5).tolist() for _ in range(3)]
    good = alternative_annotator_test(truth.tolist(), humans)
    noise = alternative_annotator_test(chance.integers(1, 6, 100).tolist(), humans)
    assert (good.winning_rate, good.passed) == (1, True)
    assert (noise.winning_rate, noise.passed) == (0, False)


@pytest.mark.parametrize("test", [alternative_annotator_test, judges_verdict])
def test_two_annotators_are_too_few(test):
    found = test(JUDGE, HUMANS[:2])
    assert "2 annotators; 3 or more" in found.reason
    assert getattr(found, "winning_rate", None) is None
    assert getattr(found, "verdict", None) is None


def test_an_annotator_of_few_items_does_not_count():
    short = [score if place < 20 else None for place, score in enumerate(HUMANS[0])]
    found = alternative_annotator_test(JUDGE, [short, *HUMANS[1:]])
    assert found.ps[0] is None
    assert found.winning_rate is not None
    too_few = alternative_annotator_test(JUDGE, [short, *HUMANS[1:3]])
    assert too_few.winning_rate is None
    assert "30 items or more" in too_few.reason


def test_one_other_annotator_is_enough_to_compare_with():
    humans = [[None if place % 3 == out else 3 for place in range(60)] for out in range(3)]
    found = alternative_annotator_test([3] * 60, humans)
    assert (found.winning_rate, found.advantage, found.ps) == (1, 1, [0, 0, 0]), "forty items each, all alike"


def test_one_video_shows_nothing():
    found = alternative_annotator_test([1] * 40, [[1] * 40] * 3, ["a"] * 40)
    assert found.winning_rate == 0


def _quadratic_kappa(one, two):
    """From moments, without a table."""
    pairs = np.array([(a, b) for a, b in zip(one, two, strict=True) if a is not None and b is not None], dtype=float)
    apart = pairs[:, 0].mean() - pairs[:, 1].mean()
    return 1 - np.mean((pairs[:, 0] - pairs[:, 1]) ** 2) / (pairs.var(axis=0).sum() + apart**2)


def test_the_verdict_is_how_far_the_judge_is_from_the_annotators_own_agreement():
    own = [np.mean([_quadratic_kappa(one, two) for two in HUMANS if two is not one]) for one in HUMANS]
    kappa = np.mean([_quadratic_kappa(JUDGE, one) for one in HUMANS])
    found = judges_verdict(JUDGE, HUMANS)
    assert found.kappa == pytest.approx(kappa)
    assert found.z == pytest.approx((kappa - np.mean(own)) / np.std(own, ddof=1))
    assert found.correlation == pytest.approx(0.9, abs=0.1)


def test_a_judge_that_errs_as_an_annotator_does_is_human_like():
    chance = np.random.default_rng(4)
    truth = chance.integers(1, 6, 300)
    spread = [(0.6, 0.2, 0.2), (0.7, 0.15, 0.15), (0.8, 0.1, 0.1), (0.7, 0.15, 0.15)]
    *humans, judge = (np.clip(truth + chance.choice([0, -1, 1], 300, p=odds), 1, 5).tolist() for odds in spread)
    assert judges_verdict(judge, humans).verdict == "human-like"


def test_a_judge_that_is_the_humans_middle_is_super_consistent():
    chance = np.random.default_rng(1)
    truth = chance.integers(1, 6, 200)
    humans = [np.clip(truth + chance.integers(-1, 2, 200), 1, 5).tolist() for _ in range(4)]
    found = judges_verdict(truth.tolist(), humans)
    assert found.verdict == "super-consistent"
    assert found.z > 1


def test_a_judge_with_another_scale_in_mind_is_unlike_humans():
    """It orders items as humans do, and never gives more than 3."""
    chance = np.random.default_rng(2)
    truth = chance.integers(1, 6, 200)
    humans = [np.clip(truth + chance.choice([-1, 0, 0, 1], 200), 1, 5).tolist() for _ in range(4)]
    found = judges_verdict(np.ceil(truth / 2).tolist(), humans)
    assert found.correlation > 0.8
    assert found.verdict == "unlike humans"


def test_the_verdict_turns_at_one_standard_deviation():
    chance = np.random.default_rng(0)
    found = []
    for _ in range(60):
        truth = chance.integers(1, 6, 100)
        spread = chance.uniform(0.2, 0.9, 4)  # how often each errs
        *humans, judge = (
            np.clip(truth + (chance.random(100) < odds) * chance.choice([-1, 1], 100), 1, 5).tolist() for odds in spread
        )
        found.append(judges_verdict(judge, humans))
    told = {
        name: [one.z for one in found if one.verdict == name]
        for name in ("super-consistent", "human-like", "unlike humans")
    }
    assert 1 < min(told["super-consistent"]) < 1.5
    assert -1 <= min(told["human-like"]) < -0.5 < 0.5 < max(told["human-like"]) <= 1
    assert -1.5 < max(told["unlike humans"]) < -1


def test_a_judge_that_does_not_follow_humans_is_not_asked_further():
    found = judges_verdict(np.random.default_rng(0).integers(1, 6, 40).tolist(), HUMANS)
    assert (found.verdict, found.kappa, found.z) == ("uncorrelated", None, None)


@pytest.mark.parametrize(
    ("judge", "humans", "reason"),
    [
        pytest.param([3, 3, 3], [[1, 2, 3]] * 3, "same rating", id="a_constant_judge"),
        pytest.param([1, 2, 3], [[1, 2, 3]] * 3, "all agree equally well", id="annotators_who_never_differ"),
        pytest.param([1, 2, 3, 4], [[1, 2, _, _], [_, _, 3, 4], [1, 2, 3, 4]], "no items in common", id="no_overlap"),
    ],
)
def test_where_there_is_nothing_to_measure_by_no_verdict_is_invented(judge, humans, reason):
    found = judges_verdict(judge, humans)
    assert found.verdict is None
    assert reason in found.reason


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda: alternative_annotator_test([1, 2], [[1]] * 3), id="fewer_ratings"),
        pytest.param(lambda: alternative_annotator_test([1], [[1]] * 3, ["a", "b"]), id="more_clusters"),
        pytest.param(lambda: judges_verdict([1, 2], [[1]] * 3), id="fewer_ratings_for_the_verdict"),
    ],
)
def test_ratings_must_be_of_the_same_items(call):
    with pytest.raises(ValueError, match="as many ratings"):
        call()


def test_another_closeness_is_refused():
    with pytest.raises(ValueError, match="accuracy, rmse"):
        alternative_annotator_test(JUDGE, HUMANS, closeness="bleu")
