"""A model's own units at the edge, canonical boxes within."""

import pytest

from annotate.referring.space import Space, canonical, space_of, stored
from demitasse.chat.kinds import BOX_STYLES
from demitasse.engine.caller import ParseError
from demitasse.errors import DataError

BOX = (0.125, 0.25, 0.5, 0.75)
SIZE = (1204, 616)  # as sent: multiples of 28, one of them no power of anything
WRITTEN = {
    "qwen_1000": [125, 250, 500, 750],
    "gemini_yxyx_1000": [250, 125, 750, 500],
    "qwen2_5_vl_px": [151, 154, 602, 462],
    "image_px": [151, 154, 602, 462],
}
FIELDS = {"width": 4000, "height": 300}


def test_there_is_a_case_for_every_style():
    assert set(WRITTEN) == set(BOX_STYLES)


@pytest.mark.parametrize("style", WRITTEN)
def test_a_box_is_written_in_the_models_own_units_and_order(style):
    assert space_of(style, SIZE).write(BOX) == WRITTEN[style]


@pytest.mark.parametrize("style", WRITTEN)
def test_what_is_written_reads_back_within_half_a_unit_at_every_edge(style):
    space = space_of(style, SIZE)
    units = (1000, 1000) if BOX_STYLES[style].scale else SIZE
    for box in (BOX, (0, 0, 1, 1), (1 / 3, 1 / 7, 2 / 3, 6 / 7), (0.9981, 0.0019, 1, 1)):
        read = space.read(space.write(box))
        edges = zip(read, box, units * 2, strict=True)
        assert all(abs(after - before) * unit <= 0.5 + 1e-9 for after, before, unit in edges)


def test_where_nobody_says_how_a_model_writes_boxes_it_is_asked_as_tao_asks():
    assert space_of("", SIZE).write(BOX) == WRITTEN["qwen_1000"]


@pytest.mark.parametrize("style", WRITTEN)
def test_the_prompt_says_order_units_and_origin(style):
    told = space_of(style, SIZE).told
    assert ("[ymin, xmin, ymax, xmax]" in told) == (style == "gemini_yxyx_1000")
    assert ("0 to 1000" in told) == bool(BOX_STYLES[style].scale)
    assert ("1204 wide and 616 high" in told) == (not BOX_STYLES[style].scale)
    assert "top left" in told


@pytest.mark.parametrize(
    ("style", "values", "said"),
    [
        pytest.param("qwen_1000", [500, 250, 125, 750], "inverted", id="inverted"),
        pytest.param("qwen_1000", [125, 250, 125, 750], "without area", id="without_area"),
        pytest.param("qwen_1000", [125, 250, 500, 1001], "outside", id="a_unit_too_far"),
        pytest.param("qwen_1000", [-1, 250, 500, 750], "outside", id="before_the_edge"),
        pytest.param("qwen_1000", [125, 250, 500], "not four", id="three_numbers"),
        pytest.param("qwen_1000", [], "not four", id="no_numbers"),
        pytest.param("qwen_1000", [125, 250, float("nan"), 750], "not four finite", id="nan"),
        pytest.param("image_px", [700, 100, 900, 616.5], "outside", id="beyond_the_picture_that_was_sent"),
        pytest.param("qwen2_5_vl_px", [100, 700, 400, 1200], "x and y look swapped", id="swapped_axes"),
        pytest.param("gemini_yxyx_1000", [1200, 10, 1300, 20], "outside", id="pixels_where_thousandths_are_meant"),
    ],
)
def test_what_is_no_box_is_refused_with_the_reason_and_never_clipped(style, values, said):
    with pytest.raises(ParseError) as error:
        space_of(style, SIZE).read_all([("Region 3", values)])
    assert "Region 3" in str(error.value) and said in str(error.value)


def test_a_complaint_reminds_of_the_units_and_names_the_first_few_faults():
    with pytest.raises(ParseError) as error:
        Space("qwen_1000").read_all([(f"Region {number}", [0, 0, 0, 0]) for number in range(1, 8)])
    assert "Region 4" in str(error.value) and "Region 5" not in str(error.value) and "And 3 more" in str(error.value)
    with pytest.raises(ParseError, match="0 to 1000"):
        Space("qwen_1000").read_all([("Region 1", [0, 0, 0, 0])])


def test_thousandths_stay_as_the_teacher_wrote_them_and_pixels_stand_beside_them():
    for written in ([1, 2, 999, 1000], [333, 667, 334, 668], [7, 11, 13, 997]):
        row = stored(Space("qwen_1000").read(written), FIELDS)
        assert row["bbox_2d"] == written
        assert row["bbox_px"] == pytest.approx([written[0] * 4, written[1] * 0.3, written[2] * 4, written[3] * 0.3])


@pytest.mark.parametrize("style", WRITTEN)
def test_a_row_gives_every_model_the_numbers_back_that_it_wrote(style):
    space = space_of(style, SIZE)
    for written in ([1, 2, 600, 599], [333, 77, 401, 401], [5, 5, 9, 9]):
        assert space.write(canonical(stored(space.read(written), FIELDS), FIELDS)) == written


def test_a_row_of_taos_own_has_thousandths_alone():
    assert canonical({"bbox_2d": [125, 250, 500, 750]}, FIELDS) == BOX


@pytest.mark.parametrize("style", WRITTEN)
def test_a_box_too_thin_for_the_units_is_not_written(style):
    with pytest.raises(DataError, match="thinner"):
        space_of(style, SIZE).write((0.1001, 0.2, 0.1002, 0.8))


def test_a_box_of_a_pixel_that_has_no_area_in_our_files_is_no_reply_either():
    with pytest.raises(ParseError, match="thinner"):
        space_of("image_px", (4000, 300)).read_all([("Region 1", [2000, 10, 2001, 200])])
