"""The thoughts of a grounding item: the teacher's words on what fits and what does not, and nothing unseen."""

import re

import pytest

from annotate.quality.leak import find_leak
from annotate.referring.reasoning import CANDIDATES, betrays, reasoning


def region(x, kind, colour, description=None):
    return {"bbox_px": [x, 0.0, x + 10.0, 10.0], "type": kind, "color": colour, "description": description}


RED = region(50.0, "Car", "red", "red car by the gate.")
BLUE = region(10.0, "Car", "blue", "blue car on the left")
TRUCK = region(90.0, "Truck", "red", "red truck behind the fence")


def test_candidates_are_judged_from_left_to_right_and_counted_at_the_end():
    assert reasoning("red car", [RED, BLUE, TRUCK], [0]) == (
        "Blue car on the left: it does not fit, it is blue. Red car by the gate: it fits. "
        "Red truck behind the fence: it does not fit, it is a truck. So one object fits."
    )


def test_a_colour_or_type_that_the_phrase_does_not_name_is_no_reason():
    told = reasoning("whatever stands by the gate", [RED, BLUE, TRUCK], [0])
    assert "it is" not in told and told.count("it does not fit.") == 2


def test_a_type_that_the_phrase_names_beside_the_other_is_no_reason():
    assert "it is a truck" not in reasoning("car near the truck", [RED, TRUCK], [0])


def test_a_plural_names_its_type():
    assert "it is a truck." in reasoning("two cars", [RED, BLUE, TRUCK], [0, 1])


def test_things_told_by_the_same_words_are_told_once():
    cones = [region(x, "Cone", "orange", "orange cone on the road") for x in (1.0, 2.0, 3.0)]
    told = reasoning("red car", [*cones, RED], [3])
    assert told.startswith("Orange cone on the road: none of the 3 fits, they are cones. Red car")
    assert reasoning("cones", [*cones, RED], [0, 1, 2]) == (
        "Orange cone on the road: all 3 fit. Red car by the gate: it does not fit, it is a car. So 3 objects fit."
    )


def test_words_that_are_said_of_something_that_fits_rule_nothing_out():
    twins = [region(1.0, "Car", "white", "white car"), region(2.0, "Car", "white", "white car")]
    assert reasoning("the white car in front", twins, [0]) == "White car: it fits. So one object fits."


def test_a_missing_description_is_told_by_colour_and_type():
    plain = [region(1.0, "Person_sitting", "unknown"), region(2.0, "Car", "grey", " ")]
    told = reasoning("person", plain, [0])
    assert told.startswith("Person sitting: it fits. Grey car: it does not fit")


@pytest.mark.parametrize(
    "description",
    [
        pytest.param("car at [80, 400, 170, 640]", id="corners"),
        pytest.param("car at (80, 400)", id="a_point"),
        pytest.param("car in the bounding box", id="the_box_that_was_given"),
        pytest.param("car according to the annotation", id="its_source"),
        pytest.param("car</think>", id="the_end_of_thinking"),
        pytest.param("car<|im_end|>", id="the_end_of_a_turn"),
    ],
)
def test_a_description_that_speaks_of_what_cannot_be_seen_is_not_repeated(description):
    told = reasoning("red car", [region(1.0, "Car", "red", description), BLUE], [0])
    assert told.startswith("Red car: it fits.")
    assert betrays(description) and not betrays(told)


@pytest.mark.parametrize(
    "description",
    ["truck with 24, 7 on its side", "man carrying a box", "bottle with a yellow label", "car number 12 of the race"],
)
def test_what_can_be_seen_is_no_betrayal(description):
    assert not betrays(description)


def test_a_crowd_is_not_listed_and_what_is_left_is_said():
    crowd = [region(float(x), "Person", "black", f"person number {'i' * x} in the crowd") for x in range(40)]
    told = reasoning("red car", [*crowd, RED], [40])
    assert told.count(":") == CANDIDATES and told.endswith("None of the others fits. So one object fits.")
    many = reasoning("the crowd", crowd, list(range(40)))
    assert many.count(": it fits.") == CANDIDATES and many.endswith("28 more objects fit. So 40 objects fit.")


def test_what_is_most_easily_taken_for_it_is_told_first():
    crowd = [region(float(x), "Person", "black", f"person number {'i' * x}") for x in range(40)]
    assert "Blue car on the left: it does not fit, it is blue." in reasoning("red car", [*crowd, RED, BLUE], [40])


def test_a_box_that_no_description_belongs_to_is_counted():
    assert (
        reasoning("cars", [RED], [0, None]) == "Red car by the gate: it fits. One more object fits. So 2 objects fit."
    )


@pytest.mark.parametrize(
    ("regions", "meant"),
    [pytest.param([], [None], id="no_regions"), pytest.param([BLUE], [None], id="regions_of_other_things")],
)
def test_without_a_word_on_what_is_meant_there_is_no_reasoning(regions, meant):
    assert reasoning("red car", regions, meant) is None


def test_no_coordinates_and_no_source_in_any_of_it():
    told = reasoning("red car", [RED, BLUE, TRUCK], [0, 2])
    assert not re.search(r"\d+\s*,\s*\d+", told) and find_leak(told) is None
