"""Results of `annotate image` on the page: whole, still growing, TAO's own, and with everything left out told."""

import json

import pytest

from demitasse.cli import main
from demitasse.errors import DataError
from demitasse.view.folders import open_review


def change(folder, index=0, **fields):
    path = folder / "annotations.jsonl"
    found = [json.loads(line) for line in path.read_text().splitlines()]
    found[index].update(fields)
    path.write_text("".join(json.dumps(row) + "\n" for row in found))


def journal(folder, name, *content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in content))


def test_every_expression_is_decided_on_by_its_phrase_and_its_boxes_in_pixels(pictures):
    review = open_review(pictures)
    one, both, dot = review.overview()["items"]
    assert [row["question"] for row in (one, both, dot)] == ["the left car", "both cars", "the dot"]
    assert json.loads(one["answer"]) == [{"bbox_id": "a.png/expr_00/box_00", "bbox_2d": [10.0, 10.5, 60.0, 40.0]}]
    assert one["units"] == {"size": (200, 100), "yFirst": False, "whole": True}
    assert {row["task"] for row in (one, both, dot)} == {"expression"} and review.decidable


def test_a_picture_is_told_with_its_labels_regions_caption_and_what_was_left_out(pictures):
    review = open_review(pictures)
    assert review.overview()["media"][0] == {"name": "a.png", "kind": "image", "size": (200, 100)}
    told = review.detail(0)
    assert told["texts"] == {"Caption": "A street in a.png."}
    assert told["picture"]["labels"][0] == {"px": [10.0, 10.5, 60.0, 40.0], "type": "Car", "line": 1}
    assert told["picture"]["regions"][2]["description"] == "car 2" and told["picture"]["regions"][2]["box"] == 2
    assert told["picture"]["leftOut"] == [{"line": 7, "reason": "its type is DontCare"}]
    assert told["provenance"] == {"2": {"pack": "referring"}}
    assert told["extra"]["1"]["instances"][1]["region"] == 2


def test_a_picture_in_quarantine_is_shown_with_the_step_and_the_reason(pictures):
    media = open_review(pictures).overview()["media"]
    assert [one["name"] for one in media] == ["a.png", "b.jpg", "c.png"]
    assert media[2]["note"] == "quarantined in step 0: the reply was cut"


def test_a_run_that_is_still_at_work_is_shown_as_far_as_its_journals_go(pictures):
    whole = json.loads((pictures / "annotations.jsonl").read_text().splitlines()[0])
    (pictures / "annotations.jsonl").unlink()
    seed = {name: whole[name] for name in ("image", "image_id", "width", "height", "boxes", "left_out")}
    journal(pictures, "seed_annotations.jsonl", seed)
    assert open_review(pictures).overview()["items"] == []
    regions = {"image": "a.png", "regions": whole["regions"], "not_shown": [{"line": 9, "reason": "it is too thin"}]}
    journal(pictures, "step_0_region_expr/annotations.jsonl", regions | {"provenance": {"step": "0"}})
    step_2 = {"image": "a.png", "expressions": whole["expressions"], "provenance": {"step": "2"}}
    journal(pictures, "step_2_grounding_expr/annotations.jsonl", step_2)
    with (pictures / "step_2_grounding_expr/annotations.jsonl").open("a") as file:
        file.write('{"image": "b.j')  # being written
    review = open_review(pictures)
    assert [row["question"] for row in review.overview()["items"]] == ["the left car", "both cars"]
    told = review.detail(0)
    assert [one["reason"] for one in told["picture"]["leftOut"]] == ["its type is DontCare", "it is too thin"]
    assert told["provenance"] == {"0": {"step": "0"}, "2": {"step": "2"}}


def test_a_decision_on_a_growing_run_is_about_the_same_text_as_in_the_end(pictures):
    last = [(row["item"], row["of"]) for row in open_review(pictures).overview()["items"]]
    found = [json.loads(line) for line in (pictures / "annotations.jsonl").read_text().splitlines()]
    (pictures / "annotations.jsonl").unlink()
    journal(
        pictures,
        "seed_annotations.jsonl",
        *({name: row[name] for name in ("image", "width", "height")} for row in found),
    )
    steps = ({"image": row["image"], "expressions": row["expressions"]} for row in found)
    journal(pictures, "step_2_grounding_expr/annotations.jsonl", *steps)
    assert [(row["item"], row["of"]) for row in open_review(pictures).overview()["items"]] == last


def test_taos_own_annotations_are_read_in_its_thousandths(tmp_path):
    instance = {"bbox": [100, 200, 500, 1000], "bbox_score": 0.9, "bbox_id": "box_00000"}
    expression = {"text": "the cart", "instances": [instance], "expression_id": "expr_00000"}
    row = {"image_id": "a", "image_path": "images/a.jpg", "width": 50, "height": 20, "expressions": [expression]}
    row |= {"kitti_bboxes": [[5, 4, 25, 20, "Cart"]], "regions": [{"bbox_2d": [100, 200, 500, 1000], "type": "cart"}]}
    (tmp_path / "annotations.jsonl").write_text(json.dumps(row) + "\n")
    review = open_review(tmp_path / "annotations.jsonl")
    (item,) = review.overview()["items"]
    assert json.loads(item["answer"])[0]["bbox_2d"] == [5, 4, 25, 20]
    picture = review.detail(0)["picture"]
    assert picture["labels"] == [{"px": [5, 4, 25, 20], "type": "Cart"}]
    assert picture["regions"][0]["px"] == [5, 4, 25, 20]


@pytest.mark.parametrize(
    ("said", "mark"),
    [
        pytest.param(
            {"check": {"kept": 2, "moved": [], "removed": []}}, ["double check", "kept", "good", "2 kept"], id="kept"
        ),
        pytest.param(
            {"check": {"kept": 1, "moved": [{"bbox_id": "x", "iou": 0.625}], "removed": []}},
            ["double check", "moved boxes", "unsure", "1 kept, 1 moved (IoU 0.62)"],
            id="moved",
        ),
        pytest.param(
            {"check": {"kept": 0, "moved": [], "removed": [{"bbox_id": "x", "bbox_2d": [1, 2, 3, 4]}]}},
            ["double check", "removed boxes", "unsure", "1 removed"],
            id="removed",
        ),
        pytest.param(
            {"check": {"kept": 1, "unchecked": "its box is too thin"}},
            ["double check", "not checked", "unsure", "its box is too thin"],
            id="not_shown_to_the_checker",
        ),
        pytest.param(
            {"agreement": {"iou": 0.81, "model": "m", "found": 2, "expected": 2}},
            ["blind grounding", "agrees", "good", "IoU 0.81; m found 2 of 2"],
            id="a_second_model_agrees",
        ),
        pytest.param(
            {"agreement": {"iou": 0.6, "model": "m", "found": 1, "expected": 1}},
            ["blind grounding", "nearly agrees", "unsure", "IoU 0.60; m found 1 of 1"],
            id="nearly",
        ),
        pytest.param(
            {"agreement": {"iou": 0, "model": "m", "found": 0, "expected": 1}},
            ["blind grounding", "differs", "bad", "IoU 0.00; m found 0 of 1"],
            id="or_not",
        ),
    ],
)
def test_what_checkers_said_stands_with_the_expression(pictures, said, mark):
    row = json.loads((pictures / "annotations.jsonl").read_text().splitlines()[0])
    change(pictures, expressions=[row["expressions"][0] | said])
    assert open_review(pictures).overview()["items"][0]["marks"] == [mark]


def test_what_the_double_check_removed_as_a_whole_is_told(pictures):
    gone = {"text": "the bus", "instances": [{"bbox_px": [1, 2, 3, 4]}]}
    change(pictures, removed=[gone])
    assert open_review(pictures).detail(0)["picture"]["removed"] == [
        {"text": "the bus", "boxes": [{"px": [1, 2, 3, 4]}]}
    ]


@pytest.mark.parametrize("image", ["../a.png", "/etc/hostname.png", "..", "a\0.png"])
def test_a_pictures_name_does_not_lead_out_of_the_folder(pictures, tmp_path, image):
    (tmp_path / "a.png").write_bytes(b"x")
    change(pictures, image=image, expressions=[])
    media = {one.name: one for one in open_review(pictures).media}
    assert media[image].path is None and media[image].fault


def test_the_folder_is_the_one_that_was_annotated_that_the_rows_name_or_that_is_given(pictures, tmp_path):
    assert open_review(pictures).media[0].path == tmp_path / "images" / "a.png"
    (pictures / "annotate.yaml").unlink()
    assert "cannot be read" in open_review(pictures).media[0].fault
    change(pictures, image_path=str(tmp_path / "images" / "a.png"))
    assert open_review(pictures).media[0].path == tmp_path / "images" / "a.png"
    assert open_review(pictures, tmp_path / "images").media[1].path == tmp_path / "images" / "b.jpg"


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(
            {"image": "a.png", "expressions": 3, "regions": "x", "boxes": None, "left_out": {}}, id="other_types"
        ),
        pytest.param({"image": "a.png", "expressions": [{"instances": [{"bbox_2d": [1]}, 3]}, 4]}, id="no_boxes"),
        pytest.param({"image": "a.png", "width": 0, "height": "x", "kitti_bboxes": [3]}, id="no_size"),
        pytest.param({"image": "a.png", "caption": 3, "provenance": [], "removed": [{"instances": 1}]}, id="no_texts"),
        pytest.param({"image": "a.png", "expressions": [{"check": {"moved": 1, "removed": [2]}}]}, id="no_verdicts"),
    ],
)
def test_odd_rows_are_shown_as_far_as_they_can_be(pictures, row):
    (pictures / "annotations.jsonl").write_text(json.dumps(row) + "\n")
    review = open_review(pictures)
    json.dumps([review.overview(), *(review.detail(index) for index in range(len(review.media)))])


def test_a_folder_without_any_picture_yet_says_so(pictures):
    for name in ("annotations.jsonl", "quarantine.jsonl"):
        (pictures / name).unlink()
    (pictures / "seed_annotations.jsonl").touch()
    with pytest.raises(DataError, match="tells of no picture yet"):
        open_review(pictures)


def test_a_damaged_row_is_named(pictures, capsys):
    (pictures / "annotations.jsonl").write_text("{}\n[1\n")
    assert main(["view", str(pictures), "--no-open"]) == 2
    assert "annotations.jsonl, line 2" in capsys.readouterr().err


def grounding(tmp_path, style, answer, size=(1000, 1000), **extra):
    """A dataset file with one grounding item about a picture of 200 by 100."""
    units = {"style": style, "size": list(size), "image_size": [200, 100]}
    item = {"image_id": "a.png", "question": "Where?", "answer": answer, "boxes": units, **extra}
    value = {"format": "tao-vl-reason-v1.0", "metadata": {"type": "annotation", "task": "grounding", "license": ""}}
    (tmp_path / "items").mkdir()
    path = tmp_path / "items" / "grounding.json"
    path.write_text(json.dumps({**value, "media_root": "../images", "items": [item]}))
    return path


@pytest.mark.parametrize(
    ("style", "size", "units"),
    [
        pytest.param(
            "qwen_1000", (1000, 1000), {"size": (1000, 1000), "yFirst": False, "whole": True}, id="thousandths"
        ),
        pytest.param(
            "gemini_yxyx_1000", (1000, 1000), {"size": (1000, 1000), "yFirst": True, "whole": True}, id="y_first"
        ),
        pytest.param("qwen2_5_vl_px", (196, 112), {"size": (196, 112), "yFirst": False, "whole": True}, id="pixels"),
    ],
)
def test_a_grounding_item_says_how_its_boxes_are_written(tmp_path, style, size, units):
    review = open_review(grounding(tmp_path, style, "[]", size))
    assert review.overview()["items"][0]["units"] == units


def test_an_item_that_does_not_say_how_its_boxes_are_written_is_shown_as_text(tmp_path):
    path = grounding(tmp_path, "qwen_1000", "[]")
    path.write_text(path.read_text().replace("qwen_1000", "guessed"))
    assert "units" not in open_review(path).overview()["items"][0]


def test_predicted_boxes_are_handed_on_as_the_student_wrote_them(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    units = {"style": "qwen_1000", "size": [1000, 1000], "image_size": [200, 100]}
    asked = {"item_id": "i", "task": "grounding", "video_id": "a.png", "question": "Where?", "reference": "[]"}
    reply = '<think>At [1, 2].</think> ```json\n[{"bbox_2d": [900, 10, 100, 2000], "label": "x"}]\n```'
    (run / "items.jsonl").write_text(json.dumps({**asked, "extra": {"boxes": units}}) + "\n")
    (run / "predictions.jsonl").write_text(json.dumps({**asked, "response": reply, "finish": "stop"}) + "\n")
    (item,) = open_review(run).overview()["items"]
    assert item["found"] == [[900, 10, 100, 2000]] and item["units"]["size"] == (1000, 1000)
