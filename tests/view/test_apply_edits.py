"""`demitasse data apply-edits`: decisions put into a dataset, again after every re-run."""

import json

import pytest

from demitasse.cli import main
from demitasse.dataset import read, validate
from demitasse.view.edits import read_edits
from demitasse.view.folders import open_review
from demitasse.view.store import EditStore


def decide(folder, *decisions):
    """Take decisions, by task and place among the task's items."""
    review = open_review(folder)
    rows = review.overview()["items"]
    with EditStore(review, folder, "vera") as store:
        for task, index, decision, changes in decisions:
            row = [row for row in rows if row["task"] == task][index]
            store.take({"item": row["item"], "of": row["of"], "decision": decision, "changes": changes})


def change(path, index, **fields):
    value = json.loads(path.read_text())
    value["items"][index].update(fields)
    path.write_text(json.dumps(value))


def unused(out):
    return [json.loads(line) for line in (out / "edits_not_applied.jsonl").read_text().splitlines()]


def test_rejected_items_go_edited_ones_change_accepted_ones_are_marked(dataset, tmp_path, tao_daft, capsys):
    edited = {"answer": "A", "reasoning": "The hammer falls."}
    decide(dataset, ("mcq", 0, "edit", edited), ("mcq", 1, "reject", {}), ("open_qa", 0, "accept", {}))
    out = tmp_path / "out"
    assert main(["data", "apply-edits", str(dataset), "--out", str(out)]) == 0
    assert "2 items written; of all, 1 accepted, 1 edited, 1 rejected, 0 undecided" in capsys.readouterr().out
    (item,) = read(out / "mcq.json").items
    assert (item.answer, item.reasoning, item.item_index) == ("A", "The hammer falls.", "m1")
    assert item.extra["review"]["decision"] == "edit" and item.extra["review"]["changed"] == ["answer", "reasoning"]
    assert read(out / "open_qa.json").items[0].extra["review"]["decision"] == "accept"
    assert validate(out) == [] and tao_daft(out)
    assert "vera" not in "".join(path.read_text() for path in out.glob("*.json"))  # a dataset is published


def test_the_same_edits_make_the_same_files(dataset, tmp_path):
    decide(dataset, ("mcq", 0, "reject", {}))
    for name in ("one", "two"):
        assert main(["data", "apply-edits", str(dataset), "--out", str(tmp_path / name)]) == 0
    assert (tmp_path / "one" / "mcq.json").read_bytes() == (tmp_path / "two" / "mcq.json").read_bytes()


def test_edits_are_applied_to_a_re_run_elsewhere_whose_text_is_the_same(dataset, tmp_path):
    decide(dataset, ("mcq", 0, "edit", {"answer": "A"}))
    again = tmp_path / "again"
    dataset.rename(again)
    change(again / "mcq.json", 0, provenance={"time": "later"})
    edits = str(again / "edits.jsonl")
    assert main(["data", "apply-edits", str(again), "--edits", edits, "--out", str(tmp_path / "out")]) == 0
    assert read(tmp_path / "out" / "mcq.json").items[0].answer == "A"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        pytest.param({"answer": "C"}, "the item's text has changed since", id="another_answer"),
        pytest.param({"reasoning": "New."}, "the item's text has changed since", id="another_reasoning"),
        pytest.param({"item_index": "m9"}, "there is no such item any more", id="the_item_is_gone"),
    ],
)
def test_a_decision_about_another_text_is_reported_and_not_applied(dataset, tmp_path, capsys, fields, why):
    decide(dataset, ("mcq", 0, "reject", {}))
    change(dataset / "mcq.json", 0, **fields)
    assert main(["data", "apply-edits", str(dataset), "--out", str(tmp_path / "out")]) == 3
    shown = capsys.readouterr()
    assert f"not applied: reject of the mcq item about a.mp4: {why}" in shown.err
    assert "1 decisions were not applied" in shown.out and len(read(tmp_path / "out" / "mcq.json").items) == 2
    assert [row["why"] for row in unused(tmp_path / "out")] == [why]


def test_a_decision_that_a_later_one_about_the_new_text_replaces_is_not_reported(dataset, tmp_path):
    decide(dataset, ("mcq", 0, "reject", {}))
    change(dataset / "mcq.json", 0, answer="C")
    decide(dataset, ("mcq", 0, "accept", {}))
    assert main(["data", "apply-edits", str(dataset), "--out", str(tmp_path / "out")]) == 0
    assert unused(tmp_path / "out") == []


def test_a_decision_that_was_taken_back_does_nothing(dataset, tmp_path):
    decide(dataset, ("mcq", 0, "reject", {}), ("mcq", 0, "open", {}))
    assert main(["data", "apply-edits", str(dataset), "--out", str(tmp_path / "out")]) == 0
    assert "review" not in read(tmp_path / "out" / "mcq.json").items[0].extra


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"answer": "Q"}, 'its answer is "Q", but the options are A, B, C', id="no_option"),
        pytest.param({"question": "?"}, "has no lettered options", id="no_options"),
        pytest.param({"answer": " "}, "its answer is empty", id="empty"),
    ],
)
def test_changes_that_make_no_sound_item_leave_it_as_it_was(dataset, tmp_path, changes, why):
    decide(dataset, ("mcq", 0, "edit", {"answer": "A"}))
    (row,) = (edit.to_json() for edit in read_edits(dataset / "edits.jsonl").values())
    (dataset / "edits.jsonl").write_text(json.dumps({**row, "changes": changes}) + "\n")  # as the static page may
    assert main(["data", "apply-edits", str(dataset), "--out", str(tmp_path / "out")]) == 3
    assert why in unused(tmp_path / "out")[0]["why"]
    assert read(tmp_path / "out" / "mcq.json").items[0].answer == "B" and validate(tmp_path / "out") == []


def test_an_edit_that_would_repeat_another_item_is_not_applied(dataset, tmp_path):
    change(dataset / "mcq.json", 1, video_id="a.mp4")
    decide(dataset, ("mcq", 1, "edit", {"answer": "B"}))
    assert main(["data", "apply-edits", str(dataset), "--out", str(tmp_path / "out")]) == 3
    assert "repeat another item" in unused(tmp_path / "out")[0]["why"] and validate(tmp_path / "out") == []


def test_only_what_was_accepted_is_kept_when_asked_for(dataset, tmp_path):
    decide(dataset, ("mcq", 0, "accept", {}))
    assert main(["data", "apply-edits", str(dataset), "--out", str(tmp_path / "out"), "--decided-only"]) == 0
    assert [len(read(tmp_path / "out" / name).items) for name in ("mcq.json", "open_qa.json")] == [1, 0]


def test_two_peoples_files_are_merged(dataset, tmp_path, capsys):
    decide(dataset, ("mcq", 0, "reject", {}), ("mcq", 1, "accept", {}))
    rows = [edit.to_json() for edit in read_edits(dataset / "edits.jsonl").values()]
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps({**rows[0], "decision": "accept", "who": "wim", "time": "2999-01-01T00:00:00Z"}) + "\n")
    edits = [str(dataset / "edits.jsonl"), str(other)]
    assert main(["data", "apply-edits", str(dataset), "--out", str(tmp_path / "out"), "--edits", *edits]) == 0
    told = capsys.readouterr().out
    assert "2 accepted, 0 edited, 0 rejected" in told and "1 items were decided differently by two people" in told


def test_results_are_edited_in_their_output(results, tmp_path):
    decide(results, ("open_qa", 0, "edit", {"answer": "It was pushed."}))
    assert main(["data", "apply-edits", str(results), "--out", str(tmp_path / "out")]) == 0
    assert read(tmp_path / "out" / "open_qa.json").items[0].answer == "It was pushed."
    assert validate(tmp_path / "out") == []


def test_a_split_stays_one(dataset, tmp_path):
    data = tmp_path / "data"
    assert main(["data", "split", str(dataset), str(data), "--eval", "1"]) == 0
    decide(data, ("mcq", 0, "reject", {}))
    assert main(["data", "apply-edits", str(data), "--out", str(tmp_path / "out")]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_dir()) == ["eval", "train"]


def test_a_dataset_is_not_written_over_itself_or_among_another(dataset, tmp_path, capsys):
    decide(dataset, ("mcq", 0, "reject", {}))
    before = (dataset / "mcq.json").read_bytes()
    assert main(["data", "apply-edits", str(dataset), "--out", str(dataset)]) == 2
    assert "overwritten" in capsys.readouterr().err and (dataset / "mcq.json").read_bytes() == before
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "bcq.json").write_bytes(before)
    assert main(["data", "apply-edits", str(dataset), "--out", str(tmp_path / "other")]) == 2
    assert "not of this dataset" in capsys.readouterr().err and not (tmp_path / "other" / "mcq.json").exists()


def test_what_would_be_read_as_a_part_of_the_dataset_is_refused(dataset, tmp_path, capsys):
    """Twice the items, the next time that the folder is read, and a refusal that says nothing of why."""
    data = tmp_path / "data"
    (data / "train").mkdir(parents=True)
    (dataset / "mcq.json").rename(data / "train" / "mcq.json")
    command = ["data", "apply-edits", str(data), "--out"]
    assert main([*command, str(data / "reviewed")]) == 2
    assert "reviewed would be read as a part of the dataset itself" in capsys.readouterr().err
    assert [path.name for path in data.iterdir()] == ["train"]
    assert main([*command, str(tmp_path / "reviewed")]) == 0


def test_where_nobody_has_decided_anything_the_copy_is_the_dataset(dataset, tmp_path, capsys):
    assert main(["data", "apply-edits", str(dataset), "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert "0 decisions: " in told and f"`demitasse view {dataset}`" in told
    assert "0 accepted, 0 edited, 0 rejected, 3 undecided" in told
    assert validate(tmp_path / "out") == [] and len(read(tmp_path / "out" / "mcq.json").items) == 2


def test_missing_edits_are_one_sentence_that_says_where_they_come_from(dataset, tmp_path, capsys):
    command = ["data", "apply-edits", str(dataset), "--out", str(tmp_path / "out")]
    assert main([*command, "--decided-only"]) == 2
    told = capsys.readouterr().err
    assert "edits.jsonl is not there" in told and f"`demitasse view {dataset}`" in told
    assert not (tmp_path / "out").exists()
    assert main([*command, "--edits", "gone.jsonl"]) == 2
    assert "gone.jsonl cannot be read" in capsys.readouterr().err
