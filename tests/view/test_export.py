"""`demitasse data export`: a folder that Hugging Face's `datasets` and its hub read, and that tells on nobody."""

import json
import os
import re

import pytest
import yaml

from demitasse.cli import main
from demitasse.dataset import Item, TaskFile
from demitasse.errors import DataError
from demitasse.interchange.media_folder import write

CANARY = "sk-CANARY-0123456789"


def export(source, out, *words, to="video-folder"):
    return main(["data", "export", str(source), str(out), "--to", to, *words])


def rows(out, split="train"):
    return [json.loads(line) for line in (out / split / "metadata.jsonl").read_text().splitlines()]


def header(out):
    return yaml.safe_load((out / "README.md").read_text().split("---\n")[1])


def change(path, index=None, **fields):
    value = json.loads(path.read_text())
    (value["metadata"] if index is None else value["items"][index]).update(fields)
    path.write_text(json.dumps(value))


def test_every_item_is_a_row_beside_its_medium(dataset, tmp_path, capsys):
    assert export(dataset, tmp_path / "out") == 0
    assert "3 items of 2 media" in capsys.readouterr().out
    assert [(row["file_name"], row["task"], row["answer"]) for row in rows(tmp_path / "out")] == [
        ("a.mp4", "mcq", "B"),
        ("b.mp4", "mcq", "C"),
        ("a.mp4", "open_qa", "It slips."),
    ]
    assert rows(tmp_path / "out")[2]["reasoning"] is None
    for name in ("a.mp4", "b.mp4"):
        assert (tmp_path / "out" / "train" / name).read_bytes() == (dataset / "videos" / name).read_bytes()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["README.md", "train"]


@pytest.mark.parametrize("by", ["videofolder", "name"])
def test_datasets_loads_it_without_a_network(dataset, tmp_path, monkeypatch, by):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    data = tmp_path / "data"
    assert main(["data", "split", str(dataset), str(data), "--eval", "1"]) == 0
    assert export(data, tmp_path / "out") == 0
    where = {"path": str(tmp_path / "out")} if by == "name" else {"path": by, "data_dir": str(tmp_path / "out")}
    loaded = datasets.load_dataset(**where, cache_dir=str(tmp_path / "cache"))
    assert sum(loaded.num_rows.values()) == 3 and len(loaded) == 2
    table = loaded["train"].cast_column("video", datasets.Video(decode=False))
    assert set(table.column_names) == {"video", "task", "question", "answer", "reasoning", "item_index", "extra"}
    assert all(os.path.isfile(row["video"]["path"]) for row in table)


def test_odd_names_and_names_of_splits_are_loaded(dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    for index, name in enumerate(("test-1 #50%.mp4", "é 日本?.mp4")):
        (dataset / "videos" / "ab"[index]).with_suffix(".mp4").rename(dataset / "videos" / name)
        change(dataset / "mcq.json", index, video_id=name)
    (dataset / "open_qa.json").unlink()
    assert export(dataset, tmp_path / "out") == 0
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert loaded.num_rows == {"train": 2}


def test_the_card_tells_where_everything_comes_from(dataset, tmp_path):
    told = {"asked": ["teacher-a"], "answered": ["teacher-a-2026"], "pack": "traffic", "templates": {"mcq": "ab12"}}
    change(
        dataset / "mcq.json", 0, provenance=told, quality={"blind": {"verdict": "keep"}}, review={"decision": "edit"}
    )
    assert export(dataset, tmp_path / "out", "--title", "My | clips") == 0
    card = (tmp_path / "out" / "README.md").read_text()
    assert "# My \\| clips" in card and "3 questions about 2 videos" in card
    for row in (
        "| teacher asked | teacher-a | 1 |",
        "| teacher that answered | teacher-a-2026 | 1 |",
        "| prompt pack | traffic | 1 |",
        "| prompt and its hash | mcq ab12 | 1 |",
        "| none given | - | 2 |",
        "| blind | keep | 1 |",
        "| mcq | 2 |",
        "| all | 3 |",
    ):
        assert row in card
    assert "looked at 1 of the 3 items: 0 were accepted as they were, 1 were corrected" in card
    assert header(tmp_path / "out")["pretty_name"] == "My | clips"


@pytest.mark.parametrize(
    ("licenses", "shown", "says"),
    [
        pytest.param(("CC-BY-4.0", "CC-BY-4.0"), {"license": "cc-by-4.0"}, "CC-BY-4.0", id="one_that_the_hub_knows"),
        pytest.param(("mit", "CC0-1.0"), {"license": ["cc0-1.0", "mit"]}, "CC0-1.0, mit", id="two"),
        pytest.param(
            ("Ours only", "Ours only"), {"license": "other", "license_name": "Ours only"}, "Ours only", id="our_own"
        ),
        pytest.param(("", ""), {}, "No licence is given", id="none_is_made_up"),
        pytest.param(("mit", ""), {"license": "mit"}, "Not given for: open\\_qa", id="not_for_all"),
    ],
)
def test_the_licence_is_what_the_files_say(dataset, tmp_path, licenses, shown, says):
    for name, given in zip(("mcq.json", "open_qa.json"), licenses, strict=True):
        change(dataset / name, license=given)
    assert export(dataset, tmp_path / "out") == 0
    card = (tmp_path / "out" / "README.md").read_text()
    assert {key: value for key, value in header(tmp_path / "out").items() if key.startswith("license")} == shown
    assert says in card.split("## Licence")[1]


def test_model_text_is_no_markup_in_the_card(dataset, tmp_path):
    evil = "x|y\n## Licence\n<script>alert(1)</script> [a](http://evil.example) `b`"
    change(dataset / "mcq.json", description=evil, license=evil)
    change(dataset / "mcq.json", 0, provenance={"asked": [evil], "templates": {evil: evil}}, task_type=evil)
    assert export(dataset, tmp_path / "out") == 0
    card = (tmp_path / "out" / "README.md").read_text()
    body = card.split("---\n", 2)[2]
    assert card.count("\n## Licence\n") == 1 and "<script>" not in body and not re.search(r"(?<!\\)\]\(", body)
    assert header(tmp_path / "out")["license"] == "other"


def test_nothing_names_this_machine_or_a_key(dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    folder = str(dataset / "videos")
    told = {"asked": ["/models/teachers/qwen"], "source": f"{folder}/a.mp4", "note": f"seen in {folder}/a.mp4"}
    change(dataset / "mcq.json", 0, provenance=told, question=f"What does {folder}/a.mp4 show?\nA. x\nB. y")
    value = json.loads((dataset / "mcq.json").read_text())
    (dataset / "mcq.json").write_text(json.dumps({**value, "media_root": folder}))
    change(dataset / "mcq.json", 1, video_id=f"{folder}/b.mp4")
    assert export(dataset, tmp_path / "out") == 0
    written = [path.read_text() for path in (tmp_path / "out").rglob("*") if path.suffix in (".md", ".jsonl")]
    for secret in (CANARY, str(tmp_path), "/models/", os.getcwd()):
        assert not [text for text in written if secret in text]
    assert re.fullmatch(r"[0-9a-f]{12}-\d+-b\.mp4", rows(tmp_path / "out")[1]["file_name"])


@pytest.mark.parametrize("media", ["copy", "link"])
def test_media_are_copied_or_linked(dataset, tmp_path, media):
    assert export(dataset, tmp_path / "out", "--media", media) == 0
    written = tmp_path / "out" / "train" / "a.mp4"
    assert written.is_symlink() == (media == "link") and written.read_bytes()[:2] == b"\0\1"


def test_an_export_that_was_interrupted_goes_on_and_takes_nothing_wrong_along(dataset, tmp_path, monkeypatch):
    partial = tmp_path / ".out.partial" / "train"
    partial.mkdir(parents=True)
    (partial / "of-another.mp4").write_bytes(b"x")
    (partial / "a.mp4").write_bytes(b"half")
    assert export(dataset, tmp_path / "out") == 0
    assert sorted(path.name for path in (tmp_path / "out" / "train").iterdir()) == ["a.mp4", "b.mp4", "metadata.jsonl"]
    assert (tmp_path / "out" / "train" / "a.mp4").read_bytes() == (dataset / "videos" / "a.mp4").read_bytes()


def test_two_media_of_one_name_stay_two(tmp_path):
    files = []
    for name in "xy":
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.mp4").write_text(name)
        files.append(TaskFile([Item("Q", "A", video_id="a.mp4")], name, path=tmp_path / name / f"{name}.json"))
    write({"": files}, tmp_path / "out", "video-folder", "copy", "T")
    names = [row["file_name"] for row in rows(tmp_path / "out")]
    assert [(tmp_path / "out" / "train" / name).read_text() for name in names] == ["x", "y"]


def test_images_have_their_own_layout(dataset, tmp_path, capsys):
    (dataset / "videos" / "p.png").write_bytes(b"p")
    value = json.loads((dataset / "open_qa.json").read_text())
    value["items"] = [{"image_id": "p.png", "question": "Q", "answer": "A"}]
    (dataset / "mcq.json").unlink()
    (dataset / "open_qa.json").write_text(json.dumps(value))
    assert export(dataset, tmp_path / "videos") == 2
    said = capsys.readouterr().err
    assert "items[0] has no video_id, so it does not fit a video-folder; --to image-folder is for those" in said
    assert export(dataset, tmp_path / "out", to="image-folder") == 0
    assert rows(tmp_path / "out")[0]["file_name"] == "p.png"
    assert header(tmp_path / "out")["task_categories"] == ["visual-question-answering"]


def test_what_cannot_be_exported_is_one_sentence_and_leaves_no_folder(dataset, tmp_path, capsys):
    (dataset / "videos" / "b.mp4").unlink()
    assert export(dataset, tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert "mcq.json: items[1]: there is no file" in error and not (tmp_path / "out").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("mine")
    assert export(dataset, tmp_path / "full") == 2 and "not empty" in capsys.readouterr().err


def test_splits_that_would_become_one_are_refused(tmp_path):
    with pytest.raises(DataError, match="not told apart"):
        write({"a-b": [], "a b": []}, tmp_path / "out", "video-folder", "copy", "T")


def test_a_dataset_without_a_licence_is_said_to_have_none(dataset, tmp_path, capsys):
    for name in ("mcq.json", "open_qa.json"):
        change(dataset / name, license="")
    assert export(dataset, tmp_path / "out") == 0
    assert "names no licence" in capsys.readouterr().out


def test_what_the_filters_rejected_is_not_published_by_mistake(dataset, tmp_path, capsys):
    for name in ("kept", "rejected"):
        (tmp_path / "quality" / name).mkdir(parents=True)
        (tmp_path / "quality" / name / "mcq.json").write_bytes((dataset / "mcq.json").read_bytes())
    assert export(tmp_path / "quality", tmp_path / "out") == 2
    assert f"export {tmp_path / 'quality' / 'kept'}" in capsys.readouterr().err
