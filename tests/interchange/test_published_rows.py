"""Rows as others' files really have them, each read and written back to the letter, and files as they really lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from demitasse.cli import main
from demitasse.dataset import Item, TaskFile, write
from demitasse.dataset.evidence import evidence_of
from demitasse.errors import DataError
from demitasse.interchange import hugging_face, stgr, videoespresso
from demitasse.interchange.formats import refuse_other
from demitasse.interchange.lens import read_row, write_row
from demitasse.interchange.lettered import read_letter, read_options
from demitasse.interchange.llava import Llava
from demitasse.interchange.qwen_messages import QwenMessages
from demitasse.interchange.recognise import OWN, recognise
from demitasse.interchange.row_files import load_rows
from demitasse.interchange.stgr import FREE, IMAGE, Stgr
from demitasse.interchange.video_r1 import VideoR1
from demitasse.interchange.videoespresso import VideoEspresso, found_scale


def talk(question: str) -> list[dict[str, str]]:
    return [{"from": "human", "value": question}, {"from": "gpt", "value": "A"}]


def messages(*content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(content)}, {"role": "assistant", "content": "A"}]


TEXT = {"type": "text", "text": "Q"}
ROWS = [
    pytest.param(Llava(), {"id": 1, "image": "v.mp4", "conversations": [
        {"role": "user", "content": "<image>\nQ"}, {"role": "assistant", "content": "A"}]}, id="role_and_content"),
    pytest.param(Llava(), {"image": "v.mp4", "conversations": [{"from": "system", "value": "S"}, *talk("<image>Q")]},
                 id="a_system_turn"),
    pytest.param(Llava(), {"conversations": talk("<video>Q"), "videos": ["v.mp4"], "system": "S", "tools": ""},
                 id="llama_factorys_list_of_one"),
    pytest.param(Llava(), {"image": ["v.mp4"], "conversations": talk("<image>\nQ")}, id="a_list_of_one_image"),
    pytest.param(Llava(), {"image": None, "video": "v.mp4", "conversations": talk("<video>\nQ")}, id="a_null_beside"),
    pytest.param(Llava(), {"video": "v.mp4", "conversations": talk("<image>\nQ"), "data_source": "0_30_s"},
                 id="llava_video_178k_says_image_for_a_video"),
    pytest.param(QwenMessages(), {"messages": messages({"type": "video"}, TEXT), "videos": ["v.mp4"]},
                 id="a_place_in_the_message_and_the_path_beside"),
    pytest.param(QwenMessages(), {"messages": messages({"video": "v.mp4"}, {"text": "Q"})}, id="parts_without_a_type"),
    pytest.param(QwenMessages(), {"messages": messages({"type": "image", "image": "v.mp4", "text": None},
                 TEXT | {"image": None})}, id="parts_of_a_table_with_nulls"),
    pytest.param(QwenMessages(), {"messages": [{"role": "user", "content": "<video>Q"}, {"role": "assistant",
                 "content": "A"}], "videos": [{"path": "v.mp4", "bytes": None}]}, id="a_path_in_an_object"),
    pytest.param(Stgr(), {"task": "visual QA", "video_path": "", "image_path": "v.mp4", "question": "Q", "answer": "A"},
                 id="stgr_with_an_empty_video"),
    pytest.param(VideoEspresso(), {"image": ["v.mp4", "w.jpg"], "question": "Q", "answer": "A", "task": "T"},
                 id="pictures_under_image"),
]  # fmt: skip


@pytest.mark.parametrize(("form", "row"), ROWS)
def test_a_published_row_is_an_item_and_survives_to_the_letter(form: Any, row: dict[str, Any]) -> None:
    item = read_row(form, row, "")
    assert (item.question, item.answer, item.media_id) == ("Q", "A", "v.mp4")
    assert json.dumps(write_row(form, item, "")) == json.dumps(row)


NO_ROWS = [
    pytest.param(QwenMessages(), {"messages": messages({"type": None}, TEXT), "videos": ["v"]}, id="no_type"),
    pytest.param(QwenMessages(), {"messages": messages({"type": []}, TEXT), "videos": ["v"]}, id="a_list_as_type"),
    pytest.param(QwenMessages(), {"messages": messages({"type": "image"}, TEXT), "videos": ["v"]}, id="another_kind"),
    pytest.param(QwenMessages(), {"messages": messages({"type": "video"}, {"type": "video"}, TEXT), "videos": ["v"]},
                 id="two_places_and_one_path"),
    pytest.param(Llava(), {"image": "v", "video": "w", "conversations": talk("<image>\nQ")}, id="both_media"),
    pytest.param(Llava(), {"video": "w", "conversations": talk("<image>\n<image>\nQ")}, id="two_tokens_for_a_video"),
    pytest.param(Stgr(), {"video_path": "", "image_path": "", "question": "Q", "answer": "A"}, id="stgr_of_nothing"),
    pytest.param(VideoR1(), {"problem": "Q", "data_type": "video", "solution": "A", "path": "./"}, id="no_path"),
]  # fmt: skip


@pytest.mark.parametrize(("form", "row"), NO_ROWS)
def test_a_row_that_names_not_one_medium_is_refused(form: Any, row: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        read_row(form, row, "")


def test_rows_of_several_pictures_are_told_of(tmp_path: Path) -> None:
    row: dict[str, Any] = {"question": "Q", "answer": "A", "task": "T"}
    rows = [row | {"keyframes_path": ["a/1.jpg", "a/2.jpg"]}, row | {"keyframes_path": ["a/1.jpg"]}]
    (tmp_path / "x.json").write_text(json.dumps([*rows, rows[0] | {"video_path": "v.mp4"}]))
    (note,) = videoespresso.read(tmp_path / "x.json").notes
    assert note.startswith("1 rows have several pictures") and "first picture" in note
    assert "--pictures-to-videos FOLDER" in note


def test_a_task_that_stgrs_trainer_would_refuse_is_not_written_and_comes_back() -> None:
    for medium, task in ({"video_id": "v"}, FREE), ({"image_id": "v"}, IMAGE):
        item = Item("Q", "A", **medium, extra={"sub_task": "Cooking Steps"})
        row = write_row(Stgr(), item, "open_qa")
        assert row["task"] == task and read_row(Stgr(), row, "open_qa") == item
    row = {"task": "temporal QA", "video_path": "v", "question": "Q", "answer": "A"}
    assert write_row(Stgr(), read_row(Stgr(), row, ""), "") == row


def test_a_claim_about_another_time_is_on_no_key_frame(tmp_path: Path) -> None:
    claims = [f"<obj>man</obj><box>[0.1,0.2,0.5,0.9]</box>at<t>{time}</t>s" for time in (3.4, 30)]
    row = {"video_path": "v", "question": "Q", "answer": "A", "key_frames": [{"idx": 1, "time": 3, "path": "a.jpg"}]}
    (tmp_path / "x.json").write_text(json.dumps([row | {"reasoning_process": " ".join(claims)}]))
    evidence = evidence_of(stgr.read(tmp_path / "x.json").files[0].items[0])
    assert evidence and [one.boxes[0].core_frame for one in evidence.mentions] == [0, None]


TAGGED = "A <obj_start>cup<obj_end><box_start>{}<box_end>"


def test_a_damaged_box_does_not_tell_the_scale_of_a_file() -> None:
    rows = [{"evidence": TAGGED.format(box)} for box in ([50, 50, 20, 10], [1e6, 1, 1, 1])]
    assert found_scale(rows) == 100
    assert found_scale(rows[1:]) is None


def test_how_many_boxes_told_the_scale_is_said(tmp_path: Path) -> None:
    row = {"video_path": "v", "question": "Q", "answer": "A"}
    rows = [row | {"evidence": TAGGED.format([side, 50, 20, 10])} for side in (50, 60, 150)]
    (tmp_path / "x.json").write_text(json.dumps(rows))
    assert "1 of 3 boxes reach beyond 100" in videoespresso.read(tmp_path / "x.json").notes[0]


def test_rows_of_two_scales_keep_their_spelling_in_one_file(tmp_path: Path) -> None:
    row = {"video_path": "v", "question": "Q", "answer": "A", "evidence": TAGGED.format([50, 50, 20, 10])}
    row |= {"keyframes_path": ["a/9.jpg", "a/3.jpg"], "keyframes_captions": ["late", "early"]}
    (tmp_path / "hundred.json").write_text(json.dumps([row]))
    far = row | {"evidence": TAGGED.format([500, 500, 20, 10])}
    (tmp_path / "thousand.json").write_text(json.dumps([far, far]))
    files = [file for name in ("hundred", "thousand") for file in videoespresso.read(tmp_path / f"{name}.json").files]
    videoespresso.write(files, tmp_path / "all.json")
    first, *others = [{k: v for k, v in one.items() if k != "task_file"} for one in load_rows(tmp_path / "all.json")]
    assert first == row | {"box_scale": 100} and others == [far, far]


def test_options_in_another_order_than_their_letters_are_refused() -> None:
    with pytest.raises(DataError, match="lettered B, A"):
        read_options(["(B): x", "(A): y"])
    assert read_options({"B": "y", "A": "x"}) == {"A": "x", "B": "y"}
    assert read_options(["C. elegans", "D. rerio"]) == {"A": "C. elegans", "B": "D. rerio"}


def test_a_place_in_digits_is_an_answer_unless_an_option_says_it() -> None:
    assert read_letter("1", {"A": "x", "B": "y"}) == "B"
    assert read_letter("1", {"A": "1", "B": "2"}) == "A"


LINE = {"video_path": "v", "question": "Q", "answer": "A"}
LINES = "".join(json.dumps(LINE) + "\n" for _ in "ab")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("x.json", LINES, id="lines_in_a_json_file"),
        pytest.param("x.jsonl", json.dumps([LINE, LINE], indent=1), id="a_list_in_a_jsonl_file"),
        pytest.param("x.json", "\ufeff" + json.dumps([LINE, LINE]), id="a_list_after_a_byte_order_mark"),
        pytest.param("x.txt", "\n\n" + LINES.replace("\n", "\r\n"), id="lines_in_a_text_file"),
    ],
)
def test_what_a_file_holds_counts_and_not_its_ending(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    assert load_rows(tmp_path / name) == [LINE, LINE]
    with pytest.raises(DataError, match="VideoEspresso's file"):
        refuse_other(tmp_path / name, "llava")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        pytest.param(b'{"question": "\xff"}', "not UTF-8", id="broken_text_behind_the_start"),
        pytest.param(b'{"question": "Q", "score": NaN}', "NaN is no JSON number", id="not_a_number"),
        pytest.param(b'{"question": "Q", "question": "R"}', "given twice", id="a_key_twice"),
        pytest.param(b'{"x": ' + b"[" * 100_000, "too deeply nested", id="nested_beyond_reading"),
        pytest.param(b'{"question": ', "cut short", id="cut_short"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_in_every_file_of_lines(tmp_path: Path, line: bytes, says: str) -> None:
    good = json.dumps({"video_id": "v", "question": "Q" * 9000, "answer": "A"}).encode()
    (tmp_path / "x.jsonl").write_bytes(good + b"\n" + line + b"\n")
    for read in (lambda: load_rows(tmp_path / "x.jsonl"), lambda: hugging_face.read(tmp_path)):
        with pytest.raises(DataError, match=rf"x\.jsonl, line 2: .*{says}"):
            read()
    (tmp_path / "x.jsonl").write_bytes(line + b"\n")
    assert recognise(tmp_path / "x.jsonl") is None


def test_a_column_extra_that_is_no_object_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(json.dumps({"video_id": "v", "question": "Q", "answer": "A", "extra": "[1]"}))
    with pytest.raises(DataError, match="line 1: extra is"):
        hugging_face.read(tmp_path)


@pytest.mark.parametrize("text", ['{"a": 1}', "[1]", '{"a": {"metadata": 3}}'])
def test_metadata_that_are_not_ours_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(json.dumps([LINE]))
    (tmp_path / "x.envelopes.json").write_text(text)
    with pytest.raises(DataError, match=r"x\.envelopes\.json"):
        videoespresso.read(tmp_path / "x.json")
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "x.jsonl").touch()
    (tmp_path / "rows" / "envelopes.json").write_text(text)
    with pytest.raises(DataError, match=r"envelopes\.json"):
        hugging_face.read(tmp_path / "rows")


def test_a_dataset_without_items_survives_json_lines(tmp_path: Path) -> None:
    videoespresso.write([TaskFile([], "mcq", "CC0-1.0", path=tmp_path / "mcq.json")], tmp_path / "x.jsonl")
    (file,) = videoespresso.read(tmp_path / "x.jsonl").files
    assert (file.items, file.task, file.license) == ([], "mcq", "CC0-1.0")


def test_a_results_folder_is_no_folder_of_rows(tmp_path: Path) -> None:
    (tmp_path / "media.jsonl").touch()
    write(tmp_path / "items" / "mcq.json", TaskFile([], "mcq"))
    with pytest.raises(DataError, match="items/"):
        refuse_other(tmp_path, "hugging-face")
    refuse_other(tmp_path, OWN)  # its reader says which folder holds the datasets


def test_validate_names_the_format_of_a_foreign_file(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "x.json").write_text(json.dumps([LINE]))
    assert main(["data", "validate", str(tmp_path / "x.json")]) == 2
    assert "VideoEspresso's file" in (told := capsys.readouterr().out) and "--from videoespresso" in told
