"""Annotations of an earlier run as a start: TAO's fields and ours, and what of them cannot be used."""

import pytest

from annotate.referring.given import brought, given_objects, given_steps

FRAME = {
    "width": 320,
    "height": 240,
    "boxes": [{"bbox_px": [20.0, 30.0, 80.0, 80.0], "type": "Car"}, {"bbox_px": [100, 100, 200, 200], "type": "Van"}],
}
# What TAO 7.3.0 writes about such an image: boxes of regions and expressions in 0-1000.
TAO = {
    "width": 320,
    "height": 240,
    "kitti_bboxes": [[20, 30, 80, 80, "Car"], [100, 100, 200, 200, "Van"]],
    "regions": [
        {"bbox_2d": [62, 125, 250, 333], "bbox": [62, 125, 250, 333], "type": "car", "color": "red", "description": "d"}
    ],
    "caption": "A street.",
    "expressions": [
        {
            "text": "the red car",
            "instances": [{"bbox": [62, 125, 250, 333], "bbox_score": 0.9, "bbox_id": "box_00017"}],
            "expression_id": "expr_00009",
        }
    ],
}


def test_taos_annotations_become_rows_of_ours_with_pixels_and_ids_of_their_own():
    taken = given_steps(TAO, "deep/a.png", FRAME)
    assert taken.left_out == []
    (region,) = taken.fields["regions"]
    assert region["bbox_2d"] == [62, 125, 250, 333] and region["bbox_px"] == [19.84, 30.0, 80.0, 79.92]
    assert region["box"] == 0 and region["box_iou"] > 0.98
    assert taken.fields["caption"] == "A street."
    (expression,) = taken.fields["expressions"]
    assert expression["text"] == "the red car" and expression["expression_id"] == "deep/a.png/expr_00"
    (instance,) = expression["instances"]
    assert instance["bbox_id"] == "deep/a.png/expr_00/box_00"
    assert (instance["region"], instance["region_iou"], instance["bbox_2d"]) == (0, 1.0, [62, 125, 250, 333])
    assert "bbox_score" not in instance, "TAO's is the same for every box"


def test_taos_boxes_are_numbered_as_they_stand_and_ours_know_their_lines():
    objects, left_out = given_objects(TAO)
    assert [(one.line, one.type, one.corners) for one in objects] == [
        (1, "Car", (20, 30, 80, 80)), (2, "Van", (100, 100, 200, 200)),
    ]  # fmt: skip
    ours = {
        "kitti_bboxes": TAO["kitti_bboxes"],
        "boxes": [
            {"bbox_px": [0, 0, 9.5, 9], "type": "Car", "truncated": 0.3, "occluded": 2, "score": 0.5, "line": 4,
             "clipped_from": [-1, 0, 9.5, 9]},
        ],
        "left_out": [{"line": 1, "reason": "inverted: [3, 3, 1, 1]"}],
    }  # fmt: skip
    (one,), left_out = given_objects(ours)
    assert (one.line, one.corners, one.truncated, one.occluded, one.score) == (4, (-1, 0, 9.5, 9), 0.3, 2, 0.5)
    assert left_out == ours["left_out"], "what was left out then stays left out, with its reason"


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param([1, 2, 3, "Car"], id="too_few"),
        pytest.param([1, 2, 3, 4], id="no_type"),
        pytest.param([1, 2, "x", 4, "Car"], id="a_word"),
        pytest.param([1, 2, None, 4, "Car"], id="null"),
        pytest.param([1, 2, 1e30, 4, "Car"], id="a_number_that_is_no_pixel"),
        pytest.param("1 2 3 4 Car", id="a_text"),
        pytest.param(7, id="a_number"),
    ],
)
def test_an_entry_that_is_no_box_is_named_by_its_place(entry):
    objects, left_out = given_objects({"kitti_bboxes": [[1, 2, 3, 4, "Car"], entry]})
    assert len(objects) == 1 and left_out[0]["line"] == 2 and left_out[0]["reason"].startswith("no box: ")


@pytest.mark.parametrize("entry", ["x", None, [1, 2], {"bbox_px": [1, 2, 1e30, 4], "type": "Car"}])
def test_what_is_no_box_of_ours_is_named_by_its_place_too(entry):
    ours = {"boxes": [{"bbox_px": [1, 2, 3, 4], "type": "Car", "line": 1e30}, entry]}
    (one,), left_out = given_objects(ours)
    assert one.line == 1, "a line that is no whole number is counted anew"
    assert left_out[0]["line"] == 2 and left_out[0]["reason"].startswith("no box: ")


def test_what_an_earlier_run_left_out_is_taken_over_only_with_a_reason():
    told = [{"line": 3, "reason": "inverted: [3, 3, 1, 1]"}, "x", None, {"line": 1}, {"line": "a", "reason": "x"}]
    _, left_out = given_objects({"boxes": [], "left_out": told})
    assert left_out[0] == told[0] and [one["entry"] for one in left_out[1:]] == [f"left_out[{n}]" for n in range(1, 5)]


@pytest.mark.parametrize(
    ("box", "words"),
    [
        pytest.param([250, 125, 62, 333], "inverted", id="inverted"),
        pytest.param([62, 125, 62, 333], "without area", id="no_area"),
        pytest.param([62, 125, 1250, 333], "outside the frame", id="beyond_a_thousand"),
        pytest.param([62, 125, 250], "not four finite numbers", id="three_numbers"),
        pytest.param("62", "an entry without a box", id="no_numbers"),
    ],
)
def test_a_given_box_that_cannot_be_used_is_named_by_its_place_and_never_mended(box, words):
    given = {
        "regions": [{"bbox_2d": box, "description": "d"}, *TAO["regions"]],
        "expressions": [
            {"text": "both", "instances": [{"bbox": box}, {"bbox": [62, 125, 250, 333]}]},
            {"text": "one", "instances": [{"bbox": box}]},
        ],
    }
    taken = given_steps(given, "a.png", FRAME)
    assert [one["entry"] for one in taken.left_out] == [
        "regions[0]", "expressions[0].instances[0]", "expressions[1].instances[0]",
    ]  # fmt: skip
    assert all(words in one["reason"] for one in taken.left_out)
    assert len(taken.fields["regions"]) == 1
    assert [len(one["instances"]) for one in taken.fields["expressions"]] == [1]


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param({"text": "", "instances": [{"bbox": [1, 1, 2, 2]}]}, id="no_text"),
        pytest.param({"text": {"a": 1}, "instances": [{"bbox": [1, 1, 2, 2]}]}, id="a_text_that_is_none"),
        pytest.param({"text": "a car", "instances": None}, id="no_instances"),
        pytest.param({"text": "a car", "instances": []}, id="not_one_box"),
        pytest.param("a car", id="a_text"),
    ],
)
def test_an_expression_that_says_nothing_is_named_and_counted(entry):
    taken = given_steps({"expressions": [entry]}, "a.png", FRAME)
    assert taken.fields["expressions"] == [] and [one["entry"] for one in taken.left_out] == ["expressions[0]"]


def test_taos_marks_of_calls_that_failed_bring_nothing_along():
    failed = {"kitti_bboxes": [[1, 2, 3, 4, "Car"]], "caption": "", "regions": [], "expressions": []}
    assert brought(failed) == [] and given_steps(failed, "a.png", FRAME).fields == {}
    assert brought(TAO) == ["0", "1", "2"]


def test_empty_lists_of_an_image_without_boxes_and_of_ours_are_what_the_steps_have_said():
    assert brought({"kitti_bboxes": [], "regions": [], "expressions": []}) == ["0", "2"]
    ours = {"kitti_bboxes": [[1, 2, 3, 4, "DontCare"]], "boxes": [], "regions": [], "expressions": []}
    assert brought(ours) == ["0", "2"] and given_steps(ours, "a.png", FRAME).fields == {
        "regions": [],
        "expressions": [],
    }
