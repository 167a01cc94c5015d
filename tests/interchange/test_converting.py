"""`demitasse data convert` with the formats of others: what it prints, refuses, leaves out and returns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from demitasse.cli import main
from demitasse.dataset import Item, TaskFile, read, read_folder, write
from demitasse.dataset.evidence import CoreFrame, core_frames_of, with_evidence_fields
from demitasse.errors import DataError
from demitasse.interchange import llava, qwen_messages, stgr, video_r1
from demitasse.interchange.formats import FORMATS
from demitasse.interchange.row_files import load_rows
from demitasse.toyworld.render import render_clip

FORMS_OF_ROWS = [name for name in FORMATS if name != "hugging-face"]
CHOICE = "Which?\nA. cup\nB. jug\nAnswer with a single letter."


def convert(*words: Any) -> int:
    return main(["data", "convert", *map(str, words)])


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    item = Item(CHOICE, "B", video_id="a.mp4", reasoning="It has a spout.")
    write(tmp_path / "set" / "mcq.json", TaskFile([item], "mcq", "CC0-1.0"))
    return tmp_path / "set"


@pytest.mark.parametrize("name", FORMS_OF_ROWS)
def test_there_and_back_by_the_command_returns_the_files_to_the_byte(dataset: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / "set" / "rows.jsonl"
    assert convert(dataset, out, "--to", name) == 0
    assert convert(out, tmp_path / "back", "--from", name, "--to", "tao") == 0
    before, after = (read_folder(folder)[0] for folder in (dataset, tmp_path / "back"))
    assert after.items == before.items and (after.license, after.task) == (before.license, before.task)
    assert convert(tmp_path / "back", tmp_path / "set" / "again.jsonl", "--to", name) == 0
    assert (tmp_path / "set" / "again.jsonl").read_bytes() == out.read_bytes()


SAMPLES = [
    pytest.param(llava, "answer", {"video": "a.mp4", "conversations": [
        {"from": "human", "value": f"<video>\n{CHOICE}"}, {"from": "gpt", "value": "B"}],
        "reasoning": "It has a spout."}, id="llava"),
    pytest.param(llava, "think", {"video": "a.mp4", "conversations": [
        {"from": "human", "value": f"<video>\n{CHOICE}"},
        {"from": "gpt", "value": "<think>\nIt has a spout.\n</think>\n\nB"}]}, id="llava_with_thoughts"),
    pytest.param(qwen_messages, "answer", {"messages": [
        {"role": "user", "content": f"<video>\n{CHOICE}"}, {"role": "assistant", "content": "B"}],
        "videos": ["a.mp4"], "reasoning": "It has a spout."}, id="messages"),
    pytest.param(video_r1, None, {"problem": "Which?", "data_type": "video", "problem_type": "multiple choice",
        "options": ["A. cup", "B. jug"], "process": "<think>It has a spout.</think>",
        "solution": "<answer>B</answer>", "path": "./a.mp4"}, id="video_r1"),
    pytest.param(stgr, None, {"task": "General video QA MCQ", "video_path": "a.mp4", "question": CHOICE,
        "answer": "B", "reasoning_process": "It has a spout."}, id="stgr"),
]  # fmt: skip


@pytest.mark.parametrize(("module", "response", "row"), SAMPLES)
def test_a_row_is_what_its_trainers_expect(dataset: Path, tmp_path: Path, module: Any, response: Any, row: Any) -> None:
    out = tmp_path / "rows.json"
    module.write(read_folder(dataset), out, *([response] if response else []))
    (written,) = json.loads(out.read_text())
    assert {key: value for key, value in written.items() if key != "id"} == row


def test_an_item_without_an_identifier_has_the_same_made_one_every_time_and_none_when_it_is_read(
    dataset: Path, tmp_path: Path
) -> None:
    for name in ("x.json", "y.json"):
        llava.write(read_folder(dataset), tmp_path / name)
    ids = [json.loads((tmp_path / name).read_text())[0]["id"] for name in ("x.json", "y.json")]
    assert ids[0] == ids[1] and llava.read(tmp_path / "x.json").files[0].items[0].item_index is None


@pytest.mark.parametrize("name", ["llava", "qwen-messages", "llava-cot"])
def test_a_question_that_holds_a_media_token_is_refused_and_nothing_written(
    tmp_path: Path, name: str, capsys: Any
) -> None:
    write(tmp_path / "set" / "x.json", TaskFile([Item("Is <video> a tag?", "A", video_id="v")]))
    assert convert(tmp_path / "set", tmp_path / "out" / "rows.json", "--to", name) == 2
    assert "x.json: items[0].question holds <video>" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_dataset_of_several_media_folders_is_refused(tmp_path: Path) -> None:
    files = [TaskFile([], path=tmp_path / name / "x.json") for name in "ab"]
    with pytest.raises(DataError, match="one media folder"):
        llava.write(files, tmp_path / "all.json")


def talk(*texts: str) -> list[dict[str, str]]:
    return [{"from": who, "value": text} for who, text in zip(["human", "gpt"] * 2, texts, strict=False)]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        pytest.param({"conversations": talk("Q", "A")}, "'video' or 'image'", id="text_only"),
        pytest.param(
            {"video": "v", "conversations": talk("<video>\nQ", "A", "Q2", "A2")}, "longer talks", id="several_turns"
        ),
        pytest.param({"video": "v", "conversations": talk("Q", "A")}, "<video> once", id="no_token"),
        pytest.param(
            {"video": "v", "conversations": talk("<video>\n<video>\nQ", "A")}, "<video> once", id="two_tokens"
        ),
        pytest.param({"video": ["v", "w"], "conversations": talk("<video>\nQ", "A")}, "'video' or", id="two_videos"),
        pytest.param({"video": "v", "conversations": None}, "one turn", id="no_conversation"),
        pytest.param("text", "a string", id="no_object"),
    ],
)
def test_a_sample_that_fits_no_item_is_left_out_told_and_makes_the_exit_3(
    tmp_path: Path, row: Any, says: str, capsys: Any
) -> None:
    good = {"video": "v", "conversations": talk("Q\n<video>", "A")}
    (tmp_path / "x.json").write_text(json.dumps([good, row]))
    assert convert(tmp_path / "x.json", tmp_path / "out", "--from", "llava", "--to", "tao") == 3
    told = capsys.readouterr()
    assert "x.json: [1]" in told.err and says in told.err and "1 rows were left out" in told.out
    assert len(read(tmp_path / "out" / "x.json").items) == 1


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        pytest.param([{"role": "user", "content": "<video>Q"}], "longer talks", id="no_reply"),
        pytest.param(
            [{"role": "user", "content": [{"type": "audio", "audio": "x"}]}, {"role": "assistant", "content": "A"}],
            "no text, and no video",
            id="a_part_that_is_neither",
        ),
        pytest.param(
            [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}], "0 videos", id="no_medium"
        ),
        pytest.param({"role": "user"}, "longer talks", id="no_list"),
    ],
)
def test_messages_that_fit_no_item_are_left_out(tmp_path: Path, messages: Any, says: str) -> None:
    good = {
        "messages": [{"role": "user", "content": "<image>Q"}, {"role": "assistant", "content": "A"}],
        "images": ["a"],
    }
    (tmp_path / "x.json").write_text(json.dumps([good, {"messages": messages}]))
    found = qwen_messages.read(tmp_path / "x.json")
    assert len(found.files[0].items) == 1 and says in found.left_out[0]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(["--to", "tao", "--think"], "--think", id="thoughts_without_a_reply"),
        pytest.param(["--to", "video-r1", "--think"], "--think", id="thoughts_that_have_their_place"),
        pytest.param(["--to", "tao", "--box-scale", "100"], "--box-scale", id="a_scale_of_nothing"),
        pytest.param([], "say what to convert to", id="nothing_to_do"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(
    dataset: Path, tmp_path: Path, words: list[str], says: str, capsys: Any
) -> None:
    assert convert(dataset, tmp_path / "out", *words) == 2
    assert says in capsys.readouterr().err


def test_neither_the_source_nor_a_file_of_the_dataset_is_overwritten(dataset: Path, capsys: Any) -> None:
    before = (dataset / "mcq.json").read_bytes()
    assert convert(dataset, dataset / "mcq.json", "--to", "llava") == 2
    assert "overwritten" in capsys.readouterr().err and (dataset / "mcq.json").read_bytes() == before


def test_a_file_that_is_no_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"a": 1}')
    with pytest.raises(DataError, match="an object, not a list of rows"):
        load_rows(tmp_path / "x.json")
    with pytest.raises(DataError, match="cannot be read"):
        load_rows(tmp_path / "missing.json")


@pytest.fixture
def numbered(tmp_path: Path) -> Path:
    """Two items about a toy clip of which one has a frame that the clip has not, and one about no clip."""
    (tmp_path / "set").mkdir()
    render_clip(tmp_path / "set" / "a.mp4", 0)
    frames = (
        [CoreFrame(None, 0), CoreFrame(None, 8)],
        [CoreFrame(None, 8), CoreFrame(None, 10**6)],
        [CoreFrame(None, 1)],
    )
    items = [
        with_evidence_fields(Item(f"Q{place}", "A", video_id=name), None, one)
        for place, (name, one) in enumerate(zip(("a.mp4", "a.mp4", "missing.mp4"), frames, strict=True))
    ]
    write(tmp_path / "set" / "open_qa.json", TaskFile(items, "open_qa"))
    return tmp_path / "set"


def test_frame_times_come_from_the_video_and_what_cannot_be_timed_is_told(
    numbered: Path, tmp_path: Path, capsys: Any
) -> None:
    assert convert(numbered, tmp_path / "out", "--frame-times") == 3
    told = capsys.readouterr()
    assert "there is no frame 1000000" in told.err and "missing.mp4" in told.err
    assert "2 videos or frames could not be timed" in told.out
    (file,) = read_folder(tmp_path / "out")
    times = [[frame.time for frame in core_frames_of(item)] for item in file.items]
    assert times[0][0] == 0 and times[0][1] > 0 and times[1:] == [[times[0][1], None], [None]]
    assert [frame.frame for frame in core_frames_of(file.items[0])] == [0, 8]
