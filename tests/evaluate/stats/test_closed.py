"""Answers from closed and from ordered sets."""

import numpy as np
import pytest

from evaluate.stats import balanced_accuracy, class_error, class_kappa, confusion, weighted_kappa

GOLD, GIVEN = list("yynnnnnynn"), list("ynnnnynynn")
GRADES = ["easy", "medium", "hard"]


def test_balanced_accuracy_is_scikit_learns():
    assert balanced_accuracy(GOLD, GIVEN).mean == pytest.approx(0.7619047619047619)


def test_a_majority_class_buys_nothing():
    gold = ["no"] * 96 + ["yes"] * 4
    found = balanced_accuracy(gold, ["no"] * 100)
    assert found.mean == 0.5, "where plain accuracy is 0.96"


def test_one_class_has_no_balanced_accuracy():
    assert balanced_accuracy(["no"] * 5, ["no"] * 5) is None


def test_unreadable_answers_are_wrong():
    assert balanced_accuracy(["y", "n"], ["y", None]).mean == 0.5


def test_its_interval_heeds_the_videos_and_stays_inside():
    gold, given = GOLD * 10, GIVEN * 10
    alone = balanced_accuracy(gold, given).interval
    together = balanced_accuracy(gold, given, [f"v{place // 20}" for place in range(100)][::-1])
    whole = balanced_accuracy(gold, given, ["a"] * 100)
    assert 0 < alone[0] < alone[1] < 1
    assert together.clusters == 5
    assert whole.interval is None


def test_confusion_is_by_reference_then_answer_and_shows_the_unreadable():
    found = confusion(["a", "b", "b"], ["a", None, "z"])
    assert found == {"a": {"a": 1, "b": 0, "": 0, "z": 0}, "b": {"a": 0, "b": 0, "": 1, "z": 1}}


def test_every_class_has_a_column_though_it_was_never_given():
    assert confusion(["a", "b"], ["a", "a"])["b"] == {"a": 1, "b": 0}


def test_the_counts_are_all_the_items():
    assert sum(sum(row.values()) for row in confusion(GOLD, GIVEN).values()) == len(GOLD)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        pytest.param(["easy", "hard"], 0, id="right"),
        pytest.param(["medium", "medium"], 1, id="one_off"),
        pytest.param(["hard", "easy"], 2, id="as_far_as_can_be"),
        pytest.param([None, None], 2, id="unreadable_is_as_far_as_can_be"),
        pytest.param(["tricky", ""], 2, id="no_class_is_as_far_as_can_be"),
    ],
)
def test_classes_are_as_far_off_as_their_places(given, error):
    assert class_error(["easy", "hard"], given, GRADES).value == error


def test_kappa_of_classes_is_kappa_of_their_places():
    gold, given = ["easy", "medium", "hard", "hard"], ["easy", "hard", "hard", "medium"]
    assert class_kappa(gold, given, GRADES).value == pytest.approx(weighted_kappa([0, 1, 2, 2], [0, 2, 2, 1]).value)


@pytest.mark.parametrize(
    ("call", "why"),
    [
        pytest.param(lambda: class_error(["odd"], ["easy"], GRADES), "'odd' is not in the order", id="strange_gold"),
        pytest.param(lambda: class_error([], [], ["a", "a"]), "twice", id="an_order_that_is_none"),
        pytest.param(lambda: class_error(["easy"], [], GRADES), "same items", id="fewer_answers"),
        pytest.param(lambda: balanced_accuracy(["a"], []), "same items", id="fewer_answers_of_closed"),
        pytest.param(lambda: confusion(["a"], []), "same items", id="fewer_answers_to_count"),
    ],
)
def test_what_cannot_be_scored_is_refused(call, why):
    with pytest.raises(ValueError, match=why):
        call()


def test_balanced_accuracy_is_a_coins_toss_for_one():
    chance = np.random.default_rng(0)
    gold = chance.choice(["y", "n"], 5_000, p=[0.1, 0.9]).tolist()
    found = balanced_accuracy(gold, chance.choice(["y", "n"], 5_000).tolist())
    assert found.interval[0] < 0.5 < found.interval[1]
