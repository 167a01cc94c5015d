"""Boxes are read as written: which number is x, and what it counts, is for the declared convention to say."""

import pytest

from demitasse.answers import Status, read_boxes

ONE, TWO = (1, 2, 3, 4), (5, 6, 7, 8)

READ = [
    pytest.param('[{"bbox_2d": [1, 2, 3, 4], "label": "car"}]', [ONE], id="the_family_form"),
    pytest.param('```json\n[{"bbox_2d": [1, 2, 3, 4]}, {"bbox_2d": [5, 6, 7, 8]}]\n```', [ONE, TWO], id="fenced"),
    pytest.param('[{"box_2d": [1, 2, 3, 4]}]', [ONE], id="geminis_key_does_not_turn_the_order"),
    pytest.param('[{"bbox": [1, 2, 3, 4]}]', [ONE], id="the_short_key"),
    pytest.param('{"bbox_2d": [1, 2, 3, 4]}', [ONE], id="a_single_object"),
    pytest.param('{"bbox_2d": [1, 2, 3, 4]}\n{"bbox_2d": [5, 6, 7, 8]}', [ONE, TWO], id="one_object_a_line"),
    pytest.param('{"bbox_2d": [[1, 2, 3, 4], [5, 6, 7, 8]], "label": "car"}', [ONE, TWO], id="a_list_under_one_key"),
    pytest.param("[0.1, 0.2, 0.3, 0.4]", [(0.1, 0.2, 0.3, 0.4)], id="bare_numbers"),
    pytest.param("[[1, 2, 3, 4], [5, 6, 7, 8]]", [ONE, TWO], id="a_list_of_bare_numbers"),
    pytest.param("The car is at: [1, 2, 3, 4].", [ONE], id="in_prose"),
    pytest.param("As said [1], it is at [[1, 2, 3, 4]]", [ONE], id="a_footnote_is_no_box"),
    pytest.param("[[1, 2, 3, 4]]\nSo: [[1, 2, 3, 4]]", [ONE], id="the_same_list_twice"),
    pytest.param("[]", [], id="nothing_to_be_seen_is_an_answer"),
    pytest.param("(1,2),(3,4)", [ONE], id="two_points"),
    pytest.param("It is at (1, 2, 3, 4).", [ONE], id="four_numbers_in_round_brackets"),
    pytest.param(" 1, 2, 3, 4\n", [ONE], id="four_numbers_and_nothing_else"),
    pytest.param("A car, [9, 9, 10, 10]. <answer>[1, 2, 3, 4]</answer>", [ONE], id="only_the_tag_is_read"),
    pytest.param('<answer>[{"bbox_2d": [1, 2, 3, 4]}]', [ONE], id="a_tag_that_is_open"),
    pytest.param('[{"bbox_2d": [1, 2, 3, 4], "label": "car",},]', [ONE], id="commas_too_many"),
    pytest.param('{"bounding_box": [1, 2, 3, 4]}', [ONE], id="the_long_key"),
    pytest.param("<ref>car</ref><box>(1,2),(3,4)</box><box>(5,6),(7,8)</box>", [ONE, TWO], id="qwen_vls_marks"),
    pytest.param(
        "<|object_ref_start|>car<|object_ref_end|><|box_start|>(1, 2),(3, 4)<|box_end|>", [ONE], id="qwen2_vls_marks"
    ),
    pytest.param("[3, 2, 1, 4]", [(3, 2, 1, 4)], id="reversed_corners_stay_reversed"),
    pytest.param("(-1,2),(3,4.5)", [(-1, 2, 3, 4.5)], id="outside_stays_outside"),
    pytest.param('[{"bbox_2d": [1, 2, 3, 4]}, {"bbox_2d": [5, 6]}]', [ONE, None], id="two_numbers_beside_a_box"),
    pytest.param('[{"bbox_2d": [1, 2, 3, 4]}, {"label": "car"}]', [ONE, None], id="an_entry_without_a_box"),
    pytest.param('[[1, 2, 3, 4], [5, 6, NaN, 8]]', [ONE, None], id="not_finite_beside_a_box"),
    pytest.param('[[1, 2, 3, 4], [5, 6, true, 8]]', [ONE, None], id="a_truth_value_is_no_number"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), READ)
def test_boxes_are_read_as_written(text, expected):
    parsed = read_boxes(text)
    assert parsed.ok
    assert [box.values for box in parsed.value] == expected


NOT_READ = [
    pytest.param("[1, 2, 3]", "not_a_box", id="three_numbers"),
    pytest.param("[1, 2, NaN, 4]", "not_a_box", id="not_finite"),
    pytest.param('[{"bbox_2d": ["1", 2, 3, 4]}]', "not_a_box", id="text_for_a_number"),
    pytest.param('[{"bbox_2d": null}]', "not_a_box", id="null_for_a_box"),
    pytest.param(f"[{'9' * 400}, 1, 2, 3]", "not_a_box", id="a_number_that_fits_no_float"),
    pytest.param("in the corner", "no_boxes", id="prose"),
    pytest.param("There are 1, 2, 3, 4 cars", "no_boxes", id="four_numbers_in_a_sentence"),
    pytest.param(
        "<answer>[1, 2, 3, 4]</answer><answer>[5, 6, 7, 8]</answer>", "several_lists", id="two_tags_that_differ"
    ),
    pytest.param('[{"label": "car"}]', "no_boxes", id="labels_alone"),
    pytest.param("[[1, 2, 3, 4]] or [[1, 2, 3, 5]]", "several_lists", id="two_lists_that_differ"),
    pytest.param("[] but perhaps [[1, 2, 3, 4]]", "several_lists", id="nothing_and_something"),
    pytest.param('[{"bbox_2d": [1, 2, 3, 4]}, {"bbox_2d": [5,', "list_not_closed", id="a_list_that_was_cut_off"),
    pytest.param('{"bbox_2d": [1, 2, 3, 4], "lab', "list_not_closed", id="an_object_that_was_cut_off"),
    pytest.param('{"bbox_2d" : [1, 2, 3, 4], "lab', "list_not_closed", id="cut_off_with_a_space_before_the_colon"),
]


@pytest.mark.parametrize(("text", "reason"), NOT_READ)
def test_what_holds_no_boxes_is_unparsable_with_its_reason(text, reason):
    parsed = read_boxes(text)
    assert (parsed.value, parsed.method, parsed.status) == (None, reason, Status.UNPARSABLE)


def test_labels_come_along_and_may_be_left_out():
    parsed = read_boxes(
        '[{"bbox_2d": [1, 2, 3, 4], "label": "car"}, {"bbox_2d": [5, 6, 7, 8]}, {"bbox": [1, 2, 3, 4], "label": 7}]'
    )
    assert [box.label for box in parsed.value] == ["car", None, None]


def test_the_span_holds_all_boxes():
    text = "See (1,2),(3,4) and (5,6),(7,8)."
    start, end = read_boxes(text).span
    assert text[start:end] == "(1,2),(3,4) and (5,6),(7,8)"
    text = "A car. <answer> [1, 2, 3, 4]</answer>"
    start, end = read_boxes(text).span
    assert text[start:end] == "[1, 2, 3, 4]"


def test_empty_and_refused_are_told_apart_from_unparsable():
    assert read_boxes(" ").status is Status.EMPTY
    assert read_boxes("I cannot see the image.").status is Status.REFUSAL
