"""TAO's text grammar, as models write it."""

import pytest

from annotate.referring.grammar import fold, read_array, read_lines, unmarked, write_line

BOX = [1, 2, 30, 40]


@pytest.mark.parametrize(
    "phrase",
    [
        pytest.param("red car by the gate", id="plain"),
        pytest.param("sign that says: stop", id="a_colon"),
        pytest.param("sign: 'A: B: [C]'", id="colons_quotes_and_brackets"),
        pytest.param('the "STOP" sign', id="quotes"),
        pytest.param("box [12]", id="brackets_with_a_number"),
        pytest.param("clock at 12:30", id="a_time"),
        pytest.param("das größte Auto, 左边的红色汽车 🚗", id="unicode"),
        pytest.param("{curly} <b>bold</b> \\n", id="braces_tags_and_escapes"),
        pytest.param("3 people on a bench", id="a_number_first"),
        pytest.param("a: [[1, 2, 3, 4]]", id="a_phrase_that_looks_like_a_line"),
    ],
)
def test_a_line_is_read_back_as_it_was_written(phrase):
    assert read_lines(write_line(phrase, [BOX, BOX])) == [(phrase, [BOX, BOX])]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        pytest.param("a car: [1, 2, 30, 40]", [("a car", [BOX])], id="one_box_without_outer_brackets"),
        pytest.param("a car: []", [("a car", [])], id="no_box"),
        pytest.param("```\na car: [[1,2,30,40]]\n```", [("a car", [BOX])], id="in_a_fence"),
        pytest.param("- a car: [[1, 2, 30, 40]].", [("a car", [BOX])], id="a_dash_and_a_full_stop"),
        pytest.param("12) **a car**: [[1, 2, 30, 40]]", [("a car", [BOX])], id="numbered_and_bold"),
        pytest.param("a car : [[1.5, 2, 30, 40]]", [("a car", [[1.5, 2, 30, 40]])], id="fractions"),
        pytest.param("a: [[1, 2, 3]]", [("a", [[1, 2, 3]])], id="three_numbers_are_left_to_the_check_of_boxes"),
        pytest.param("a car: [[1, 2, 30, 40]]\nSure!", None, id="a_line_out_of_form"),
        pytest.param("a car", None, id="no_boxes_at_all"),
        pytest.param("[[1, 2, 30, 40]]", None, id="no_phrase"),
        pytest.param(": [[1, 2, 30, 40]]", None, id="an_empty_phrase"),
        pytest.param("a car: [[1, 2, 30, 40", None, id="cut_short"),
        pytest.param("a car: [['1', 2, 30, 40]]", None, id="text_for_a_number"),
        pytest.param("a car: [[true, 2, 30, 40]]", None, id="a_truth_for_a_number"),
        pytest.param("a car: " + "[" * 100_000, None, id="very_deep"),
        pytest.param('{"expressions": []}', None, id="json"),
        pytest.param("", None, id="empty"),
        pytest.param("null", None, id="null"),
    ],
)
def test_lines_are_all_in_form_or_there_are_none(text, read):
    assert read_lines(text) == read


def test_prose_is_passed_over_only_where_it_is_allowed_and_holds_no_bracket():
    text = "Here are the phrases:\na car: [[1, 2, 30, 40]]\nNothing else fits."
    assert read_lines(text, prose=True) == [("a car", [BOX])]
    assert read_lines(text) is None
    assert read_lines(text + "\nthe van [[1, 2, 3, 4]]", prose=True) is None
    assert read_lines('{\n"boxes": [[1, 2, 3, 4]],\n"phra', prose=True) is None, "broken JSON is no list of phrases"


ENTRY = {"bbox_2d": BOX, "type": "car", "color": "red", "description": "red car: 'by' the [gate]"}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('[{"bbox_2d": [1, 2, 30, 40], "type": "car", "color": "red", "description": "@"}]', id="bare"),
        pytest.param(
            'Sure:\n```json\n[\n{"bbox_2d": [1,2,30,40], "type": "car", "color": "red", "description": "@"}\n]\n```',
            id="in_a_fence_with_prose",
        ),
        pytest.param('{"bbox_2d": [1, 2, 30, 40], "type": "car", "color": "red", "description": "@"}', id="an_object"),
        pytest.param(
            "[{'bbox_2d': (1, 2, 30, 40), 'type': 'car', 'color': 'red', 'description': \"@\"}]", id="pythons_quotes"
        ),
    ],
)
def test_a_list_of_regions_is_read(text):
    (entry,) = read_array(text.replace("@", ENTRY["description"]))
    assert {**entry, "bbox_2d": list(entry["bbox_2d"])} == ENTRY


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("null", id="null"),
        pytest.param("[]", id="nothing"),
        pytest.param("[1, 2, 30, 40]", id="numbers"),
        pytest.param('[{"bbox_2d": [1, 2, 30', id="cut_short"),
        pytest.param('[{"a": 1}]\n[{"a": 2}]', id="two_lists"),
        pytest.param("[__import__('os')]", id="code"),
        pytest.param("[" * 100_000, id="very_deep"),
        pytest.param("I cannot see the image.", id="prose"),
    ],
)
def test_what_is_no_list_of_regions_is_none(text):
    assert read_array(text) is None


def test_several_objects_without_a_list_are_one():
    assert read_array('{"a": 1}\n{"a": 2}') == [{"a": 1}, {"a": 2}]


def test_ways_of_writing_the_same_phrase_are_the_same_and_others_are_not():
    ways = ("the “red” car", '- The "red"  car.', "**the 'red' car**", "1. the red car")
    assert {fold(way) for way in ways} == {"the red car"}
    assert len({fold(phrase) for phrase in ("red car", "red cars", "red car: left", "red car: right", "3 cars")}) == 5


def test_signs_of_a_list_are_no_part_of_a_phrase_and_numbers_are():
    assert [unmarked(text) for text in ("* a", "2. a", "2 a", "-a", "**a** b")] == ["a", "a", "2 a", "-a", "**a** b"]
