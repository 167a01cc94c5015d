"""Boxes and phrases that a person corrected: checked when they are taken, and put into annotations and items."""

import json

import pytest

from demitasse.cli import main
from demitasse.dataset import read, validate
from demitasse.errors import DataError
from demitasse.view.folders import open_review
from demitasse.view.store import EditStore

ONE, TWO, DOT = 0, 1, 2  # the fixture's expressions


def decide(folder, *decisions):
    rows = open_review(folder).overview()["items"]
    with EditStore(open_review(folder), folder, "vera") as store:
        for index, decision, changes in decisions:
            row = rows[index]
            store.take({"item": row["item"], "of": row["of"], "decision": decision, "changes": changes})


def boxes(folder, index):
    return json.loads(open_review(folder).overview()["items"][index]["answer"])


def apply(folder, out, *words):
    return main(["data", "apply-edits", str(folder), "--out", str(out), *words])


def annotations(folder):
    return [json.loads(line) for line in (folder / "annotations.jsonl").read_text().splitlines()]


def test_a_box_that_was_dragged_is_written_in_both_units_and_says_that_it_was_edited(pictures, tmp_path):
    moved = boxes(pictures, TWO)
    moved[1]["bbox_2d"] = [121, 49, 180, 90]
    decide(pictures, (TWO, "edit", {"answer": json.dumps(moved)}))
    assert apply(pictures, tmp_path / "out") == 0
    before, after = (annotations(folder)[0]["expressions"] for folder in (pictures, tmp_path / "out"))
    untouched, dragged = after[1]["instances"]
    assert before[0] == after[0] and untouched == before[1]["instances"][0]
    assert dragged == {
        "bbox_2d": [605, 490, 900, 900], "bbox_px": [121, 49, 180, 90], "bbox_id": "a.png/expr_01/box_01",
        "region": 2, "region_iou": round(59 * 40 / (60 * 40 + 59 * 1), 4), "edited": True,
    }  # fmt: skip
    assert after[1]["review"]["decision"] == "edit" and after[1]["review"]["changed"] == ["answer"]


def test_annotations_with_decisions_name_nobody_and_count_what_was_decided(pictures, tmp_path):
    decide(pictures, (ONE, "accept", {}), (TWO, "reject", {}))
    apply(pictures, tmp_path / "out")
    first, second = annotations(tmp_path / "out")
    assert first["provenance"] == {"2": {"pack": "referring"}, "review": {"accept": 1, "reject": 1}}
    assert second == annotations(pictures)[1]
    assert "vera" not in (tmp_path / "out" / "annotations.jsonl").read_text()


def test_a_rejected_expression_moves_to_what_was_removed(pictures, tmp_path, capsys):
    decide(pictures, (ONE, "reject", {}))
    assert apply(pictures, tmp_path / "out") == 0
    assert "2 items written; of all, 0 accepted, 0 edited, 1 rejected, 2 undecided" in capsys.readouterr().out
    row = annotations(tmp_path / "out")[0]
    assert [one["text"] for one in row["expressions"]] == ["both cars"]
    (gone,) = row["removed"]
    assert gone["text"] == "the left car" and gone["review"]["decision"] == "reject"
    told = open_review(tmp_path / "out").detail(0)["picture"]["removed"]
    assert told[0]["review"]["decision"] == "reject"  # the page says that a person did it


def test_another_phrase_keeps_the_boxes_and_loses_what_a_second_model_said_of_the_old_one(pictures, tmp_path):
    rows = annotations(pictures)
    rows[0]["expressions"][0]["agreement"] = {"iou": 0.9}
    (pictures / "annotations.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    decide(pictures, (ONE, "edit", {"question": "the grey car"}))
    apply(pictures, tmp_path / "out")
    before, after = (annotations(folder)[0]["expressions"][0] for folder in (pictures, tmp_path / "out"))
    assert after["text"] == "the grey car" and after["instances"] == before["instances"]
    assert "agreement" in before and "agreement" not in after


def test_added_and_removed_boxes_leave_the_others_their_ids(pictures, tmp_path):
    left = [*boxes(pictures, TWO)[1:], {"bbox_2d": [11, 10, 60, 41]}, {"bbox_2d": [0, 90, 5, 100]}]
    decide(pictures, (TWO, "edit", {"answer": json.dumps(left)}))
    apply(pictures, tmp_path / "out")
    instances = annotations(tmp_path / "out")[0]["expressions"][1]["instances"]
    names = [one["bbox_id"].removeprefix("a.png/expr_01/") for one in instances]
    assert names == ["box_01", "box_02", "box_03"]  # a number that was given away is not given again
    assert "edited" not in instances[0] and instances[1]["edited"] and instances[1]["region"] in (0, 1)
    assert (instances[2]["region"], instances[2]["region_iou"]) == (None, None)  # it shows no region


def test_a_box_too_thin_for_thousandths_is_given_the_ones_that_it_lies_in(tmp_path):
    from demitasse.view.expressions import thousandths

    assert thousandths((0.00025, 0.5, 0.0005, 0.6)) == [0, 500, 1, 600]
    assert thousandths((0.9999, 0.9999, 1.0, 1.0)) == [999, 999, 1000, 1000]
    assert thousandths((0.1004, 0.2, 0.3006, 0.4)) == [100, 200, 301, 400]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        pytest.param("[]", "holds no box; reject the expression instead", id="no_box_is_left"),
        pytest.param('[{"bbox_2d": [190, 10, 210, 20]}]', "outside", id="out_of_the_picture"),
        pytest.param('[{"bbox_2d": [50, 10, 40, 20]}]', "inverted", id="inverted"),
        pytest.param('[{"bbox_2d": [50, 10, 50, 20]}]', "without area", id="without_area"),
        pytest.param('[{"bbox_2d": [1, 2, 3]}]', "not four numbers", id="three_numbers"),
        pytest.param('[{"bbox_2d": [1, 2, 3, NaN]}]', "not four numbers", id="no_number"),
        pytest.param("[[1, 2, 3, 4]]", "not four numbers", id="no_objects"),
        pytest.param("here", "not readable JSON", id="no_json"),
        pytest.param(
            '[{"bbox_2d": [1, 2, 3, 4], "bbox_id": "x"}, {"bbox_2d": [1, 2, 3, 4], "bbox_id": "x"}]',
            "the same bbox_id",
            id="one_id_twice",
        ),
    ],
)
def test_boxes_that_make_no_expression_are_refused_and_not_applied(pictures, tmp_path, answer, says):
    with pytest.raises(DataError, match=says):
        decide(pictures, (ONE, "edit", {"answer": answer}))
    assert (pictures / "edits.jsonl").read_text() == ""
    row = open_review(pictures).overview()["items"][ONE]
    told = {"item": row["item"], "of": row["of"], "decision": "edit", "changes": {"answer": answer}}
    (tmp_path / "foreign.jsonl").write_text(json.dumps(told) + "\n")
    assert apply(pictures, tmp_path / "out", "--edits", str(tmp_path / "foreign.jsonl")) == 3
    (unused,) = (tmp_path / "out" / "edits_not_applied.jsonl").read_text().splitlines()
    assert says in json.loads(unused)["why"]
    assert annotations(tmp_path / "out") == annotations(pictures)


@pytest.mark.parametrize("field", ["text", "box"])
def test_a_decision_about_another_phrase_or_other_boxes_is_stale(pictures, tmp_path, capsys, field):
    decide(pictures, (ONE, "reject", {}))
    rows = annotations(pictures)
    if field == "text":
        rows[0]["expressions"][0]["text"] = "the first car"
    else:
        rows[0]["expressions"][0]["instances"][0]["bbox_px"][0] = 11
    (pictures / "annotations.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert apply(pictures, tmp_path / "out") == 3
    assert "the item's text has changed since" in capsys.readouterr().err
    assert annotations(tmp_path / "out") == rows


def test_only_what_somebody_accepted_is_kept_when_asked_for(pictures, tmp_path):
    decide(pictures, (TWO, "accept", {}))
    apply(pictures, tmp_path / "out", "--decided-only")
    first, second = annotations(tmp_path / "out")
    assert [one["text"] for one in first["expressions"]] == ["both cars"] and second["expressions"] == []
    assert [one["text"] for one in (*first["removed"], *second["removed"])] == ["the left car", "the dot"]
    assert first["removed"][0]["review"]["decision"] == "open"  # nobody rejected it


def test_annotations_are_not_written_over_themselves(pictures, capsys):
    decide(pictures, (ONE, "accept", {}))
    before = (pictures / "annotations.jsonl").read_bytes()
    assert apply(pictures, pictures) == 2
    assert "another --out" in capsys.readouterr().err
    assert (pictures / "annotations.jsonl").read_bytes() == before


def test_a_run_that_is_not_at_its_end_has_nothing_to_apply_to_yet(pictures, tmp_path, capsys):
    decide(pictures, (ONE, "accept", {}))
    (pictures / "annotations.jsonl").rename(pictures / "seed_annotations.jsonl")
    assert apply(pictures, tmp_path / "out") == 2
    assert "is not there yet" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_items_are_made_of_the_annotations_with_the_decisions(pictures, tmp_path):
    moved = [{**boxes(pictures, DOT)[0], "bbox_2d": [20, 40, 40, 80]}]
    decide(pictures, (ONE, "reject", {}), (DOT, "edit", {"answer": json.dumps(moved), "question": "the disc"}))
    apply(pictures, tmp_path / "out")
    section = {
        "data": {
            "image_dir": str(tmp_path / "images"),
            "input_annotations_jsonl": str(tmp_path / "out/annotations.jsonl"),
        }
    }
    spec = {"results_dir": str(tmp_path / "again"), "image_referring_expression": section | {"workflow": {"steps": []}}}
    (tmp_path / "spec.yaml").write_text(json.dumps(spec))
    # Nobody is asked; that label lines were left out is told.
    assert main(["annotate", "image", "--config", str(tmp_path / "spec.yaml"), "--quiet"]) == 3
    items = {item.extra["expression"]: item for item in read(tmp_path / "again/items/grounding.json").items}
    assert set(items) == {"both cars", "the disc"}
    assert json.loads(items["the disc"].answer) == [{"bbox_2d": [333, 333, 667, 667], "label": "the disc"}]


@pytest.fixture
def items(pictures, tmp_path):
    """A folder with one grounding item about a.png, in thousandths and fenced."""
    answer = '```json\n[\n  {"bbox_2d": [50, 105, 300, 400], "label": "the left car"}\n]\n```'
    units = {"style": "qwen_1000", "size": [1000, 1000], "image_size": [200, 100]}
    item = {"image_id": "a.png", "question": "Where is the left car?", "answer": answer, "boxes": units}
    item["bbox_px"] = [[10.0, 10.5, 60.0, 40.0]]
    value = {"format": "tao-vl-reason-v1.0", "metadata": {"type": "annotation", "task": "grounding", "license": ""}}
    (tmp_path / "items").mkdir()
    path = tmp_path / "items" / "grounding.json"
    path.write_text(json.dumps({**value, "media_root": "../images", "items": [item]}))
    return path.parent


def test_the_pixels_beside_an_items_answer_follow_its_boxes(items, tmp_path):
    changed = '[{"bbox_2d": [100, 200, 300, 400], "label": "the left car"}]'
    decide(items, (0, "edit", {"answer": changed}))
    assert apply(items, tmp_path / "out") == 0
    (item,) = read(tmp_path / "out" / "grounding.json").items
    assert item.answer == changed and item.extra["bbox_px"] == [[20.0, 20.0, 60.0, 40.0]]
    assert validate(tmp_path / "out") == []


def test_an_items_pixels_stay_exact_if_only_its_words_were_changed(items, tmp_path):
    decide(items, (0, "edit", {"reasoning": "It is on the left."}))
    apply(items, tmp_path / "out")
    assert read(tmp_path / "out" / "grounding.json").items[0].extra["bbox_px"] == [[10.0, 10.5, 60.0, 40.0]]


def test_an_items_box_outside_of_its_picture_is_refused(items):
    with pytest.raises(DataError, match="answer"):
        decide(items, (0, "edit", {"answer": '[{"bbox_2d": [100, 200, 300, 1400]}]'}))
