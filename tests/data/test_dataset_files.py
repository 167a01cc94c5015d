"""Reading and writing lose nothing, and what is written passes the format's validator."""

import json
import os
from dataclasses import replace

import pytest

from demitasse.dataset import FORMAT, TASKS, Item, TaskFile, read, read_folder, rebased, stats, validate, write
from demitasse.errors import DataError, DiskFullError

ODD = {
    "format": FORMAT,
    "metadata": {"license": "CC-BY-4.0", "type": "annotation", "tags": [], "task": "", "date": "2026-04-30"},
    "items": [
        {
            "score": 1e-7,
            "question": "Was passiert? — 何が",
            "source": {"b": [1, None, {"z": True}], "a": 12345678901234567890},
            "video_id": "a b #'\"ü.mp4",
            "answer": "lone \ud800 surrogate",
            "empty": "",
        },
        {"image_id": "x/y.png", "answer": "A", "item_index": "0f", "question": "Q", "reasoning": ""},
    ],
}


def test_a_file_comes_back_as_it_was_key_by_key(tmp_path):
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(ODD))
    write(tmp_path / "again.json", read(path))
    again = json.loads((tmp_path / "again.json").read_text())
    assert json.dumps(again) == json.dumps(ODD)  # order too


def test_unknown_fields_are_kept_in_order_when_an_item_is_edited():
    item = Item.from_json({"z": 1, "question": "Q", "a": 2, "video_id": "v", "answer": "A"})
    assert item.extra == {"z": 1, "a": 2}
    edited = replace(item, answer="B", reasoning="R", extra={**item.extra, "new": 3})
    assert list(edited.to_json()) == ["z", "question", "a", "video_id", "answer", "reasoning", "new"]


def test_an_extra_field_may_not_shadow_a_field_of_the_format(tmp_path):
    item = Item("Q", "A", video_id="v.mp4", extra={"answer": "B"})
    with pytest.raises(DataError, match=r"v\.mp4.*'answer'"):
        write(tmp_path / "x.json", TaskFile([item]))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("task", TASKS)
def test_every_written_file_passes_tao_daft(tmp_path, tao_daft, task):
    (tmp_path / "a.mp4").write_bytes(b"")
    (tmp_path / "b.png").write_bytes(b"")
    items = [Item("Q", "A", video_id="a.mp4", extra={"provenance": {"teacher": "t"}}), Item("Q", "A", image_id="b.png")]
    write(tmp_path / f"{task}.json", TaskFile(items, task=task))
    assert tao_daft(tmp_path)


def test_the_licence_is_written_even_when_none_is_known(tmp_path):
    write(tmp_path / "x.json", TaskFile([]))
    assert json.loads((tmp_path / "x.json").read_text()) == {
        "format": FORMAT,
        "metadata": {"type": "annotation", "license": ""},
        "media_root": None,
        "items": [],
    }


@pytest.mark.parametrize(
    ("item", "names"),
    [
        pytest.param(Item("Q", "A"), "video_id", id="no_media"),
        pytest.param(Item("Q", "A", video_id="v", image_id="i"), "image_id", id="two_media"),
        pytest.param(Item("Q", 3, video_id="v"), "answer", id="answer_not_a_string"),  # type: ignore[arg-type]
        pytest.param(Item("Q", "A", video_id="v", extra={"x": {1, 2}}), "extra", id="extra_no_json"),
        pytest.param(Item("Q", "A", video_id="v", extra={"x": float("nan")}), "extra", id="extra_not_a_number"),
    ],
)
def test_what_would_not_pass_is_not_written(tmp_path, item, names):
    path = tmp_path / "x.json"
    path.write_text("before")
    with pytest.raises(DataError, match=names):
        write(path, TaskFile([item]))
    assert path.read_text() == "before" and len(list(tmp_path.iterdir())) == 1


def test_a_failed_replacement_leaves_the_old_file_whole(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    write(path, TaskFile([], task="old"))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError, match="No space"):
        write(path, TaskFile([], task="new"))
    assert read(path).task == "old" and [entry.name for entry in tmp_path.iterdir()] == ["x.json"]


@pytest.mark.parametrize(
    ("change", "names"),
    [
        pytest.param({"version": 1}, "version", id="unknown_top_key"),
        pytest.param(
            {"metadata": {"type": "annotation", "license": "", "metric": 1}},
            "metadata.metric",
            id="unknown_metadata_key",
        ),
        pytest.param({"metadata": {"type": "annotation", "licence": ""}}, "did you mean 'license'", id="misspelt_key"),
        pytest.param(
            {"items": [{"question": "Q", "answer": 1, "video_id": "v"}]}, r"items\[0\].answer", id="wrong_type"
        ),
    ],
)
def test_reading_names_what_it_cannot_keep(tmp_path, change, names):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(ODD | change))
    with pytest.raises(DataError, match=rf"x\.json.*{names}"):
        read(path)


def test_a_folder_is_read_in_the_order_of_names_without_other_json(dataset):
    (dataset / "config.json").write_text("{}")
    assert [task_file.task for task_file in read_folder(dataset)] == ["bcq", "mcq", "open_qa", "temporal_localization"]


def test_reading_a_folder_with_a_truncated_file_is_an_error(dataset):
    (dataset / "zz.json").write_text('{"format"')
    with pytest.raises(DataError, match=r"zz\.json.*cut short"):
        read_folder(dataset)


def test_reading_a_folder_without_datasets_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no dataset file"):
        read_folder(tmp_path)
    with pytest.raises(DataError, match="not a folder"):
        read_folder(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("media_root", "expected"),
    [
        pytest.param(None, "set/v.mp4", id="null_is_the_files_folder"),
        pytest.param("clips", "set/clips/v.mp4", id="relative_is_below_it"),
        pytest.param("../clips", "clips/v.mp4", id="relative_may_go_up"),
        pytest.param("/store", "/store/v.mp4", id="absolute_as_it_is"),
    ],
)
def test_media_root_rules(tmp_path, media_root, expected):
    task_file = TaskFile([], media_root=media_root, path=tmp_path / "set" / "x.json")
    place = task_file.media_path(Item("Q", "A", video_id="v.mp4"))
    assert os.path.normpath(place) == os.path.normpath(tmp_path / expected)


def test_a_file_without_a_path_has_no_place_for_relative_media():
    with pytest.raises(DataError, match="no folder"):
        TaskFile([]).media_path(Item("Q", "A", video_id="v.mp4"))


def test_a_file_moved_to_another_folder_still_finds_its_media(dataset, tao_daft):
    out = dataset.parent / "deep" / "er"
    for task_file in read_folder(dataset):
        moved = rebased(task_file, out)
        write(out / moved.path.name, moved)
        assert moved.media_root == "../../set"
    assert validate(out) == [] and tao_daft(out)
    assert rebased(read(out / "mcq.json"), dataset).media_root is None


def test_stats_count_items_media_reasoning_and_letters(dataset):
    counts = stats(read_folder(dataset))
    assert (counts["files"], counts["items"], counts["videos"], counts["images"]) == (4, 5, 2, 0)
    assert counts["tasks"]["mcq"] == {
        "items": 2,
        "media": 2,
        "with_reasoning": 2,
        "question_words": 12.0,
        "answer_words": 1.0,
        "reasoning_words": 2.0,
        "answers": {"A": 1, "B": 1},
    }
    assert counts["tasks"]["bcq"]["answers"] == {"No": 1}


def test_stats_count_answers_that_cannot_be_told_apart(dataset, change):
    change("mcq.json", lambda value: value["items"][0].update(answer="Z"))
    assert stats(read_folder(dataset))["tasks"]["mcq"]["answers"] == {"A": 1, "unreadable": 1}


def test_stats_of_an_empty_file_are_zeros():
    assert stats([TaskFile([], task="mcq")])["items"] == 0
