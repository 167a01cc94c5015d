"""Step 4: a second model is shown phrases and no boxes; how far does it find what the first one meant?"""

import json
import re

import pytest

from annotate.referring.blind_grounding import PHRASES, BlindGrounding, agreement
from annotate.referring.space import stored
from demitasse.chat.kinds import BOX_STYLES
from demitasse.engine.step import Quarantine
from demitasse.geometry import from_canonical

RED, BLUE, LEFT = [100, 100, 300, 300], [400, 100, 500, 300], [10, 600, 60, 900]
FRAME = {"width": 2000, "height": 1000}
MEANT = {"the red car": [RED], "cars: all of them": [RED, BLUE]}


def box_of(numbers) -> tuple[float, ...]:
    return tuple(edge / 1000 for edge in numbers)


def expressions_of(phrases):
    return [
        {
            "text": text,
            "expression_id": f"a.png/expr_{number:02d}",
            "instances": [{**stored(box_of(box), FRAME), "bbox_id": f"box_{place}"} for place, box in enumerate(boxes)],
            "verified": True,
        }
        for number, (text, boxes) in enumerate(phrases.items())
    ]


@pytest.fixture
def fields(make_fields):
    return make_fields(expressions=expressions_of(MEANT))


def findings(*boxes, phrases=tuple(MEANT)) -> str:
    told = [
        {"number": number, "phrase": phrase, "boxes": found}
        for (number, phrase), found in zip(enumerate(phrases, 1), boxes, strict=False)
    ]
    return json.dumps({"expressions": told})


def lines(*boxes) -> str:
    return "\n".join(f"{phrase}: {found}" for phrase, found in zip(MEANT, boxes, strict=True))


RIGHT = ([RED], [BLUE, RED])


@pytest.mark.parametrize(
    ("said", "structured"),
    [pytest.param(findings(*RIGHT), True, id="json"), pytest.param(lines(*RIGHT), False, id="text")],
)
def test_expressions_are_as_they_were_with_the_agreement_beside_them(studio, fields, said, structured):
    row = studio.run(BlindGrounding, fields, studio.teacher(said, json_schema=structured))
    assert list(row) == ["image", "image_id", "expressions", "provenance"]
    told = {"iou": 1.0, "model": "teacher-1"}
    counts = [{"found": 1, "expected": 1}, {"found": 2, "expected": 2}]
    wanted = [one | {"agreement": told | count} for one, count in zip(fields["expressions"], counts, strict=True)]
    assert row["expressions"] == wanted


@pytest.mark.parametrize("structured", [True, False], ids=["json", "text"])
def test_the_model_is_shown_the_image_and_the_phrases_and_no_box(studio, fields, structured):
    teacher = studio.teacher((findings if structured else lines)(*RIGHT), json_schema=structured)
    studio.run(BlindGrounding, fields, teacher)
    assert all(phrase in teacher.prompt for phrase in MEANT)
    numbers = {str(edge) for box in (RED, BLUE) for edge in box}
    assert not numbers & set(re.findall(r"\d+", teacher.prompt))
    assert len(teacher.asked[0].parts) == 2


@pytest.mark.parametrize(
    ("found", "expected", "score"),
    [
        pytest.param([RED], [RED], 1.0, id="exactly_its_box"),
        pytest.param([], [RED], 0.0, id="nothing_found"),
        pytest.param([BLUE], [RED], 0.0, id="another_object"),
        pytest.param([RED, BLUE], [RED], 0.5, id="one_too_many"),
        pytest.param([RED], [RED, BLUE], 0.5, id="one_too_few"),
        pytest.param([BLUE, RED], [RED, BLUE], 1.0, id="in_any_order"),
        pytest.param([[100, 100, 300, 200]], [RED], 0.5, id="half_of_it"),
        pytest.param([RED, RED], [RED, BLUE], 0.5, id="the_same_box_twice_counts_once"),
        pytest.param([RED, BLUE, LEFT, [0, 0, 9, 9]], [RED, BLUE], 0.5, id="two_too_many"),
    ],
)
def test_agreement_is_matched_iou_over_the_larger_number(found, expected, score):
    assert agreement([box_of(box) for box in found], [box_of(box) for box in expected]) == pytest.approx(score)


def test_agreement_does_not_depend_on_which_of_the_two_is_called_found():
    some, others = [box_of(RED), box_of(BLUE)], [box_of([120, 90, 310, 280]), box_of(LEFT), box_of(BLUE)]
    assert agreement(some, others) == pytest.approx(agreement(others, some))


@pytest.mark.parametrize(
    ("said", "structured"),
    [pytest.param(findings([], [RED]), True, id="json"), pytest.param(lines([], [RED]), False, id="text")],
)
def test_a_phrase_that_fits_nothing_has_no_agreement_and_is_no_fault(studio, fields, said, structured):
    row = studio.run(BlindGrounding, fields, studio.teacher(said, json_schema=structured))
    assert [one["agreement"]["iou"] for one in row["expressions"]] == [0.0, 0.5]
    assert [one["agreement"]["found"] for one in row["expressions"]] == [0, 1]


@pytest.mark.parametrize("style", BOX_STYLES)
def test_what_it_finds_is_read_in_its_own_units(studio, fields, style):
    studio.pictures.size = (1204, 616)
    written = [[from_canonical(box_of(box), BOX_STYLES[style], (1204, 616)) for box in boxes] for boxes in RIGHT]
    row = studio.run(BlindGrounding, fields, studio.teacher(findings(*written), boxes=style))
    assert all(one["agreement"]["iou"] > 0.98 for one in row["expressions"])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        pytest.param("I found them all.", "not in the form", id="chatty"),
        pytest.param("", "not in the form", id="empty"),
        pytest.param(findings([RED]), "missing: 'cars: all of them'", id="a_phrase_missing"),
        pytest.param(lines(*RIGHT).splitlines()[0], "missing: 'cars: all of them'", id="a_line_missing"),
        pytest.param(findings(*RIGHT, phrases=("the red car", "cars")), "'cars' is none", id="another_phrase"),
        pytest.param(findings(*RIGHT, phrases=tuple(MEANT)[::-1]), "is none of the list", id="numbers_swapped"),
        pytest.param(findings([RED], [RED], phrases=("the red car",) * 2), "stands there twice", id="a_phrase_twice"),
        pytest.param(findings([[300, 100, 100, 300]], []), "inverted", id="inverted"),
        pytest.param(findings([[0, 0, 2000, 1000]], []), "outside", id="in_pixels"),
        pytest.param(findings([[1, 2, 3]], []), "not four", id="three_numbers"),
        pytest.param(findings([["a", 1, 2, 3]], []), "boxes.0.0", id="text_for_a_number"),
        pytest.param(findings(*RIGHT)[:-9], "not in the form", id="cut_short"),
    ],
)
def test_a_reply_that_cannot_be_used_is_asked_again_with_what_is_wrong(studio, fields, wrong, said):
    teacher = studio.teacher(wrong, findings(*RIGHT))
    row = studio.run(BlindGrounding, fields, teacher)
    assert [one["agreement"]["iou"] for one in row["expressions"]] == [1.0, 1.0]
    assert len(teacher.asked) == 2 and said in teacher.complaints


def test_a_checker_that_never_mends_it_quarantines_the_image(studio, fields):
    with pytest.raises(Quarantine, match="blind_grounding: no usable reply"):
        studio.run(BlindGrounding, fields, studio.teacher("No idea."))


def find_nothing(request) -> str:
    told = re.findall(r"^(\d+)\. (.*)$", request.text, re.MULTILINE)
    return json.dumps({"expressions": [{"number": int(n), "phrase": text, "boxes": []} for n, text in told]})


def test_phrases_are_asked_in_bounded_parts_each_once(studio, make_fields):
    many = {f"person {number}": [RED] for number in range(50)} | {"everybody": [RED, BLUE] * 30, "a dog": [LEFT]}
    teacher = studio.teacher(find_nothing)
    row = studio.run(BlindGrounding, make_fields(expressions=expressions_of(many)), teacher)
    counts = [len(re.findall(r"^\d+\. ", request.text, re.MULTILINE)) for request in teacher.asked]
    assert counts == [PHRASES, PHRASES, 10, 1, 1], "one with more boxes than a request's is asked by itself"
    assert len(row["expressions"]) == 52


def test_phrases_with_many_boxes_share_requests_up_to_the_bound_of_boxes(studio, make_fields):
    many = {f"group {number}": [RED, BLUE] for number in range(6)}
    teacher = studio.teacher(find_nothing)
    studio.run(BlindGrounding, make_fields(expressions=expressions_of(many)), teacher, most=4)
    assert len(teacher.asked) == 3


def test_an_image_without_expressions_is_a_row_without_a_call(studio, make_fields):
    teacher = studio.teacher("")
    assert studio.run(BlindGrounding, make_fields(expressions=[]), teacher)["expressions"] == []
    assert not teacher.asked


def test_everything_that_decides_a_reply_is_in_the_inputs(studio, fields):
    def inputs(teacher=None, most=40, pack="referring", **changes):
        return studio.step(BlindGrounding, teacher or studio.teacher(""), most, pack).inputs(fields | changes)

    base = inputs()
    assert inputs() == base
    assert all(inputs(**one) != base for one in ({"sha256": "1"}, {"expressions": []}, {"most": 2}))
    assert inputs(studio.teacher("", boxes="image_px")) != base
    other = studio.teacher("")
    other.name = "another"
    assert inputs(other) != base
