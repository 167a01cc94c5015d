"""Hugging Face's `datasets`: there and back without loss, or refused in a sentence."""

import json

import pytest

from demitasse.dataset import Item, TaskFile, read_folder, write
from demitasse.errors import DataError
from demitasse.interchange import hugging_face


@pytest.fixture
def rich(dataset):
    """The small dataset with an image, odd text, extra fields and a full envelope added."""
    (dataset / "p.png").write_bytes(b"p")
    items = [
        Item(
            "Où?\n<b>\n", "ü", image_id="p.png", item_index="i1", extra={"score": 0.1, "boxes": [[0, 1]], "extra": "x"}
        ),
        Item("Q", "A", video_id="a.mp4", reasoning="R <think>", extra={"score": "none"}),
    ]
    write(
        dataset / "rich.json",
        TaskFile(items, "mixed", "CC-BY-4.0", "What it is.", "2026-11-21", ["t"], path=dataset / "rich.json"),
    )
    return dataset


def same_content(files):
    """What must survive: envelopes without where they are, items, and where their media are."""
    fields = ("task", "license", "description", "date", "tags", "items")
    return {
        file.path.stem: [getattr(file, name) for name in fields]
        + [file.media_path(item).resolve() for item in file.items]
        for file in files
    }


def test_a_datasets_folder_loses_nothing(rich, tmp_path):
    hugging_face.write(read_folder(rich), tmp_path / "hf")
    assert same_content(hugging_face.read(tmp_path / "hf")) == same_content(read_folder(rich))


def test_hugging_face_datasets_loads_the_folder(rich, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    hugging_face.write(read_folder(rich), tmp_path / "hf")
    loaded = datasets.load_dataset(str(tmp_path / "hf"), "rich", cache_dir=str(tmp_path / "cache"), split="train")
    assert loaded.column_names == ["video_id", "image_id", "question", "answer", "reasoning", "item_index", "extra"]
    assert loaded["answer"] == ["ü", "A"] and json.loads(loaded[1]["extra"]) == {"score": "none"}


def test_json_lines_of_someone_else_become_items(tmp_path):
    row = {"video_id": "a.mp4", "question": "Q", "answer": "A", "reasoning": None, "difficulty": 3}
    (tmp_path / "mcq.jsonl").write_text(json.dumps(row) + "\n\n")
    (file,) = hugging_face.read(tmp_path)
    assert (file.task, file.license) == ("mcq", "")
    assert file.items == [Item("Q", "A", video_id="a.mp4", extra={"difficulty": 3})]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        pytest.param('{"question": "Q"', r"mcq\.jsonl, line 2: not readable JSON", id="cut_short"),
        pytest.param('{"question": "Q", "answer": "A"}', r"mcq\.jsonl, line 2: item\.video_id", id="no_media"),
        pytest.param("[1]", r"mcq\.jsonl, line 2: is a list", id="no_object"),
    ],
)
def test_a_row_that_is_no_item_is_refused_by_line(tmp_path, line, says):
    (tmp_path / "mcq.jsonl").write_text('{"question": "Q", "answer": "A", "video_id": "v"}\n' + line)
    with pytest.raises(DataError, match=says):
        hugging_face.read(tmp_path)


def test_a_folder_without_json_lines_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no \.jsonl"):
        hugging_face.read(tmp_path)
