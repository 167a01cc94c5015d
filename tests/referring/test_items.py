"""From expressions to grounding items: what a student is asked, what it is to answer, and what is left out and why."""

import json
import os
import re

import pytest

from annotate.referring.items import Student, write_items
from annotate.task_files import Envelope
from demitasse.chat.kinds import BOX_STYLES
from demitasse.dataset import read, to_dialect, validate
from demitasse.dataset.grounding import read_units
from demitasse.errors import DataError
from demitasse.geometry import smart_resize, to_canonical

WIDTH, HEIGHT = 1242, 375
BOXES = [[100.0, 150.0, 220.5, 240.25], [700.0, 160.0, 900.0, 300.0], [1000.0, 20.0, 1242.0, 375.0]]
SAID = [("Car", "red", "red car by the gate"), ("Car", "blue", "blue car on the right"), ("Truck", "red", "red truck")]


def region(index: int) -> dict:
    kind, colour, description = SAID[index]
    return {"bbox_px": BOXES[index], "type": kind, "color": colour, "description": description, "box": index}


def expression(text: str, *indices: int, number: int = 0, **more) -> dict:
    name = f"a/1.png/expr_{number:02}"
    instances = [
        {"bbox_px": BOXES[one], "bbox_id": f"{name}/box_{place:02}", "region": one, "region_iou": 1.0}
        for place, one in enumerate(indices)
    ]
    return {"text": text, "expression_id": name, "instances": instances} | more


def row(*expressions: dict, **more) -> dict:
    step = {"asked": ["t"], "answered": ["m"], "pack": "referring", "templates": {"p": "h"}, "time": "now"}
    return {
        "image_id": "1",
        "image": "a/1.png",
        "width": WIDTH,
        "height": HEIGHT,
        "boxes": [{"bbox_px": box, "type": said[0]} for box, said in zip(BOXES, SAID, strict=True)],
        "regions": [region(index) for index in range(3)],
        "expressions": list(expressions),
        "provenance": {"0": step, "2": step | {"templates": {"q": "i"}, "answered": ["m", "n"]}},
    } | more


@pytest.fixture
def made(tmp_path):
    """Write items beside the image that they are about; the file, and what was left out."""
    (tmp_path / "images" / "a").mkdir(parents=True)
    (tmp_path / "images" / "a" / "1.png").write_bytes(b"x")

    def make(*rows, dialect="tao", **student):
        envelope = Envelope("../images", license="CC-BY-4.0", dialect=dialect)
        done = write_items(rows, tmp_path / "items", envelope, Student(**student))
        path = tmp_path / "items" / "grounding.json"
        return (read(path).items if path.exists() else []), done

    return make


@pytest.mark.parametrize("dialect", ["tao", "daft"])
@pytest.mark.parametrize("style", BOX_STYLES)
def test_items_pass_both_validators_in_every_style_and_dialect(made, tmp_path, tao_daft, style, dialect):
    items, done = made(row(expression("red car", 0), expression("cars", 0, 1, number=1)), boxes=style, dialect=dialect)
    assert done.counts == {"grounding": 2} and not done.unusable
    assert validate(tmp_path / "items") == [] and tao_daft(tmp_path / "items")
    assert items[0].image_id == "a/1.png" and items[0].answer.startswith("```json\n[") == (dialect == "daft")


@pytest.mark.parametrize("style", BOX_STYLES)
def test_every_edge_is_within_half_a_unit_of_the_box(made, style):
    (item,), _ = made(row(expression("all", 0, 1, 2)), boxes=style)
    units = read_units(item)
    for written, box in zip(json.loads(item.answer), BOXES, strict=True):
        read_back = to_canonical(written["bbox_2d"], BOX_STYLES[style], units.size)
        for place, (got, exact) in enumerate(zip(read_back, box, strict=True)):
            side, image_side = units.size[place % 2], (WIDTH, HEIGHT)[place % 2]
            assert abs(got - exact / image_side) <= 0.5 / side + 1e-9
    assert item.extra["bbox_px"] == BOXES


def test_a_student_that_counts_in_the_resized_image_has_its_own_bounds(made):
    (item,), _ = made(row(expression("red car", 0)), boxes="qwen2_5_vl_px", min_pixels=3136, max_pixels=100_000)
    rows, columns = smart_resize(HEIGHT, WIDTH, 28, 3136, 100_000)
    assert item.extra["boxes"] == {
        "style": "qwen2_5_vl_px",
        "size": [columns, rows],
        "image_size": [WIDTH, HEIGHT],
    }
    assert rows * columns <= 100_000


@pytest.mark.parametrize(
    ("style", "says"),
    [
        pytest.param("qwen_1000", "[x1, y1, x2, y2], .* x and y run from 0 to 1000 over the image", id="thousandths"),
        pytest.param("gemini_yxyx_1000", "[y1, x1, y2, x2], .* from 0 to 1000", id="y_first"),
        pytest.param("qwen2_5_vl_px", "pixels of the image as you see it", id="pixels_of_what_is_seen"),
        pytest.param("image_px", "pixels of the image, 1242 wide and 375 high", id="a_size_that_is_not_seen_is_told"),
    ],
)
def test_the_question_says_in_words_what_the_numbers_mean(made, style, says):
    (item,), _ = made(row(expression("red car", 0)), boxes=style)
    pattern = ".*".join(re.escape(part) for part in says.split(".*"))
    assert re.search(pattern, item.question) and "JSON list" in item.question


def test_the_phrase_is_quoted_alike_in_question_and_answer(made):
    phrase = 'van with "TAXI: 24/7" on it\n'
    (item,), _ = made(row(expression(phrase, 1)))
    assert item.question.startswith('Locate every object that fits "van with \\"TAXI: 24/7\\" on it".\n')
    assert json.loads(item.answer)[0]["label"] == 'van with "TAXI: 24/7" on it' == item.extra["expression"]


def test_boxes_stand_from_left_to_right_whatever_order_the_teacher_had(made):
    (item,), _ = made(row(expression("all", 2, 0, 1)))
    assert [box["bbox_2d"][0] for box in json.loads(item.answer)] == [81, 564, 805]
    assert item.extra["bbox_px"] == BOXES


ROUNDED = [100.602, 150.0, 221.076, 240.0]  # BOXES[0] as a teacher of thousandths copies it


@pytest.mark.parametrize(
    ("instance", "of_region", "measured"),
    [
        pytest.param({}, {}, True, id="copied_to_the_letter"),
        pytest.param({"region_iou": 0.98}, {}, False, id="moved_by_the_second_look"),
        pytest.param({}, {"box_iou": 0.98}, False, id="a_slip_in_the_description"),
        pytest.param({"edited": True}, {}, False, id="drawn_by_a_person"),
        pytest.param({"region": None}, {}, False, id="of_no_region"),
    ],
)
def test_only_what_was_copied_is_taken_for_the_labels_own_box(made, instance, of_region, measured):
    said = expression("red car") | {"instances": [{"bbox_px": ROUNDED, "region": 0, "region_iou": 1.0} | instance]}
    regions = [region(0) | {"bbox_px": ROUNDED, "box_iou": 1.0} | of_region]
    (item,), _ = made(row(said, regions=regions), boxes="image_px")
    assert item.extra["bbox_px"] == [BOXES[0] if measured else ROUNDED]


def test_the_same_annotations_make_the_same_file_and_leave_it_alone(made, tmp_path):
    path = tmp_path / "items" / "grounding.json"
    first, _ = made(row(expression("red car", 0)))
    before, stamp = path.read_bytes(), path.stat().st_mtime_ns
    again, _ = made(row(expression("red car", 0)))
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (before, stamp)
    assert first[0].item_index == again[0].item_index and b"now" not in before


def test_an_item_carries_where_it_comes_from_in_the_fields_that_a_dataset_card_counts(made):
    (item,), _ = made(row(expression("red car", 0, verified=True, agreement={"iou": 0.9, "model": "c"})))
    assert item.extra["provenance"] == {
        "asked": ["t"],
        "answered": ["m", "n"],
        "pack": "referring",
        "templates": {"p": "h", "q": "i"},
    }
    assert (item.extra["verified"], item.extra["agreement"]["iou"]) == (True, 0.9)


@pytest.mark.parametrize(
    ("bad", "student", "why"),
    [
        pytest.param(expression("red car"), {}, "no box", id="an_expression_without_boxes"),
        pytest.param(expression("  ", 0), {}, "no text", id="an_expression_without_text"),
        pytest.param(expression("car at [80, 400, 170, 640]", 0), {}, "coordinates", id="a_phrase_with_coordinates"),
        pytest.param(
            expression("car in the bounding box", 0), {}, "cannot be seen", id="a_phrase_that_speaks_of_boxes"
        ),
        pytest.param(expression("car", 0), {"min_agreement": 0.5}, "no second model", id="nobody_checked_it"),
        pytest.param(
            expression("car", 0, agreement={"iou": 0.494}),
            {"min_agreement": 0.5},
            "0.49, less than 0.5",
            id="disagreed",
        ),
        pytest.param(
            expression("car", 0) | {"instances": [{"bbox_px": [10.0, 10.0, 10.2, 40.0]}]},
            {},
            "thinner than one unit",
            id="a_box_without_area_in_the_students_units",
        ),
        pytest.param(
            expression("car", 0) | {"instances": [{"bbox_px": [10.0, 10.0, 1300.0, 40.0]}]},
            {},
            "outside the frame",
            id="a_box_that_leaves_the_image",
        ),
        pytest.param(
            expression("cars", 0) | {"instances": [{"bbox_px": BOXES[0]}, {"bbox_px": [100.2, *BOXES[0][1:]]}]},
            {},
            "two of its boxes are the same",
            id="two_boxes_that_are_one_to_the_student",
        ),
    ],
)
def test_what_could_only_be_learnt_wrongly_is_left_out_with_its_reason(made, bad, student, why):
    good = expression("blue car", 1, number=1, agreement={"iou": 1.0})
    items, done = made(row(bad, good), **student)
    assert [item.extra["expression"] for item in items] == ["blue car"]
    ((name, reason),) = done.unusable
    assert name == "a/1.png/expr_00" and why in reason


def test_a_phrase_that_stands_twice_has_no_one_answer(made):
    items, done = made(row(expression("car", 0), expression("car ", 1, number=1), expression("truck", 2, number=2)))
    assert [item.extra["expression"] for item in items] == ["truck"]
    assert [name for name, _ in done.unusable] == ["a/1.png/expr_00", "a/1.png/expr_01"]


def test_an_image_that_no_student_takes_leaves_its_expressions_out_and_no_others(made):
    thin = row(expression("line", number=9) | {"instances": [{"bbox_px": [0, 0, 900, 4]}]}, width=1000, height=4)
    items, done = made(thin, row(expression("red car", 0)), boxes="qwen2_5_vl_px")
    assert len(items) == 1 and "200 times" in done.unusable[0][1]


def test_a_run_without_expressions_writes_no_file_but_empties_an_earlier_one(made, tmp_path):
    assert made(row()) == ([], made(row())[1]) and not (tmp_path / "items").exists()
    made(row(expression("red car", 0)))
    items, done = made(row(), row() | {"expressions": None})
    assert items == [] and done.counts == {}


def test_another_file_under_the_name_is_not_overwritten(made, tmp_path):
    (tmp_path / "items").mkdir()
    (tmp_path / "items" / "grounding.json").write_text("mine")
    with pytest.raises(DataError, match="is in the way"):
        made(row(expression("red car", 0)))
    assert (tmp_path / "items" / "grounding.json").read_text() == "mine"


def test_to_the_other_dialect_and_back_returns_the_item(made):
    (item,), _ = made(row(expression("cars", 0, 1)))
    fenced = to_dialect(item, "grounding", "daft")
    assert (
        fenced.answer.splitlines()[:2]
        == [
            "```json",
            "[",
        ]
        and len(fenced.answer.splitlines()) == 6
    )
    assert to_dialect(fenced, "grounding", "tao") == item


def test_names_of_images_are_kept_whatever_is_in_them(made, tmp_path):
    name = "straße/図 1.png"
    (tmp_path / "images" / "straße").mkdir()
    os.rename(tmp_path / "images" / "a" / "1.png", tmp_path / "images" / name)
    (item,), _ = made(row(expression("red car", 0), image=name))
    assert item.image_id == name and validate(tmp_path / "items") == []
