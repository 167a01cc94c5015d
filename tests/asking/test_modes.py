"""What a question becomes in each way, and what is to be written: by the text alone."""

from dataclasses import replace

import pytest

from demitasse.dataset import Item
from demitasse.dataset.evidence import CoreFrame, Evidence, Mention, PlacedBox, with_evidence_fields
from demitasse.errors import DataError
from demitasse.student.modes import (
    EVIDENCE,
    EXPLAIN,
    FROM_EVIDENCE,
    asked_question,
    evidence_text,
    target_text,
    with_generated_evidence,
)

BOWL = Mention("white bowl", 17, 27, (PlacedBox((0.1, 0.2, 0.5, 0.6), 0),))
BARE = Item("What is filled?", "A bowl.", "a.mp4", reasoning="Water runs.")
ITEM = with_evidence_fields(BARE, Evidence("A hand fills the white bowl.", (BOWL,)), [CoreFrame(time=3.2)])


@pytest.mark.parametrize(
    ("way", "asked", "target"),
    [
        pytest.param("answer", "What is filled?", "A bowl.", id="answer"),
        pytest.param("think", "What is filled?", "<think>\nWater runs.\n</think>\n\nA bowl.", id="think"),
        pytest.param(
            "explain", f"What is filled?\n{EXPLAIN}", "<think>\nWater runs.\n</think>\n\nA bowl.", id="explain"
        ),
        pytest.param(
            "evidence",
            f"What is filled?\n{EVIDENCE}",
            "A hand fills the <obj>white bowl</obj><box>[100, 200, 500, 600]</box>at<t>3.20</t>s.",
            id="evidence",
        ),
        pytest.param(
            "answer_from_evidence",
            "What is filled?\nEvidence: A hand fills the <obj>white bowl</obj><box>[100, 200, 500, 600]</box>"
            f"at<t>3.20</t>s.\n{FROM_EVIDENCE}",
            "A bowl.",
            id="answer_from_evidence",
        ),
    ],
)
def test_a_way_has_its_words(way, asked, target):
    assert asked_question(ITEM, way, "qwen_1000") == asked
    assert target_text(ITEM, way, "qwen_1000") == target


def test_what_a_student_wrote_goes_before_the_items_own_evidence_as_it_is():
    told = with_generated_evidence(ITEM, "{x} <box>[?]</box> %s")
    assert asked_question(told, "answer_from_evidence") == (
        f"What is filled?\nEvidence: {{x}} <box>[?]</box> %s\n{FROM_EVIDENCE}"
    )


def test_nothing_written_is_nothing_told_and_not_the_truth():
    assert "bowl" not in asked_question(with_generated_evidence(ITEM, ""), "answer_from_evidence", "qwen_1000")


def test_what_a_student_wrote_is_never_the_target():
    assert "A hand fills" in target_text(with_generated_evidence(ITEM, "something else"), "evidence")


@pytest.mark.parametrize("way", ["think", "explain"])
def test_an_item_without_reasoning_is_answered_directly(way):
    assert target_text(replace(ITEM, reasoning=None), way) == "A bowl."


@pytest.mark.parametrize(
    ("style", "size", "boxes"),
    [
        pytest.param(None, None, "", id="none_without_a_style"),
        pytest.param("qwen2_5_vl_px", None, "", id="none_in_pixels_of_what_is_not_seen"),
        pytest.param(
            "qwen2_5_vl_px", (200, 100), "<box>[20, 20, 100, 60]</box>at<t>3.20</t>s", id="pixels_of_the_frame"
        ),
        pytest.param("gemini_yxyx_1000", None, "<box>[200, 100, 600, 500]</box>at<t>3.20</t>s", id="its_own_order"),
    ],
)
def test_boxes_are_written_in_the_style_of_who_writes(style, size, boxes):
    assert evidence_text(ITEM, style, size) == f"A hand fills the <obj>white bowl</obj>{boxes}."


def test_a_box_without_area_in_whole_units_is_left_out_and_its_thing_stays():
    thin = replace(BOWL, boxes=(PlacedBox((0.1, 0.2, 0.1004, 0.6)), PlacedBox((0.1, 0.2, 0.5, 0.6))))
    item = with_evidence_fields(BARE, Evidence("A hand fills the white bowl.", (thin,)), [])
    written = evidence_text(item, "qwen_1000")
    assert written == "A hand fills the <obj>white bowl</obj><box>[100, 200, 500, 600]</box>."


def test_of_several_pictures_only_the_boxes_of_the_one_that_is_shown_are_taught():
    boxes = [(0.1, 0.2, 0.5, 0.6), (0.2, 0.2, 0.5, 0.6), (0.3, 0.2, 0.5, 0.6)]
    placed = tuple(PlacedBox(box, frame) for box, frame in zip(boxes, (0, 1, None), strict=True))
    evidence = Evidence("A hand fills the white bowl.", (replace(BOWL, boxes=placed),))
    frames = [CoreFrame(path="one.jpg"), CoreFrame(path="two.jpg")]
    written = {}
    for name in ("one.jpg", "two.jpg", "three.jpg"):
        item = with_evidence_fields(replace(BARE, video_id=None, image_id=name), evidence, frames)
        written[name] = evidence_text(item, "qwen_1000").removeprefix("A hand fills the <obj>white bowl</obj>")
    assert written == {
        "one.jpg": "<box>[100, 200, 500, 600]</box>.",
        "two.jpg": "<box>[200, 200, 500, 600]</box>.",
        "three.jpg": ".",
    }


@pytest.mark.parametrize("ask", [asked_question, target_text], ids=["asked", "target"])
def test_an_item_without_evidence_is_refused_with_its_medium_and_question(ask):
    way = "evidence" if ask is target_text else "answer_from_evidence"
    with pytest.raises(DataError, match=r'a\.mp4: "What is filled\?" has no evidence'):
        ask(BARE, way, "qwen_1000")


def test_no_two_ways_of_asking_are_worded_alike_but_those_that_differ_in_the_reply():
    ways = ("answer", "explain", "evidence", "answer_from_evidence")
    assert len({asked_question(ITEM, way) for way in ways}) == 4
    assert asked_question(ITEM, "think") == asked_question(ITEM, "answer")
