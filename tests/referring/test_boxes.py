"""Which labelled boxes are asked about, and why the others are not."""

import pytest

from annotate.referring.boxes import Frame, Selection, select, to_thousandths
from annotate.referring.kitti import Labelled

FRAME = Frame(1242, 375)


def one(corners, kind="Car", line=1):
    return Labelled(line, kind, tuple(float(value) for value in corners), 0.0, 1.0)


ALL = Selection()


def reasons(*objects, frame=FRAME, selection=ALL):
    return {entry["line"]: entry["reason"] for entry in select(objects, frame, selection)[1]}


@pytest.mark.parametrize(
    ("corners", "kept", "was"),
    [
        pytest.param([10, 20, 30, 40], [10, 20, 30, 40], None, id="inside"),
        pytest.param([0, 0, 1242, 375], [0, 0, 1242, 375], None, id="the_whole_image"),
        pytest.param([1200, 0, 1243, 375], [1200, 0, 1242, 375], [1200, 0, 1243, 375], id="a_pixel_past_the_edge"),
        pytest.param([-1, -0.5, 30, 40], [0, 0, 30, 40], [-1, -0.5, 30, 40], id="a_pixel_before_the_edge"),
    ],
)  # fmt: skip
def test_a_box_is_used_and_one_that_is_clipped_says_what_it_was(corners, kept, was):
    (box,), left_out = select([one(corners)], FRAME, Selection())
    assert box["bbox_px"] == kept and box.get("clipped_from") == was and left_out == []


@pytest.mark.parametrize(
    ("corners", "kind"),
    [
        pytest.param([30, 20, 10, 40], "inverted", id="right_of_left_of_it"),
        pytest.param([10, 40, 30, 20], "inverted", id="bottom_above_top"),
        pytest.param([10, 20, 10, 40], "without area", id="no_width"),
        pytest.param([10, 20, 30, 20], "without area", id="no_height"),
        pytest.param([10, 20, 10.0004, 40], "without area", id="no_width_in_the_decimals_that_are_kept"),
        pytest.param([1300, 20, 1330, 40], "outside the image", id="wholly_to_the_right"),
        pytest.param([1242, 20, 1242.5, 40], "outside the image", id="beyond_the_edge_by_less_than_a_pixel"),
        pytest.param([-30, 20, 0, 40], "outside the image", id="ends_where_the_image_begins"),
        pytest.param([1200, 20, 1243.5, 40], "partly outside the image", id="more_than_a_pixel_past_the_edge"),
        pytest.param([10, -2, 30, 40], "partly outside the image", id="more_than_a_pixel_above_it"),
    ],
)
def test_a_box_that_cannot_be_used_says_why(corners, kind):
    boxes, left_out = select([one(corners)], FRAME, Selection())
    assert boxes == [] and left_out[0]["reason"].partition(":")[0] == kind
    assert str([round(float(value), 3) for value in corners]) in left_out[0]["reason"], "the reason shows the box"


def test_types_and_sizes_are_left_out_as_a_person_says_and_with_the_reason():
    objects = [one([1, 1, 9, 9], "DontCare"), one([1, 1, 9, 9], "Car", 2), one([1, 1, 4, 9], "Van", 3)]
    told = reasons(*objects, selection=Selection(("DontCare",), 5.0))
    assert told == {
        1: "its type is in skip_types: DontCare",
        3: "smaller than min_box_px: [1.0, 1.0, 4.0, 9.0]",
    }


def test_a_type_that_is_skipped_is_not_looked_at_any_further():
    assert reasons(one([-1, -1, -1, -1], "DontCare"), selection=Selection(("DontCare",))) == {
        1: "its type is in skip_types: DontCare"
    }


def test_the_same_box_twice_is_one_and_another_type_on_the_same_box_is_another():
    objects = [one([1, 1, 9, 9]), one([1, 1, 9, 9], line=2), one([1, 1, 9, 9], "Van", 3)]
    boxes, left_out = select(objects, FRAME, Selection())
    assert [box["line"] for box in boxes] == [1, 3]
    assert left_out == [{"line": 2, "reason": "same as another line: 1"}]


def test_a_box_that_would_lie_in_the_image_as_it_is_stored_points_to_the_setting():
    told = reasons(one([500, 20, 590, 90]), frame=Frame(400, 600, 6))
    assert "label_orientation=stored" in told[1]
    assert "label_orientation" not in reasons(one([700, 20, 790, 90]), frame=Frame(400, 600, 6))[1]


def test_thousandths_are_the_nearest_and_a_box_too_thin_for_them_has_none():
    assert to_thousandths([0, 0, 1242, 375], 1242, 375) == [0, 0, 1000, 1000]
    assert to_thousandths([599.41, 156.40, 629.75, 189.25], 1242, 375) == [483, 417, 507, 505]
    (box,), _ = select([one([10, 10, 11, 300])], Frame(4000, 300), Selection())
    assert box["bbox_2d"] is None and box["bbox_px"] == [10, 10, 11, 300]
