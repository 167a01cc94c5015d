"""Which boxes stand: in the frame, sure enough, found again."""

import pytest

from annotate.espresso.box_agreement import hold, judged
from annotate.espresso.detectors import Detected

BOX = (0.1, 0.1, 0.5, 0.5)


def rows(*detected, again=None, score=0.0, least=0.5):
    return judged(hold(detected, score), again, least)


@pytest.mark.parametrize(
    ("detected", "reason"),
    [
        pytest.param(Detected((0.5, 0.1, 0.4, 0.5)), "inverted", id="inverted"),
        pytest.param(Detected((0.1, 0.1, 1.4, 0.5)), "outside the frame", id="outside"),
        pytest.param(Detected((0.1, 0.1, 0.1, 0.5)), "without area", id="no_area"),
        pytest.param(Detected(BOX, 0.2), "score 0.20 is below 0.35", id="a_low_score"),
        pytest.param(Detected(BOX, float("nan")), "score nan", id="a_score_that_is_no_number"),
    ],
)
def test_a_box_that_does_not_stand_is_kept_in_the_file_with_its_reason(detected, reason):
    (row,) = rows(detected, score=0.35)
    assert not row["kept"]
    assert reason in row["reason"]


@pytest.mark.parametrize("score", [None, 0.35, 0.9])
def test_a_box_without_a_score_or_with_enough_of_it_stands(score):
    (row,) = rows(Detected(BOX, score), score=0.35)
    assert row == {"bbox": list(BOX), "score": score, "agreement": None, "kept": True, "reason": ""}


def test_a_box_that_is_found_again_has_its_agreement():
    (row,) = rows(Detected(BOX), again=[(0.1, 0.1, 0.5, 0.4)])
    assert row["kept"]
    assert row["agreement"] == pytest.approx(0.75)


def test_a_box_that_a_second_look_places_elsewhere_is_dropped():
    (row,) = rows(Detected(BOX), again=[(0.4, 0.4, 0.8, 0.8)])
    assert not row["kept"]
    assert 0 < row["agreement"] < 0.5
    assert "agrees to 0.03, less than 0.5" in row["reason"]


@pytest.mark.parametrize("again", [pytest.param([], id="nothing"), pytest.param([(0.8, 0.8, 0.9, 0.9)], id="far_off")])
def test_a_box_that_a_second_look_does_not_find_is_dropped(again):
    (row,) = rows(Detected(BOX), again=again)
    assert (row["kept"], row["agreement"], row["reason"]) == (False, 0.0, "a second look finds none")


def test_boxes_are_paired_one_to_one():
    twice = rows(Detected(BOX), Detected((0.1, 0.1, 0.5, 0.48)), again=[BOX])
    assert [row["kept"] for row in twice] == [True, False]


def test_a_box_that_has_fallen_takes_no_partner_from_one_that_stands():
    fallen, standing = rows(Detected(BOX, 0.1), Detected(BOX, 0.9), again=[BOX], score=0.35)
    assert fallen["agreement"] is None
    assert (standing["kept"], standing["agreement"]) == (True, 1.0)


def test_where_nobody_looked_again_nothing_is_said_of_agreement():
    assert rows(Detected(BOX), again=None, least=0.9)[0]["agreement"] is None
