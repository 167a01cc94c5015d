"""`demitasse predict` by letters, with drawn words and in repeats: rows, run folders, refusals."""

import json
from pathlib import Path

import pytest

from demitasse.cli import main
from demitasse.dataset import Item, TaskFile, write
from demitasse.toyworld.render import render_clip
from evaluate.comparing.arm import load_arm

BASES = Path(__file__).parents[3] / "recipes" / "quickstart" / "base"
QUESTION = "In which direction does it move?\nA. left\nB. right\nC. up\nD. down\nAnswer with a single letter."


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    videos = [render_clip(folder / f"{number}.mp4", number).name for number in range(3)]
    for task, question in (("mcq", QUESTION), ("open_qa", "What happens?")):
        items = [Item(question, "A", video) for video in videos]
        write(folder / f"{task}.json", TaskFile(items, task=task, license="x", media_root="."))
    return folder


def predict(data: Path, out: Path, *more: object) -> int:
    words = ["predict", "--data", data, "--model", BASES / "qwen2_5_vl", "--out", out, "--max-frames", 4]
    words += ["--cache", data / "cache", "--max-new-tokens", 5, "--device", "cpu", *more]
    return main([str(word) for word in words])


def test_by_letters_asks_multiple_choice_so_and_writes_the_rest(data, tmp_path):
    assert predict(data, tmp_path / "out", "--mcq", "letters") == 0
    rows = list(load_arm(tmp_path / "out").predictions.values())
    assert len(rows) == 6
    for row in rows:
        if row.asked.task == "mcq":
            letters = row.detail["letters"]
            assert list(letters) == list("ABCD") and all(value < 0 for value in letters.values())
            assert (row.response, row.finish, row.prompt) == (max(letters, key=letters.get), "stop", "")
        else:
            assert row.detail == {}


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        pytest.param(
            ["--mcq", "letters", "--mode", "think"], "with --mode think other words come before it", id="think"
        ),
        pytest.param(["--mcq", "letters", "--mode", "two_stage"], "other words come before it", id="two_stage"),
        pytest.param(["--repeats", "3"], "--repeats of greedy answers are equal", id="greedy_repeats"),
        pytest.param(["--repeats", "1", "--temperature", "1"], "needs 2 or more", id="one_repeat"),
        pytest.param(["--temperature", "-1"], "must be from 0", id="cold"),
        pytest.param(["--temperature", "nan"], "must be from 0", id="no_number"),
        pytest.param(["--temperature", "1", "--mode", "two_stage"], "two_stage is greedy", id="two_stages"),
        pytest.param(["--seed", "3"], "--seed changes nothing", id="seed_of_nothing"),
        pytest.param(["--endpoint", "http://127.0.0.1:1/v1", "--mcq", "letters"], "tells only what", id="endpoint"),
    ],
)
def test_what_cannot_be_is_one_sentence(data, tmp_path, capsys, words, complaint):
    assert predict(data, tmp_path / "out", *words) == 2
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_repeats_are_runs_of_their_own_and_how_far_they_differ(data, tmp_path, capsys):
    out = tmp_path / "out"
    assert predict(data, out, "--repeats", 3, "--temperature", 3, "--seed", 10) == 0
    arms = [load_arm(out / f"repeat_{place}") for place in (1, 2, 3)]
    assert [arm.run["settings"]["decoding"]["seed"] for arm in arms] == [11, 12, 13]
    said = [tuple(row.response for row in arm.predictions.values()) for arm in arms]
    assert len(set(said)) == 3, "at this temperature"
    found = json.loads((out / "repeats.json").read_text())
    assert found["runs"] == ["repeat_1", "repeat_2", "repeat_3"]
    assert found["tasks"]["mcq"]["items"] == found["tasks"]["open_qa"]["items"] == 3
    assert len(found["tasks"]["mcq"]["means"]) == 3
    assert found["tasks"]["open_qa"]["mean"] is None, "nobody has judged"
    assert "same in all" in capsys.readouterr().out
    before = {arm.folder: (arm.folder / "predictions.jsonl").read_bytes() for arm in arms}
    assert predict(data, out, "--repeats", 3, "--temperature", 3, "--seed", 10) == 0
    assert all((folder / "predictions.jsonl").read_bytes() == content for folder, content in before.items())


def test_a_repeat_says_what_a_single_run_with_its_seed_says(data, tmp_path):
    predict(data, tmp_path / "out", "--repeats", 2, "--temperature", 1, "--tasks", "mcq")
    predict(data, tmp_path / "one", "--temperature", 1, "--seed", 2, "--tasks", "mcq", "--batch-size", 2)
    rows = [load_arm(path).predictions for path in (tmp_path / "out" / "repeat_2", tmp_path / "one")]
    assert {key: row.response for key, row in rows[0].items()} == {key: row.response for key, row in rows[1].items()}


def test_shuffled_videos_are_recorded_with_their_seed(data, tmp_path):
    assert predict(data, tmp_path / "out", "--frames", "shuffled", "--seed", 4, "--tasks", "mcq") == 0
    arm = load_arm(tmp_path / "out")
    assert (arm.run["settings"]["frames"], arm.run["settings"]["shuffle_seed"]) == ("shuffled", 4)
    assert all(row.detail["shown"] != row.asked.video_id for row in arm.predictions.values())
