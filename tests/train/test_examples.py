"""What cannot be read: it costs its item and nothing else, is named once, and too much of it ends the run."""

import json
import shutil

import pytest

from demitasse.dataset import Item
from demitasse.dataset.grounding import UNITS
from demitasse.errors import DataError
from demitasse.media.cache import FrameCache
from demitasse.media.sample import SamplingPolicy
from demitasse.student.load import load_student
from demitasse.student.sight import Sight, SightSettings
from train.config import DataConfig
from train.data.examples import Examples, Unreadable
from train.data.lessons import Lesson, read_lessons
from train.sft import train
from train.start import main


def rows(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def torn_data(data_folder, tmp_path):
    """The data, with one of the six videos cut in the middle of its frames."""
    folder = tmp_path / "torn"
    shutil.copytree(data_folder, folder)
    video = folder / "videos" / "00002.mp4"
    whole = video.read_bytes()
    video.write_bytes(whole[: len(whole) // 2])
    return folder


@pytest.fixture
def lessons(tmp_path) -> list[Lesson]:
    return [Lesson(Item(f"Question {n}?", "A", f"{n}.mp4"), "mcq", tmp_path / f"{n}.mp4") for n in range(10)]


def test_a_torn_video_is_a_fault_of_its_own_items_and_of_no_other(torn_data, student_folder, tmp_path):
    encoder = load_student(student_folder).encoder
    found = read_lessons(DataConfig([str(torn_data)]))
    sight = Sight(SightSettings(SamplingPolicy(1, 4)), FrameCache(tmp_path / "cache"), encoder.vision)
    examples = Examples(found, encoder, sight)
    made = [examples[place] for place in range(len(examples))]
    assert [one.place for one in made] == list(range(12))
    torn = [one for one in made if one.encoded is None]
    assert {found[one.place].media.name for one in torn} == {"00002.mp4"}
    assert len(torn) == 2
    assert all("00002.mp4" in one.fault for one in torn)


def test_boxes_of_another_size_are_a_fault_with_their_reason(data_folder, student_folder, tmp_path):
    encoder = load_student(student_folder).encoder
    lesson = read_lessons(DataConfig([str(data_folder)]))[0]
    lesson.item.extra[UNITS] = {"style": "qwen2_5_vl_px", "size": [7, 7]}
    sight = Sight(SightSettings(SamplingPolicy(1, 4)), FrameCache(tmp_path / "cache"), encoder.vision)
    example = Examples([lesson], encoder, sight)[0]
    assert example.encoded is None
    assert "[7, 7]" in example.fault


def test_each_is_named_once_with_item_medium_and_reason(lessons, tmp_path):
    unreadable = Unreadable(lessons, most=0.5, folder=tmp_path, writes=True)
    unreadable.note(1, [(3, "3.mp4: torn")])
    unreadable.note(4, [(3, "3.mp4: torn"), (1, "1.mp4: no video stream")])
    found = rows(tmp_path / "unreadable.jsonl")
    assert [(row["step"], row["media"][-5:], row["reason"]) for row in found] == [
        (1, "3.mp4", "3.mp4: torn"),
        (4, "1.mp4", "1.mp4: no video stream"),
    ]
    assert len({row["item"] for row in found}) == len(unreadable) == 2


def test_nothing_unreadable_leaves_no_file_not_even_one_of_an_earlier_attempt(lessons, tmp_path):
    (tmp_path / "unreadable.jsonl").write_text('{"step": 1}')
    Unreadable(lessons, most=0, folder=tmp_path, writes=True).note(1, [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("most", "allowed"), [(0.0, 0), (0.1, 1), (0.25, 2), (1.0, 10)])
def test_more_than_the_allowed_share_of_all_items_ends_the_run_with_the_first_reason(lessons, tmp_path, most, allowed):
    unreadable = Unreadable(lessons, most, tmp_path, writes=False)
    unreadable.note(1, [(place, f"{place}.mp4: torn") for place in range(allowed)])
    if allowed < len(lessons):
        with pytest.raises(DataError, match=rf"{allowed + 1} of 10 items .* the first: 0\.mp4: torn; .*max_unreadable"):
            unreadable.note(2, [(place, f"{place}.mp4: torn") for place in range(allowed + 1)])


def test_a_run_that_goes_on_forgets_what_was_met_after_its_checkpoint_and_nothing_else(lessons, tmp_path):
    first = Unreadable(lessons, most=1, folder=tmp_path, writes=True)
    first.note(1, [(3, "torn")])
    kept = json.loads(json.dumps(first.state_dict()))
    first.note(2, [(4, "torn")])
    second = Unreadable(lessons, most=1, folder=tmp_path, writes=True)
    second.load_state_dict(kept)
    assert [row["step"] for row in rows(tmp_path / "unreadable.jsonl")] == [1]
    second.note(2, [(3, "torn"), (4, "torn")])
    assert [row["step"] for row in rows(tmp_path / "unreadable.jsonl")] == [1, 2]


def test_a_video_that_breaks_while_training_stops_the_run_naming_it(recipe, torn_data, capsys):
    assert main(train, "train/sft.py", ["--config", str(recipe), f"data.files=[{torn_data}]"]) == 2
    error = capsys.readouterr().err
    assert "could not be read, the first:" in error
    assert "00002.mp4" in error
    assert "Traceback" not in error


def test_a_run_that_allows_for_it_shows_the_other_items_in_the_same_order_and_says_so(
    recipe, torn_data, data_folder, tmp_path, capsys, monkeypatch
):
    shown = {}
    for name, data in (("torn", torn_data), ("whole", data_folder)):
        words = [f"output_dir={tmp_path / name}", f"data.files=[{data}]", "data.max_unreadable=0.2", "optim.steps=3"]
        code = main(train, "train/sft.py", ["--config", str(recipe), *words])
        assert code == (3 if name == "torn" else 0)
        shown[name] = [
            [one.rpartition("/")[2] for one in row["items"]] for row in rows(tmp_path / name / "items.jsonl")
        ]
    assert "2 items could not be read (unreadable.jsonl)" in capsys.readouterr().err
    assert shown["torn"] == shown["whole"]
    assert {row["media"][-9:] for row in rows(tmp_path / "torn" / "unreadable.jsonl")} == {"00002.mp4"}
    learnt = [sum(row["items"] for row in rows(tmp_path / name / "log.jsonl")) for name in ("torn", "whole")]
    assert learnt == [10, 12]
