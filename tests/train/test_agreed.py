"""What processes must have alike: worked out once, compared, and remembered by checkpoints."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from demitasse.dataset import Item
from demitasse.errors import ConfigError, DataError, MediaError
from train.data.kept import Kept
from train.data.lessons import Lesson
from train.loop.agreed import check_alike, from_main
from train.loop.checkpoint import FOLDER, complete

ROOT = Path(__file__).resolve().parents[2]


def one_of_two(monkeypatch, told: object, main: bool):
    """An accelerator of one process of two; `told` is what the main one broadcasts."""
    monkeypatch.setattr("accelerate.utils.broadcast_object_list", lambda mine: mine if main else [told])
    return SimpleNamespace(is_main_process=main, num_processes=2)


def fails() -> list[int]:
    raise MediaError("a.mp4", "not a media file")


def test_the_main_process_works_and_the_others_are_told(monkeypatch):
    assert from_main(one_of_two(monkeypatch, None, main=True), lambda: [1, 2]) == [1, 2]
    other = one_of_two(monkeypatch, ([1, 2], ""), main=False)
    assert from_main(other, lambda: pytest.fail("worked")) == [1, 2]


def test_what_fails_in_the_main_process_fails_in_all_of_them(monkeypatch):
    with pytest.raises(DataError, match=r"a\.mp4: not a media file"):
        from_main(one_of_two(monkeypatch, None, main=True), fails)
    with pytest.raises(DataError, match="said there"):
        from_main(one_of_two(monkeypatch, (None, "said there"), main=False), lambda: pytest.fail("worked"))


def test_a_process_that_reads_otherwise_than_the_first_is_refused(monkeypatch):
    check_alike(one_of_two(monkeypatch, "same", main=False), "same", "items")
    with pytest.raises(ConfigError, match="this process has other items than the first"):
        check_alike(one_of_two(monkeypatch, "one", main=False), "another", "items")


def lessons(*questions: str) -> list[Lesson]:
    return [Lesson(Item(question, "A", video_id="a.mp4"), "qa", Path("a.mp4")) for question in questions]


def test_the_same_items_go_on_and_others_do_not():
    state = json.loads(json.dumps(Kept(lessons("a", "b"), Path("out")).state_dict()))
    Kept(lessons("a", "b"), Path("elsewhere")).load_state_dict(state)
    for other in (["a"], ["b", "a"], ["a", "b", "c"], ["a", "c"]):
        with pytest.raises(ConfigError, match=rf"learnt from 2 items .* and now {len(other)} fit"):
            Kept(lessons(*other), Path("out")).load_state_dict(state)


def test_a_file_whose_length_is_another_at_the_next_start_is_refused(train_it, tmp_path, monkeypatch):
    from train.data import lengths

    settings = ("data.max_tokens=120", "data.over_long=drop")
    train_it(*settings)
    (tmp_path / "out" / "train.json").unlink()
    assert complete(tmp_path / "out" / FOLDER)
    measure = lengths.measure

    def flaky(*given):
        return [lengths.Length(999, 1, 0, 0) if place == 0 else one for place, one in enumerate(measure(*given))]

    monkeypatch.setattr("train.data.course.measure", flaky)
    with pytest.raises(ConfigError, match="items that fit data.max_tokens, and now"):
        train_it(*settings)


@pytest.mark.slow
def test_of_two_processes_the_one_that_went_wrong_says_why_and_the_other_that_it_did(recipe, tmp_path):
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2",
        "tests/train/one_fails.py", "--config", str(recipe),
    ]  # fmt: skip
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400)
    assert ran.returncode != 0
    assert "error: process 1 of 2: a.mp4: only here" in ran.stderr
    assert "RuntimeError" not in ran.stderr
