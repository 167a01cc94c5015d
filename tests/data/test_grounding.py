"""Grounding items: what numbers mean is declared, checked, and rewritten for another student without loss."""

import itertools
import json
from dataclasses import replace

import pytest

from demitasse.chat.kinds import BOX_STYLES
from demitasse.cli import main
from demitasse.dataset import Item, TaskFile, read, validate, write
from demitasse.dataset.grounding import (
    declares,
    grounding_answer,
    grounding_question,
    in_style,
    read_units,
    units_of,
)
from demitasse.errors import DataError
from demitasse.geometry import smart_resize

SIZES = [(1080, 1920), (407, 663), (4000, 300)]
BOUNDS = [(56 * 56, 14 * 14 * 4 * 1280), (3136, 200_000)]
PAIRS = list(itertools.permutations(BOX_STYLES, 2))


def boxes_in(width, height):
    """Whole image, both far edges, thirds, and a small box."""
    return [
        [0.0, 0.0, float(width), float(height)],
        [width / 2, height / 2, width, height],
        [width / 3, height / 3, 2 * width / 3, 2 * height / 3],
        [width - 31.4, 10.75, width - 3.3, 29.5],
    ]


def an_item(style, size, bounds=BOUNDS[0], dialect="tao", phrase="red car", boxes=None):
    units = units_of(style, size, *bounds)
    boxes = boxes_in(*size) if boxes is None else boxes
    return Item(
        image_id="a.png",
        question=grounding_question(phrase, units),
        answer=grounding_answer(phrase, [units.write(box) for box in boxes], dialect),
        reasoning="Red car: it fits, as 3, 4 and 5 do.",
        extra={"boxes": units.to_json(), "bbox_px": boxes, "kept": 1},
    )


@pytest.fixture
def dataset(tmp_path):
    """A folder with one grounding file; write items into it."""
    (tmp_path / "a.png").write_bytes(b"x")

    def make(*items, task="grounding"):
        path = tmp_path / "set" / "grounding.json"
        write(path, TaskFile(list(items), task=task, media_root="..", path=path))
        return path

    return make


@pytest.mark.parametrize("bounds", BOUNDS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_there_and_back_returns_the_item(first, second, size, bounds):
    item = an_item(first, size, bounds)
    other = in_style(item, second, *bounds)
    assert other == an_item(second, size, bounds)
    assert in_style(other, first, *bounds) == item


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("style", BOX_STYLES)
def test_without_exact_pixels_an_edge_moves_by_half_a_unit_at_most(style, size):
    item = an_item(style, size)
    del item.extra["bbox_px"]
    units = units_of(style, size)
    for read_back, exact in zip(in_style(item, "image_px").extra["bbox_px"], boxes_in(*size), strict=True):
        for place, (got, wanted) in enumerate(zip(read_back, exact, strict=True)):
            assert abs(got - wanted) <= 0.5 * size[place % 2] / units.size[place % 2] + 1e-6


@pytest.mark.parametrize("size", SIZES)
def test_pixels_of_the_resized_image_count_as_the_processor_resizes_it(size):
    for bounds in BOUNDS:
        rows, columns = smart_resize(size[1], size[0], 28, *bounds)
        item = in_style(an_item("qwen_1000", size), "qwen2_5_vl_px", *bounds)
        assert read_units(item).size == (columns, rows)
        assert json.loads(item.answer)[0]["bbox_2d"] == [0, 0, columns, rows]


def test_the_student_s_bounds_can_be_changed_within_a_style():
    narrow, wide = (an_item("qwen2_5_vl_px", SIZES[0], bounds) for bounds in (BOUNDS[1], BOUNDS[0]))
    assert narrow.answer != wide.answer and in_style(narrow, "qwen2_5_vl_px", *BOUNDS[0]) == wide


def test_an_answer_that_was_edited_counts_before_the_exact_pixels():
    item = an_item("qwen_1000", (1000, 500), boxes=[[100.0, 100.0, 200.0, 200.0]])
    moved = replace(item, answer=item.answer.replace("[100, 200, 200, 400]", "[300, 200, 400, 400]"))
    assert moved.answer != item.answer
    other = in_style(moved, "image_px")
    assert other.extra["bbox_px"] == [[300.0, 100.0, 400.0, 200.0]]
    assert json.loads(other.answer)[0]["bbox_2d"] == [300, 100, 400, 200]


def test_reasoning_labels_and_other_fields_are_left_as_they_are():
    item = an_item("qwen_1000", SIZES[0], phrase='a "1000" sign')
    entries = [box | {"score": 1} for box in json.loads(item.answer)]
    item = replace(item, answer=json.dumps(entries))
    other = in_style(item, "gemini_yxyx_1000")
    assert (other.reasoning, other.extra["kept"]) == (item.reasoning, 1)
    assert [(box["label"], box["score"]) for box in json.loads(other.answer)] == [('a "1000" sign', 1)] * 4
    assert 'fits "a \\"1000\\" sign".' in other.question and "[y1, x1, y2, x2]" in other.question


def test_an_answer_stays_fenced():
    item = in_style(an_item("qwen_1000", SIZES[0], dialect="daft"), "image_px")
    assert item == an_item("image_px", SIZES[0], dialect="daft")


def test_an_answer_of_nothing_is_one_in_every_style():
    for first, second in PAIRS:
        assert in_style(an_item(first, SIZES[0], boxes=[]), second).answer == "[]"


def test_a_question_in_other_words_stays_and_is_known():
    item = replace(an_item("qwen_1000", SIZES[0]), question="Where is it?")
    other = in_style(item, "image_px")
    assert other.question == "Where is it?" and not declares(other) and declares(an_item("image_px", SIZES[0]))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"boxes": None}, "boxes is null", id="no_declaration"),
        pytest.param({"boxes": {"style": "qwen_100"}}, "did you mean qwen_1000", id="a_misspelt_style"),
        pytest.param({"boxes": {"style": "image_px", "size": [4]}}, r"boxes\.size is \[4\]", id="half_a_size"),
        pytest.param(
            {"boxes": {"style": "image_px", "size": [4, 0], "image_size": [4, 4]}}, r"boxes\.size", id="an_empty_size"
        ),
        pytest.param(
            {"boxes": {"style": "qwen_1000", "size": [407, 663], "image_size": [407, 663]}},
            "counts from 0 to 1000",
            id="a_size_that_is_not_the_styles",
        ),
    ],
)
def test_units_that_are_not_declared_are_never_guessed(change, says):
    item = an_item("qwen_1000", SIZES[0])
    item.extra.update(change)
    with pytest.raises(DataError, match=says):
        in_style(item, "image_px")


def test_a_good_file_has_no_problem_in_any_style(dataset):
    items = [replace(an_item(style, SIZES[1]), question=f"{style}?") for style in BOX_STYLES]
    assert validate(dataset(*items)) == []


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        pytest.param('[{"bbox_2d": [0, 0, 664, 20]}]', "is not in its 663 × 407", id="outside"),
        pytest.param('[{"bbox_2d": [0, 0, 20, 408]}]', "is not in its 663 × 407", id="below"),
        pytest.param('[{"bbox_2d": [0, 500, 20, 600]}]', "x and y look swapped", id="y_first"),
        pytest.param('[{"bbox_2d": [20, 0, 10, 20]}]', "is inverted", id="inverted"),
        pytest.param('[{"bbox_2d": [20, 0, 20, 20]}]', "without area", id="a_line"),
        pytest.param('[{"bbox_2d": [0, 0, 20]}]', "not four numbers", id="three_numbers"),
        pytest.param('[{"bbox_2d": [0, 0, 20, NaN]}]', "not four numbers", id="no_number"),
        pytest.param("[[0, 0, 20, 20]]", "not four numbers", id="bare_corners"),
        pytest.param('{"bbox_2d": [0, 0, 20, 20]}', "not a JSON list", id="no_list"),
        pytest.param("On the left.", "not readable JSON", id="prose"),
    ],
)
def test_validate_tells_of_a_box_that_is_not_in_its_declared_size(dataset, answer, says):
    good = an_item("image_px", (663, 407))
    found = validate(dataset(good, replace(good, answer=answer)))
    assert [(problem.item, problem.field) for problem in found] == [(1, "answer")] and says in found[0].message


def test_validate_takes_items_of_others_that_declare_nothing(dataset):
    item = Item(image_id="a.png", question="Where?", answer='[{"bbox_2d": [9, 9, 99999, 99999]}]')
    assert validate(dataset(item)) == []


def convert(source, out, *words):
    return main(["data", "convert", str(source), str(out), *words])


def test_convert_rewrites_a_file_for_another_student(dataset, tmp_path, tao_daft, capsys):
    source = dataset(an_item("qwen_1000", SIZES[0]), an_item("qwen_1000", SIZES[2], phrase="blue car"))
    words = ["--boxes", "qwen2_5_vl_px", "--min-pixels", "3136", "--max-pixels", "200000"]
    assert convert(source, tmp_path / "out", *words) == 0
    assert "3136 to 200000 pixels" in capsys.readouterr().out
    made = read(tmp_path / "out" / "grounding.json").items
    assert made[0] == an_item("qwen2_5_vl_px", SIZES[0], BOUNDS[1])
    assert validate(tmp_path / "out") == [] and tao_daft(tmp_path / "out")
    assert convert(tmp_path / "out", tmp_path / "back", "--boxes", "qwen_1000") == 0
    assert read(tmp_path / "back" / "grounding.json").items == read(source).items


def test_convert_does_boxes_and_dialect_in_one_go(dataset, tmp_path):
    source = dataset(an_item("qwen_1000", SIZES[0]))
    assert convert(source, tmp_path / "out", "--boxes", "image_px", "--to", "daft") == 0
    assert read(tmp_path / "out" / "grounding.json").items == [an_item("image_px", SIZES[0], dialect="daft")]


def test_convert_leaves_other_tasks_in_the_folder_as_they_are(dataset, tmp_path):
    other = Item(image_id="a.png", question="Why?", answer="So.", extra={"task": "open_qa"})
    source = dataset(other, an_item("qwen_1000", SIZES[0]))
    assert convert(source, tmp_path / "out", "--boxes", "image_px") == 0
    assert read(tmp_path / "out" / "grounding.json").items == [other, an_item("image_px", SIZES[0])]


def test_convert_tells_of_questions_that_may_name_other_units(dataset, tmp_path, capsys):
    source = dataset(replace(an_item("qwen_1000", SIZES[0]), question="Where, from 0 to 1000?"))
    assert convert(source, tmp_path / "out", "--boxes", "image_px") == 0
    assert "1 questions are not in our words" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param([], "say what to convert to", id="nothing_to_do"),
        pytest.param(["--boxes", "image_px", "--max-pixels", "9"], "need --boxes qwen2_5_vl_px", id="vain_bounds"),
        pytest.param(["--to", "daft", "--min-pixels", "9"], "need --boxes qwen2_5_vl_px", id="bounds_alone"),
        pytest.param(
            ["--boxes", "qwen2_5_vl_px", "--max-pixels", "9"], "are no bounds", id="bounds_that_cross_the_default"
        ),
    ],
)
def test_convert_refuses_options_that_would_do_nothing(dataset, tmp_path, capsys, words, says):
    assert convert(dataset(an_item("qwen_1000", SIZES[0])), tmp_path / "out", *words) == 2
    assert says in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_convert_leaves_out_and_names_what_has_no_form_in_the_other_style(dataset, tmp_path, capsys):
    thin = an_item("image_px", (4000, 300), boxes=[[10.0, 10.0, 11.0, 40.0]])
    source = dataset(thin, an_item("image_px", SIZES[0]))
    assert convert(source, tmp_path / "out", "--boxes", "qwen_1000") == 3
    said = capsys.readouterr()
    assert f"{source}: items[0].answer" in said.err and "thinner than one unit" in said.err
    assert "1 items were left out" in said.out
    assert read(tmp_path / "out" / "grounding.json").items == [an_item("qwen_1000", SIZES[0])]


def test_convert_names_an_item_that_is_wrong_and_writes_nothing(dataset, tmp_path, capsys):
    good = an_item("image_px", SIZES[0])
    outside = replace(good, answer='[{"bbox_2d": [0, 0, 2000, 5]}]')
    source = dataset(good, outside)
    assert convert(source, tmp_path / "out", "--boxes", "qwen_1000") == 2
    assert f"{source}: items[1].answer" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_convert_refuses_a_dataset_without_grounding_items(dataset, tmp_path, capsys):
    source = dataset(Item(image_id="a.png", question="Why?", answer="So."), task="open_qa")
    assert convert(source, tmp_path / "out", "--boxes", "image_px") == 2
    assert "no item has the task 'grounding'" in capsys.readouterr().err
