"""The four commands, from a dataset of toy clips to the report, with a real (untrained) student."""

import json
import os
import shlex
import shutil
from pathlib import Path

import pytest

from demitasse.chat.scripted import ScriptedModel
from demitasse.chat.server import ChatServer
from demitasse.cli import main
from demitasse.dataset import Item, TaskFile, write

QUESTION = "In which direction does the shape move?\nA. left\nB. right\nC. up\nD. down\nAnswer with a single letter."


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Four toy clips with items of four tasks, and a tiny student of random weights."""
    from demitasse.student.tiny import build_model, build_tokenizer, save_tiny
    from demitasse.toyworld.render import render

    folder = tmp_path_factory.mktemp("world")
    clips = render(folder / "videos", range(4))
    questions = {
        "mcq": (QUESTION, "B"),
        "bcq": ("Does it move?\nAnswer with Yes or No.", "Yes"),
        "temporal_localization": ("When is the light on?", '{"start": "00:01", "end": "00:03"}'),
        "open_qa": ("What does the shape do?", "The red shape moves left."),
    }
    for task, (question, answer) in questions.items():
        items = [Item(question, answer, video_id=path.name) for path in clips]
        write(folder / "data" / f"{task}.json", TaskFile(items, task=task, license="x", media_root="../videos"))
    tokenizer = build_tokenizer([*(text for pair in questions.values() for text in pair)])
    for seed, name in enumerate(("base", "trained")):
        save_tiny(
            build_model("qwen2_5_vl", tokenizer, hidden=32, layers=1, heads=2, seed=seed), tokenizer, folder / name
        )
    return folder


@pytest.fixture(scope="module")
def runs(world):
    """Predictions of both students, judged by the scripted judge."""
    for name, more in (("base", []), ("trained", []), ("blank", ["--frames", "blank", "--tasks", "mcq"])):
        model = world / ("trained" if name == "blank" else name)
        assert predict(world, model, world / "runs" / name, *more) == 0
    judged = [str(world / "runs" / name) for name in ("base", "trained")]
    assert main(["judge", *judged, "--model", "scripted"]) == 0
    return world / "runs"


def predict(world, model, out, *more):
    words = ["--data", world / "data", "--model", model, "--out", out, "--cache", world / "cache"]
    limits = ["--fps", "1", "--max-frames", "4", "--max-new-tokens", "12"]
    return main(["predict", *map(str, words), *limits, *more])


def test_the_whole_path_from_a_dataset_to_a_report(runs, capsys):
    out = runs / "report"
    arms = [f"{name}={runs / name}" for name in ("base", "trained", "blank")]
    assert main(["compare", *arms, "--out", str(out), "--media", str(runs.parent / "videos")]) == 0
    result = json.loads((out / "report.json").read_text())
    for key in ("mcq_accuracy", "bcq_accuracy", "judge_mean", "temporal_iou"):
        entry = result["metrics"][key]
        assert entry["n"] == 4
        assert {"before", "after", "delta_ci95"} <= set(entry)
    assert result["metrics"]["mcq_accuracy"]["arms"]["blank"]["n"] == 4
    assert capsys.readouterr().out.rstrip().endswith(str(out / "index.html"))


def test_blank_frames_are_recorded_as_another_setting(runs):
    settings = [json.loads((runs / name / "run.json").read_text())["settings"] for name in ("trained", "blank")]
    assert [one["frames"] for one in settings] == ["video", "blank"]
    assert settings[0]["model"] == settings[1]["model"]


def test_a_student_that_was_moved_is_still_the_same(world, runs, tmp_path, capsys):
    shutil.copytree(world / "base", tmp_path / "elsewhere")
    assert predict(world, tmp_path / "elsewhere", runs / "base") == 0
    assert "0 items asked, 16 found done" in capsys.readouterr().out


def test_a_judge_behind_an_endpoint_gives_the_same_scores_as_in_this_process(runs, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(runs / "base", copy, ignore=shutil.ignore_patterns("judge*"))
    with ChatServer(ScriptedModel()) as server:
        assert main(["judge", str(copy), "--model", "scripted", "--base-url", server.base_url]) == 0
    assert (copy / "judgements.jsonl").read_bytes() == (runs / "base" / "judgements.jsonl").read_bytes()
    assert main(["compare", str(copy), str(runs / "trained"), "--out", str(tmp_path / "r")]) == 0


def test_a_second_predict_loads_no_model_and_asks_nothing(world, runs, capsys, monkeypatch):
    def refuse(*_):
        raise AssertionError("the model was loaded")

    monkeypatch.setattr("evaluate.asking.student.open_student", refuse)
    assert predict(world, world / "base", runs / "base") == 0
    assert "0 items asked, 16 found done" in capsys.readouterr().out


def test_another_model_in_the_same_folder_is_refused(world, runs, capsys):
    assert predict(world, world / "trained", runs / "base") == 2
    assert "other settings; give another --out" in capsys.readouterr().err


def test_scores_are_printed_and_written(runs, capsys):
    assert main(["score", str(runs / "base")]) == 0
    table = capsys.readouterr().out
    assert all(task in table for task in ("mcq", "bcq", "temporal_localization", "open_qa"))
    rows = [json.loads(line) for line in (runs / "base" / "scores.jsonl").read_text().splitlines()]
    assert len(rows) == 16
    assert {row["state"] for row in rows} <= {"scored", "model_fault"}


def test_the_printed_command_makes_the_same_report_again(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = [str(runs / "base"), str(runs / "trained"), "--note", "It's a test."]
    assert main(["compare", *words, "--out", "one"]) == 0
    command = json.loads(Path("one/report.json").read_text())["command"]
    first = Path("one/index.html").read_bytes()
    assert main(shlex.split(command)[1:]) == 0
    assert Path("one/index.html").read_bytes() == first


def test_a_missing_video_is_counted_and_the_exit_code_says_so(world, runs, capsys):
    videos = sorted((world / "videos").glob("*.mp4"))
    moved = videos[0].with_suffix(".away")
    os.rename(videos[0], moved)
    try:
        assert predict(world, world / "base", world / "runs" / "holes") == 3
    finally:
        os.rename(moved, videos[0])
    assert "16 items asked, 0 found done, 4 could not be asked" in capsys.readouterr().out
    assert main(["compare", str(runs / "base"), str(runs / "holes"), "--out", str(runs / "r")]) == 3
    assert "holes: 4 of 16 items have a prediction that failed, counted as wrong" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        pytest.param("score nowhere", "nowhere is not a folder", id="no_such_run_to_score"),
        pytest.param("judge nowhere --model scripted", "nowhere is not a folder", id="no_such_run_to_judge"),
        pytest.param("compare =x y --out z", "'=x' names no arm", id="an_arm_without_a_name"),
        pytest.param("predict --data d.json --model . --out o --batch-size 0", "must be 1 or more", id="no_batch"),
        pytest.param("predict --data .. --model . --out o", "holds no dataset file", id="no_data"),
        pytest.param("predict --data d.json --model nowhere --out o", "holds no model", id="no_model"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_two(words, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("d.json", TaskFile([Item("Why?", "So.", video_id="a.mp4")], task="open_qa", license="x"))
    assert main(words.split()) == 2
    errors = capsys.readouterr().err
    assert sentence in errors
    assert len(errors.strip().splitlines()) == 1
