"""Boxes: every convention there and back, and nothing clipped, reordered or guessed."""

import math
import random

import numpy as np
import pytest

from demitasse import geometry
from demitasse.errors import DataError
from demitasse.geometry import check_box, from_canonical, iou, match_boxes, smart_resize, to_canonical

SIZES = [
    pytest.param((1080, 1920), id="portrait"),
    pytest.param((407, 663), id="odd"),
    pytest.param((4000, 300), id="wide"),
]
CONVENTIONS = [
    pytest.param(convention, id=name.lower())
    for name, convention in vars(geometry).items()
    if isinstance(convention, geometry.Convention)
]


def size_of(convention, width, height):
    """The size that a convention's pixels count in: Qwen2.5-VL sees the resized frame."""
    if convention is geometry.QWEN2_5_VL:
        rows, columns = smart_resize(height, width)
        return columns, rows
    return width, height


def boxes(seed, count=200):
    chance = random.Random(seed)
    for _ in range(count):
        x1, y1 = chance.uniform(0, 0.9), chance.uniform(0, 0.9)
        yield (x1, y1, chance.uniform(x1 + 0.05, 1), chance.uniform(y1 + 0.05, 1))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_box_comes_back_within_half_a_unit(convention, size):
    units = size_of(convention, *size)
    unit = max(1 / side for side in (units if convention.scale is None else (convention.scale,)))
    for box in boxes(1):
        again = to_canonical(from_canonical(box, convention, units), convention, units)
        assert again == pytest.approx(box, abs=unit / 2 + 1e-9 if convention.whole else 1e-9)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("convention", [param for param in CONVENTIONS if param.values[0].whole])
def test_whole_numbers_come_back_exactly(convention, size):
    units = size_of(convention, *size)
    for box in boxes(2):
        written = from_canonical(box, convention, units)
        assert all(type(value) is int for value in written)
        assert from_canonical(to_canonical(written, convention, units), convention, units) == written


@pytest.mark.parametrize(
    ("convention", "written"),
    [
        pytest.param(geometry.QWEN2_VL, [100, 200, 500, 400], id="qwen2_vl"),
        pytest.param(geometry.QWEN3_VL, [100, 200, 500, 400], id="qwen3_vl"),
        pytest.param(geometry.GEMINI, [200, 100, 400, 500], id="gemini_has_y_first"),
        pytest.param(geometry.QWEN2_5_VL, [40, 40, 200, 80], id="qwen2_5_vl_pixels"),
        pytest.param(geometry.KITTI, [40, 40, 200, 80], id="kitti_pixels"),
        pytest.param(geometry.COCO, [40, 40, 160, 40], id="coco_corner_and_size"),
        pytest.param(geometry.VIDEOESPRESSO_100, [30, 30, 40, 20], id="videoespresso_centre_and_size"),
        pytest.param(geometry.VIDEOESPRESSO_1000, [300, 300, 400, 200], id="videoespresso_times_1000"),
    ],
)
def test_one_box_as_each_convention_writes_it(convention, written):
    box, size = (0.1, 0.2, 0.5, 0.4), (400, 200)
    assert from_canonical(box, convention, size) == pytest.approx(written)
    assert to_canonical(written, convention, size) == pytest.approx(box)


def test_the_full_frame_is_legal_in_every_convention():
    assert to_canonical([0, 0, 1000, 1000], geometry.QWEN3_VL) == (0, 0, 1, 1)
    assert to_canonical([0, 0, 407, 663], geometry.KITTI, (407, 663)) == (0, 0, 1, 1)
    assert from_canonical((0, 0, 1, 1), geometry.GEMINI) == [0, 0, 1000, 1000]


@pytest.mark.parametrize(
    ("box", "says"),
    [
        pytest.param((0.5, 0.1, 0.2, 0.3), "inverted", id="x_inverted"),
        pytest.param((0.1, 0.5, 0.2, 0.3), "inverted", id="y_inverted"),
        pytest.param((0.1, 0.1, 0.1, 0.3), "without area", id="no_width"),
        pytest.param((0.1, 0.1, 0.2, 0.1), "without area", id="no_height"),
        pytest.param((-0.1, 0.1, 0.2, 0.3), "outside", id="left_of_the_frame"),
        pytest.param((0.1, 0.1, 0.2, 1.01), "outside", id="below_the_frame"),
        pytest.param((0.1, 0.1, 0.2), "four", id="three_numbers"),
        pytest.param((0.1, 0.1, 0.2, 0.3, 0.4), "four", id="five_numbers"),
        pytest.param((0.1, 0.1, math.nan, 0.3), "finite", id="not_a_number"),
        pytest.param((0.1, 0.1, math.inf, 0.3), "finite", id="infinite"),
        pytest.param((0.1, 0.1, 10**400, 0.3), "finite", id="larger_than_any_float"),
        pytest.param((0.1, 0.1, True, 0.3), "numbers", id="truth_value"),
        pytest.param(("0.1", 0.1, 0.2, 0.3), "numbers", id="text"),
    ],
)
def test_a_bad_box_raises_and_is_never_mended(box, says):
    with pytest.raises(DataError, match=says):
        check_box(box)


def test_a_good_box_is_returned_unchanged():
    assert check_box([0.1, 0.2, 0.3, 0.4]) == (0.1, 0.2, 0.3, 0.4)
    assert check_box(np.array([0.25, 0.25, 0.5, 0.5], dtype=np.float32)) == (0.25, 0.25, 0.5, 0.5)


def test_swapped_axes_are_pointed_out_not_repaired():
    with pytest.raises(DataError, match="look swapped"):
        to_canonical([100, 900, 200, 1800], geometry.KITTI, (1920, 1080))


def test_pixels_need_a_size_and_scales_do_not():
    with pytest.raises(DataError, match="width and height"):
        to_canonical([1, 2, 3, 4], geometry.KITTI)
    assert to_canonical([0, 0, 500, 500], geometry.QWEN2_VL) == (0, 0, 0.5, 0.5)


def test_a_box_too_thin_for_whole_units_is_refused_not_written_empty():
    with pytest.raises(DataError, match="thinner"):
        from_canonical((0.1, 0.1, 0.1002, 0.5), geometry.QWEN3_VL)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("factor", [28, 32])
def test_the_resized_frame_is_transformers_own(size, factor):
    from transformers.models.qwen2_vl import image_processing_pil_qwen2_vl as module  # the one without torchvision

    width, height = size
    for bounds in ({}, {"min_pixels": 256 * factor**2, "max_pixels": 512 * factor**2}, {"max_pixels": 64 * factor**2}):
        assert smart_resize(height, width, factor, **bounds) == module.smart_resize(height, width, factor, **bounds)


def test_a_frame_of_more_than_200_to_1_is_refused():
    with pytest.raises(DataError, match="200"):
        smart_resize(10, 2001)


def test_iou_is_one_for_itself_zero_apart_and_symmetric():
    for first, second in zip(boxes(3, 50), boxes(4, 50), strict=True):
        assert iou(first, first) == pytest.approx(1)
        assert iou(first, second) == pytest.approx(iou(second, first))
        assert 0 <= iou(first, second) <= 1
    assert iou((0, 0, 0.5, 1), (0.5, 0, 1, 1)) == 0
    assert iou((0, 0, 0.5, 1), (0.25, 0, 0.75, 1)) == pytest.approx(1 / 3)


def test_boxes_are_matched_for_the_best_sum_not_first_come_first_served():
    gold = [(0.0, 0.0, 0.4, 1.0), (0.3, 0.0, 0.7, 1.0)]
    predicted = [(0.2, 0.0, 0.6, 1.0), (0.4, 0.0, 0.8, 1.0)]  # both like the second gold box best
    assert [(row, column) for row, column, _ in match_boxes(predicted, gold)] == [(0, 0), (1, 1)]


def test_boxes_without_overlap_and_surplus_boxes_are_left_unmatched():
    near, far = (0.0, 0.0, 0.2, 0.2), (0.8, 0.8, 1.0, 1.0)
    assert match_boxes([far, near], [near]) == [(1, 0, pytest.approx(1))]
    assert match_boxes([far], [near]) == []
    assert match_boxes([], [near]) == [] and match_boxes([near], []) == []
