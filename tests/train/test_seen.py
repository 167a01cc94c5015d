"""A trained student's folder says what it learnt from and what it was chosen on, by hashes and ids alone."""

import json

import pytest

from demitasse.dataset import Item, TaskFile, write
from demitasse.media.probe import content_hash
from demitasse.student.trained_on import TrainedOn, write_trained_on
from train.after.seen import media_of, seen_by
from train.config import DataConfig, ModelConfig, TrainConfig


def data(tmp_path, **more):
    for name in ("a.mp4", "b.mp4", "copy_of_a.mp4"):
        (tmp_path / name).write_bytes(name[-5:].encode())
    items = [Item("Is it?", "Yes", video_id=name) for name in ("a.mp4", "copy_of_a.mp4", "b.mp4", "gone.mp4")]
    for task, some in (("bcq", items[:2]), ("open_qa", items[2:])):
        write(tmp_path / f"{task}.json", TaskFile(some, task=task, license="x", media_root=".", path=tmp_path / task))
    return DataConfig(files=[str(tmp_path / "bcq.json"), str(tmp_path / "open_qa.json")], **more)


def test_each_content_is_there_once_and_only_of_the_tasks_that_are_learnt(tmp_path):
    one, other = content_hash_of(tmp_path, "a.mp4"), content_hash_of(tmp_path, "b.mp4")
    assert media_of(data(tmp_path)) == sorted((one, other))
    assert media_of(data(tmp_path, tasks=["bcq"])) == [one]


def content_hash_of(tmp_path, name):
    data(tmp_path)
    return content_hash(tmp_path / name)


def test_the_rounds_of_validation_are_the_checkpoints_that_were_compared(tmp_path):
    rows = [{"step": 0, "score": 0.5}, {"step": 5, "score": None}, {"step": 9, "score": 0.7}]
    (tmp_path / "validation.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    first = tmp_path / "validation" / "step_000000"
    first.mkdir(parents=True)
    (first / "items.jsonl").write_text('{"item_id": "i1"}\n{"item_id": "i2"}\n')
    seen = seen_by(TrainConfig(output_dir=str(tmp_path)), ["aa"])
    assert seen == TrainedOn(frozenset(("aa",)), 2, frozenset(("i1", "i2")))


def test_without_validation_nothing_was_chosen(tmp_path):
    assert seen_by(TrainConfig(output_dir=str(tmp_path)), []) == TrainedOn()


@pytest.mark.parametrize(
    ("earlier", "seen"),
    [
        pytest.param(
            TrainedOn(frozenset("b"), 3, frozenset("i")),
            TrainedOn(frozenset("ab"), 3, frozenset("i")),
            id="it_was_chosen",
        ),
        pytest.param(
            TrainedOn(frozenset("b"), 1, frozenset("i")), TrainedOn(frozenset("ab")), id="there_was_no_choice"
        ),
    ],
)
def test_a_student_that_is_trained_further_has_seen_what_the_earlier_one_had(tmp_path, earlier, seen):
    write_trained_on(tmp_path, earlier)
    config = TrainConfig(output_dir=str(tmp_path), model=ModelConfig(path=str(tmp_path)))
    assert seen_by(config, ["a"]) == seen
