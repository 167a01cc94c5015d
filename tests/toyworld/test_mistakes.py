"""Errors put in on purpose: as many as asked for, always the same, told one by one, and mended by a right checker."""

from collections import Counter

import pytest

from demitasse.geometry import check_box, iou
from demitasse.toyworld.mistakes import SHIFT, box_errors, check, check_errors, draw, is_right
from demitasse.toyworld.phrases import phrases
from demitasse.toyworld.scene import ToyScene, ToyThing, toy_scene

SCENES = [toy_scene(number) for number in range(200)]
STEPS = ("0", "2", "4")


def boxes_of(scene: ToyScene, share: float) -> dict[str, list]:
    return {
        phrase: [one.box for one in draw(scene, "2", phrase, things, share)]
        for phrase, things in phrases(scene).items()
    }


def truth_of(scene: ToyScene) -> dict[str, list]:
    return {phrase: [scene.things[index].box for index in things] for phrase, things in phrases(scene).items()}


@pytest.mark.parametrize("step", STEPS)
def test_without_a_share_nothing_is_wrong(step):
    assert not any(box_errors(scene, step, 0.0) for scene in SCENES)
    assert boxes_of(SCENES[3], 0.0) == truth_of(SCENES[3])


@pytest.mark.parametrize("step", STEPS)
def test_the_share_that_is_asked_for_is_wrong(step):
    errors = [error for scene in SCENES for error in box_errors(scene, step, 0.2)]
    boxes = sum(len(scene.things) if step == "0" else sum(map(len, phrases(scene).values())) for scene in SCENES)
    assert len(errors) / boxes == pytest.approx(0.2, abs=0.04)
    kinds = Counter(error.what for error in errors)
    assert set(kinds) == ({"shifted"} if step == "0" else {"shifted", "other"})
    assert min(kinds.values()) > 0.3 * len(errors)


def test_errors_are_the_same_each_time_and_steps_differ():
    assert [box_errors(scene, "2", 0.3) for scene in SCENES] == [box_errors(scene, "2", 0.3) for scene in SCENES]
    assert [box_errors(scene, "2", 0.3) for scene in SCENES] != [box_errors(scene, "4", 0.3) for scene in SCENES]


def test_a_larger_share_keeps_the_errors_of_a_smaller_one():
    for scene in SCENES:
        wrong = {(error.phrase, error.box) for error in box_errors(scene, "2", 0.1)}
        assert wrong <= {(error.phrase, error.box) for error in box_errors(scene, "2", 0.4)}


def test_the_errors_that_are_told_are_those_that_are_drawn():
    for scene in SCENES:
        told = {(error.phrase, error.box) for error in box_errors(scene, "2", 0.3)}
        truth = truth_of(scene)
        drawn = {
            (phrase, index)
            for phrase, boxes in boxes_of(scene, 0.3).items()
            for index, box in enumerate(boxes)
            if box != truth[phrase][index]
        }
        assert told == drawn


def test_a_shifted_box_still_overlaps_its_thing_and_no_box_of_a_phrase_comes_twice():
    for scene in SCENES:
        for phrase, things in phrases(scene).items():
            drawn = draw(scene, "2", phrase, things, 1.0)
            assert len({one.box for one in drawn}) == len(things)
            for one in drawn:
                check_box(one.box)
                overlap = iou(one.box, scene.things[one.thing].box)
                assert overlap == pytest.approx((1 - SHIFT) / (1 + SHIFT)) if one.flaw == "shifted" else overlap == 0
                assert not is_right(one.box, scene.things[one.thing].box)


def test_boxes_that_slipped_apart_still_overlap_by_more_than_half():
    for scene in SCENES:
        (one, *_), (other, *_) = (draw(scene, step, "the same phrase", (0,), 1.0, ()) for step in ("0", "2"))
        assert iou(one.box, other.box) > 0.5


def test_a_right_checker_leaves_right_boxes_alone_and_no_wrong_one_standing():
    for scene in SCENES:
        truth = truth_of(scene)
        for phrase, boxes in boxes_of(scene, 0.2).items():
            for index, verdict in enumerate(check(scene, phrase, boxes, 0.0)):
                right = boxes[index] == truth[phrase][index]
                assert (verdict.action == "kept") == right
                assert verdict.action == "removed" or verdict.box in truth[phrase]
                assert not verdict.mistaken


def test_a_group_stays_complete_after_a_right_check():
    groups = [(scene, phrase) for scene in SCENES for phrase, things in phrases(scene).items() if len(things) > 1]
    for scene, phrase in groups:
        verdicts = check(scene, phrase, boxes_of(scene, 0.5)[phrase], 0.0)
        assert sorted(verdict.box for verdict in verdicts) == sorted(truth_of(scene)[phrase])


def test_a_box_is_right_in_any_rounding_of_a_picture():
    scene = SCENES[0]
    phrase, (box, *_) = next(iter(truth_of(scene).items()))
    rounded = tuple(round(value * 128) / 128 for value in box)
    assert check(scene, phrase, [rounded], 0.0)[0].action == "kept"


def test_a_wrong_checker_keeps_what_is_wrong_and_harms_what_is_right():
    for scene in SCENES:
        truth = truth_of(scene)
        for phrase, boxes in boxes_of(scene, 0.5).items():
            for index, verdict in enumerate(check(scene, phrase, boxes, 1.0)):
                right = boxes[index] == truth[phrase][index]
                assert verdict.mistaken
                assert (verdict.action == "kept") != right
                check_box(verdict.box)


def test_wrong_verdicts_are_as_many_as_asked_for_and_told_one_by_one():
    told = [error for scene in SCENES for error in check_errors(scene, 0.2, 0.1)]
    verdicts = sum(len(boxes) for scene in SCENES for boxes in truth_of(scene).values())
    assert len(told) / verdicts == pytest.approx(0.1, abs=0.03)
    assert {error.what for error in told} == {"kept", "moved", "removed"}
    mistaken = sum(
        verdict.mistaken
        for scene in SCENES
        for phrase, boxes in boxes_of(scene, 0.2).items()
        for verdict in check(scene, phrase, boxes, 0.1)
    )
    assert len(told) == mistaken


def test_what_is_said_in_other_words_is_left_as_it_is():
    boxes = [(0.1, 0.1, 0.3, 0.3), (0.5, 0.5, 0.9, 0.9)]
    assert [verdict.action for verdict in check(SCENES[0], "the dog and its shadow", boxes, 0.0)] == ["kept", "kept"]


def test_a_phrase_that_fits_nothing_loses_its_boxes():
    scene = ToyScene(0, (ToyThing("red", "disc", "small", (0.1, 0.1, 0.3, 0.3)),))
    assert check(scene, "the blue disc", [scene.things[0].box], 0.0)[0].action == "removed"


def test_a_box_that_fills_the_picture_can_be_moved_wrongly_too():
    scene = ToyScene(0, (ToyThing("red", "disc", "large", (0.0, 0.0, 1.0, 1.0)),))
    (drawn,) = draw(scene, "2", "the red disc", (0,), 1.0)
    assert check_box(drawn.box) != scene.things[0].box
