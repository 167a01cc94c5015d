"""The TAR recipe: ten task files in TAR's dialect, both columns of the benchmark, and its published numbers."""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from demitasse import cli
from demitasse.dataset import TASKS, read_folder, validate
from demitasse.dataset.item_id import id_of
from demitasse.media.probe import content_hash
from demitasse.recipe import CHECKOUT, run_recipe
from demitasse.recipe.read import read_recipe
from evaluate.official.tar import CLOSED, OPEN
from evaluate.records import Asked, Prediction, write_rows

FOLDER = CHECKOUT / "recipes" / "traffic_anomaly_reasoning"
PUBLISHED = yaml.safe_load((FOLDER / "published.yaml").read_text(encoding="utf-8"))
SIZES = ("clips=4", "eval=2")


def predict(words: list[str]) -> None:
    """Write the run folder that `demitasse predict` would: the base says nothing of use, the student the answers."""
    add_arguments, _ = cli._functions("predict")
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    args = parser.parse_args(words)
    rows = []
    for file in files_at(args.data[0]):
        for item in file.items:
            task, knows = file.task_of(item), "student" in args.model
            asked = Asked(id_of(item, task), task, item.media_id, item.question, item.answer, item.extra)
            said = f"<think>\n{item.reasoning}\n</think>\n\n{item.answer}" if knows else "A van waits."
            rows.append(Prediction(asked, said, "stop", media=content_hash(file.media_path(item))))
    write_rows(args.out / "items.jsonl", [row.asked.to_json() for row in rows])
    write_rows(args.out / "predictions.jsonl", [row.to_json() for row in rows])


def files_at(path: Path):
    from demitasse.dataset import read

    return read_folder(path) if path.is_dir() else [read(path)]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The recipe's smoke but for the student, its judge and the report."""
    folder = tmp_path_factory.mktemp("tar") / "run"

    def dispatch(command: str) -> int:
        name, *words = shlex.split(command)
        if name == "predict":
            predict(words)
        return 0 if name in ("predict", "train", "judge", "compare") else cli.main([name, *words])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("demitasse.recipe.run.dispatch", dispatch)
        assert run_recipe(FOLDER / "smoke.yaml", [f"run={folder}", *SIZES]) == 0
    return folder


def figures(run, name):
    """The official and our column of a report, by figure."""
    report = json.loads((run / f"official/{name}.json").read_text())
    return {one["name"]: (one["official"], one["ours"]) for one in report["figures"]}, report["notes"]


def test_the_ten_task_files_are_written_in_tars_dialect(run):
    files = {file.task: file for file in read_folder(run / "annotations/step_4_output")}
    assert files.keys() == set(TASKS)
    mcq, span = files["mcq"].items[0], files["temporal_localization"].items[0]
    assert mcq.answer[1] == ")" and "\n\nA) " in mcq.question
    assert span.answer.startswith("```json\n")
    assert validate(run / "annotations/step_4_output") == []


def test_right_answers_are_all_right_in_both_columns(run):
    """The letter in its bracket and the fenced times are what the script wants of references."""
    found, _ = figures(run, "direct")
    assert [found[name] for name in CLOSED.values()] == [(100.0, 100.0)] * 3


def test_what_names_no_answer_is_wrong(run):
    found, _ = figures(run, "base")
    assert [found[name][1] for name in CLOSED.values()] == [0.0] * 3


def test_without_bertscore_the_open_tasks_are_not_measured_and_that_is_said(run):
    found, notes = figures(run, "direct")
    not_measured = [f"{task}_bertscore_f1" for task in OPEN] + ["mean", "mean without temporal_localization"]
    assert {found[name] for name in not_measured} == {(None, None)}
    assert any("BERTScore, which was not given" in note for note in notes)
    values = read_recipe(FOLDER / "smoke.yaml", []).values
    assert values["bertscore"] == "" and "BERTScore was not measured" in values["note"]


def test_the_submission_has_a_row_for_each_question_of_the_test(run):
    questions = json.loads((run / "official/base/references.json").read_text())["items"]
    lines = (run / "submission/submission.csv").read_text().splitlines()
    assert lines[0] == '"item_index","prediction"'
    assert all(any(line.startswith(f'"{one["item_index"]}"') for line in lines) for one in questions)


def test_no_video_is_on_both_sides_of_the_split(run):
    sides = [
        {item.media_id for file in read_folder(run / "data" / side) for item in file.items}
        for side in ("train", "eval")
    ]
    assert not sides[0] & sides[1]
    assert len(sides[1]) == 2


def test_training_takes_each_item_with_its_bare_answer_and_with_its_reasoning():
    for name in ("config", "smoke"):
        data = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())["train"]["data"]
        assert data["response_mode"] == "explain_or_answer"


@pytest.fixture
def published(tmp_path):
    """A data set as it is published: media count from where none lie, the test has a key too many, a video is gone."""
    item = {"question": "Does it rain?", "answer": "Yes", "reasoning": "It does."}
    for task in TASKS:
        items = [item | {"video_id": f"{source}/1.mp4"} for source in ("TAD", "SO-TAD")]
        content = {"format": "tao-vl-reason-v1.0", "metadata": {"type": "annotation", "task": task, "license": "x"}}
        put(tmp_path / f"train/{task}.json", content | {"media_root": None, "items": items})
    metadata = {"type": "annotation", "license": "CC-BY-4.0", "answers_redacted": True}
    question = {"item_index": "0" * 16, "task_type": "bcq", "video_id": "a.mp4", "question": "Does it?", "answer": ""}
    put(tmp_path / "test/test.json", content | {"metadata": metadata, "items": [question]})
    for video in ("videos/TAD/1.mp4", "test/videos/a.mp4"):
        (tmp_path / video).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / video).write_bytes(b"")
    return tmp_path


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def gather(*words):
    """The script of the recipe; its exit code and what it printed."""
    done = subprocess.run([sys.executable, FOLDER / "gather.py", *words], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_gathering_leaves_out_items_of_absent_videos_and_says_of_which_source(published):
    code, said = gather(published)
    files = read_folder(published / "ready/train")
    assert (code, len(files)) == (3, len(TASKS))
    assert all(file.media_path(item).is_file() for file in files for item in file.items)
    assert {item.media_id for file in files for item in file.items} == {"TAD/1.mp4"}
    assert "left out: 10 items of videos of SO-TAD that are not there" in said


def test_gathering_makes_the_test_readable(published):
    gather(published)
    (file,) = files_at(published / "ready/questions.json")
    assert (file.items[0].item_index, file.task_of(file.items[0])) == ("0" * 16, "bcq")
    assert file.media_path(file.items[0]).is_file()


def test_gathering_where_no_video_is_ends_with_a_sentence(published):
    code, said = gather(published, "--videos", published / "elsewhere")
    assert code == 2 and "none of the videos of its 2 items is in" in said and "Traceback" not in said


# What can be computed again of what was published.


def test_the_items_of_training_and_test_add_up():
    train, test = PUBLISHED["train"], PUBLISHED["test"]
    assert sum(train["items_by_task"].values()) == train["items"]
    assert sum(test["items_by_task"].values()) == test["items"]
    assert train["videos"]["anomalous"] + train["videos"]["normal"] == train["videos"]["all"]
    assert train["items_by_task"].keys() == test["items_by_task"].keys() == set(TASKS)


@pytest.mark.parametrize("split", ["train", "test"])
def test_two_tasks_have_two_items_a_video_and_the_others_one(split):
    part = PUBLISHED[split]
    videos = part["videos"]["all"]
    twice = {task for task, count in part["items_by_task"].items() if count == 2 * videos}
    assert twice == {"bcq", "bcq_openended"}
    assert all(count == videos for task, count in part["items_by_task"].items() if task not in twice)


def test_the_hours_are_those_of_its_two_kinds():
    hours = PUBLISHED["train"]["hours"]
    assert hours["anomalous"] + hours["normal"] == pytest.approx(hours["all"], abs=0.05)


def test_the_gain_of_all_tasks_is_the_last_mean_less_the_first():
    steps = PUBLISHED["finetuned"]["mean_by_tasks"]
    assert steps["all_10"] - steps["none"] == pytest.approx(PUBLISHED["finetuned"]["gain"], abs=0.05)
    assert sorted(steps.values()) == list(steps.values()), "each group of tasks adds"


def test_what_is_quoted_of_the_best_model_leaves_room_for_its_mean():
    """Seven of ten tasks are quoted, so the mean cannot be computed again: the other three must lie in 0 to 100."""
    best = PUBLISHED["zero_shot"]["Cosmos3-Super"]
    left = 10 * best["mean"] - sum(best["by_task"].values())
    assert len(best["by_task"]) == 7
    assert 0 <= left / 3 <= 100


def test_ranks_go_with_scores():
    ranked = sorted((one["rank"], -one["score"]) for one in PUBLISHED["leaderboard"])
    assert ranked == sorted(ranked, key=lambda one: one[1])
