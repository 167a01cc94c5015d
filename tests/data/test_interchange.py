"""Foreign formats: there and back without loss, or refused in a sentence."""

import json

import pytest

from demitasse.dataset import Item, TaskFile, read_folder, write
from demitasse.errors import DataError
from demitasse.interchange import hugging_face, llava


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


THOUGHT = "<think>\nx\n</think>\n\nA"
CUT = "a\n</think>\n\nb"  # read back, it would end here


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


@pytest.mark.parametrize("response", ["answer", "think"])
def test_a_llava_file_loses_nothing(rich, tmp_path, response):
    media = llava.write(read_folder(rich), tmp_path / "out" / "all.json", response)
    assert media == rich.resolve()
    assert same_content(llava.read(tmp_path / "out" / "all.json")) == same_content(read_folder(rich))


def test_a_llava_sample_is_what_trainers_expect(dataset, tmp_path):
    llava.write(read_folder(dataset), tmp_path / "all.json", "think")
    sample = json.loads((tmp_path / "all.json").read_text())[0]
    assert sample["video"] == "a.mp4"
    assert sample["conversations"] == [
        {"from": "human", "value": "<video>\nIs the gate open?\nAnswer with Yes or No."},
        {"from": "gpt", "value": "<think>\nIt shows.\n</think>\n\nNo"},
    ]


@pytest.mark.parametrize(
    ("item", "response", "says"),
    [
        pytest.param(Item("Is <video> a tag?", "A", video_id="v"), "answer", r"items\[0\]\.question", id="media_token"),
        pytest.param(Item("Q", "A", video_id="v", extra={"id": 1}), "answer", r"items\[0\]\.id", id="name_in_use"),
        pytest.param(
            Item("Q", "<think>\nx\n</think>\n\nA", video_id="v"), "answer", r"\.answer", id="think_in_the_answer"
        ),
        pytest.param(
            Item("Q", "A", video_id="v", reasoning="a\n</think>\n\nb"),
            "think",
            r"\.reasoning",
            id="closing_tag_in_reasoning",
        ),
    ],
)
def test_what_llava_would_lose_is_refused_and_nothing_written(tmp_path, item, response, says):
    with pytest.raises(DataError, match=rf"x\.json: .*{says}|x\.json: items.*{says}"):
        llava.write([TaskFile([item], path=tmp_path / "x.json")], tmp_path / "out" / "all.json", response)
    assert not (tmp_path / "out").exists()


def test_llava_has_one_media_folder(tmp_path):
    files = [TaskFile([], path=tmp_path / name / "x.json") for name in "ab"]
    with pytest.raises(DataError, match="one media folder"):
        llava.write(files, tmp_path / "all.json")


def turns(*texts):
    return [{"from": who, "value": text} for who, text in zip(["human", "gpt"] * 2, texts, strict=False)]


@pytest.mark.parametrize(
    ("sample", "says"),
    [
        pytest.param({"conversations": turns("Q", "A")}, "'video' or 'image'", id="text_only"),
        pytest.param(
            {"video": "v", "conversations": turns("<video>\nQ", "A", "Q2", "A2")}, "one turn", id="several_turns"
        ),
        pytest.param({"video": "v", "conversations": turns("Q", "A")}, "<video> once", id="no_token"),
        pytest.param(
            {"video": "v", "conversations": turns("<video>\n<video>\nQ", "A")}, "<video> once", id="two_tokens"
        ),
        pytest.param({"video": ["v", "w"], "conversations": turns("<video>\nQ", "A")}, "'video' or", id="two_videos"),
        pytest.param({"video": "v"}, "one turn", id="no_conversation"),
        pytest.param("text", "a string", id="no_object"),
    ],
)
def test_a_foreign_llava_sample_that_fits_no_item_is_refused_by_index(tmp_path, sample, says):
    good = {"video": "v", "conversations": turns("Q\n<video>", "A")}
    (tmp_path / "x.json").write_text(json.dumps([good, sample]))
    with pytest.raises(DataError, match=rf"x\.json: \[1\].*{says}"):
        llava.read(tmp_path / "x.json")


def test_a_foreign_llava_file_becomes_one_task_file(tmp_path):
    sample = {"id": 7, "image": "a.png", "conversations": turns("<image>Q", "A"), "difficulty": 2}
    (tmp_path / "vqa.json").write_text(json.dumps([sample]))
    (file,) = llava.read(tmp_path / "vqa.json")
    assert file.path == tmp_path / "vqa.json" and file.license == ""
    assert file.items == [Item("Q", "A", image_id="a.png", extra={"difficulty": 2})]
