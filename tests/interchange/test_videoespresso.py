"""VideoEspresso's files with all their quirks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from demitasse.dataset import Item, TaskFile, validate, write
from demitasse.dataset.evidence import (
    CoreFrame,
    Evidence,
    Mention,
    PlacedBox,
    core_frames_of,
    evidence_of,
    with_evidence_fields,
)
from demitasse.errors import DataError
from demitasse.interchange import videoespresso
from demitasse.interchange.frame_names import frame_number, source_seconds
from demitasse.interchange.lettered import read_letter, read_options

TRAIN: dict[str, Any] = {
    "video_path": "Moviechat/videos/1/AWG-5.mkv",
    "task": "Causal Inference",
    "question": "Why is it quiet?",
    "answer": "The room is empty.",
    "evidence": "An empty <obj_start>room<obj_end><box_start>[50.0, 50.0, 20.0, 10.0]<box_end>  is shown.",
    "keyframes_path": ["Moviechat/1_image/AWG-5/480.jpg", "Moviechat/1_image/AWG-5/528.jpg"],
    "keyframes_captions": ["A door.", "A room."],
}
BENCH = {key: value for key, value in TRAIN.items() if not key.startswith("key")} | {
    "options": ["(A): It is late.", "(B): The room is empty.", "(C): x", "(D): y"],
    "correct_answer": "(B)",
    "core_frames_paths": TRAIN["keyframes_path"],
    "core_frames_captions": TRAIN["keyframes_captions"],
}


def saved(path: Path, *rows: Any) -> Path:
    path.write_text(json.dumps(rows))
    return path


def one_item(folder: Path, **changes: Any) -> Item:
    row = {key: value for key, value in (TRAIN | changes).items() if value is not ...}
    (file,) = videoespresso.read(saved(folder / "x.json", row)).files
    return file.items[0]


def test_a_training_row_is_an_open_question_with_evidence(tmp_path: Path) -> None:
    (file,) = videoespresso.read(saved(tmp_path / "train.json", TRAIN)).files
    (item,) = file.items
    assert (file.task, item.question, item.answer, item.video_id) == (
        "open_qa",
        "Why is it quiet?",
        "The room is empty.",
        "Moviechat/videos/1/AWG-5.mkv",
    )
    assert item.extra["sub_task"] == "Causal Inference"
    evidence = evidence_of(item)
    assert evidence and evidence.text == "An empty room is shown." and evidence.key_items == ("room",)
    assert evidence.mentions[0].boxes[0].bbox == (0.4, 0.45, 0.6, 0.55)
    assert core_frames_of(item)[1] == CoreFrame(None, 528, "Moviechat/1_image/AWG-5/528.jpg", "A room.")


def test_a_benchmark_row_is_multiple_choice_with_the_free_answer_beside(tmp_path: Path) -> None:
    (file,) = videoespresso.read(saved(tmp_path / "bench.json", BENCH)).files
    (item,) = file.items
    assert (file.task, item.answer, item.extra["reference_answer"]) == ("mcq", "B", "The room is empty.")
    assert item.question.splitlines()[1:3] == ["A. It is late.", "B. The room is empty."]


def test_a_row_of_pictures_is_about_the_first_of_them(tmp_path: Path) -> None:
    item = one_item(tmp_path, video_path=...)
    assert item.video_id is None and item.image_id == TRAIN["keyframes_path"][0] and len(core_frames_of(item)) == 2


def test_what_was_read_is_a_good_dataset(tmp_path: Path) -> None:
    media = tmp_path / TRAIN["video_path"]
    media.parent.mkdir(parents=True)
    media.touch()
    for name, row in (("train", TRAIN), ("bench", BENCH)):
        (file,) = videoespresso.read(saved(tmp_path / f"{name}.json", row)).files
        write(tmp_path / "own" / f"{name}.json", TaskFile(file.items, file.task, media_root=".."))
    assert validate(tmp_path / "own") == []


@pytest.mark.parametrize(
    ("numbers", "scale"),
    [
        pytest.param([0.5, 0.5, 0.2, 0.1], 1, id="fractions"),
        pytest.param([50, 50, 20, 10], 100, id="hundredths"),
        pytest.param([500, 500, 200, 100], 1000, id="thousandths"),
        pytest.param([100.0, 50, 20, 10], 100, id="a_hundred_is_still_a_hundredth"),
    ],
)
def test_the_scale_of_boxes_is_found_for_the_whole_file(tmp_path: Path, numbers: Any, scale: int) -> None:
    small = TRAIN | {"evidence": f"<obj_start>a<obj_end><box_start>{[scale * 0.005] * 4}<box_end>"}
    large = TRAIN | {"evidence": f"<obj_start>a<obj_end><box_start>{numbers}<box_end>"}
    read = videoespresso.read(saved(tmp_path / "x.json", small, large, 3))
    evidence = evidence_of(read.files[0].items[0])
    assert evidence and evidence.mentions[0].boxes[0].bbox == (0.0025, 0.0025, 0.0075, 0.0075)
    assert any(f"0 to {scale} over" in note and "found" in note for note in read.notes)


def test_a_scale_that_is_told_counts_before_the_one_that_is_found(tmp_path: Path) -> None:
    read = videoespresso.read(saved(tmp_path / "x.json", TRAIN), box_scale=1000)
    evidence = evidence_of(read.files[0].items[0])
    assert evidence and evidence.mentions[0].boxes[0].bbox == (0.04, 0.045, 0.06, 0.055)
    assert "as told" in read.notes[0]


def test_an_edge_outside_the_frame_is_cut_off_and_a_box_without_area_left_out_and_counted(tmp_path: Path) -> None:
    text = "<obj_start>a<obj_end><box_start>[[5, 50, 20, 10], [50, 50, 0, 10], [120, 1, 2, 3]]<box_end>"
    read = videoespresso.read(saved(tmp_path / "x.json", TRAIN | {"evidence": text}), box_scale=100)
    evidence = evidence_of(read.files[0].items[0])
    assert evidence and [box.bbox for box in evidence.mentions[0].boxes] == [(0.0, 0.45, 0.15, 0.55)]
    assert "2 boxes are none" in read.notes[1]


def test_boxes_are_written_as_they_were_read_though_the_number_that_told_their_scale_is_edited_away(
    tmp_path: Path,
) -> None:
    def boxed(*numbers: float) -> dict[str, Any]:
        return TRAIN | {"evidence": f"<obj_start>a<obj_end><box_start>{list(numbers)}<box_end>"}

    (file,) = videoespresso.read(saved(tmp_path / "x.json", boxed(500, 500, 20, 20), boxed(50, 50, 20, 20))).files
    del file.items[0]
    videoespresso.write([file], tmp_path / "y.json")
    (again,) = videoespresso.read(tmp_path / "y.json").files
    assert evidence_of(again.items[0]) == evidence_of(file.items[0])


def test_a_box_on_the_only_core_frame_is_on_it_and_on_one_of_several_nobody_knows(tmp_path: Path) -> None:
    alone, among = one_item(tmp_path, keyframes_path=["a/1.jpg"], keyframes_captions=...), one_item(tmp_path)
    places = [evidence.mentions[0].boxes[0].core_frame for item in (alone, among) if (evidence := evidence_of(item))]
    assert places == [0, None]


@pytest.mark.parametrize("name", ["keyframes_path", "keyframe_path", "core_frames_paths", "core_frames", "keyframes"])
def test_core_frames_are_found_under_all_their_names(tmp_path: Path, name: str) -> None:
    item = one_item(tmp_path, **{"keyframes_path": ..., name: ["a/48.jpg", "a/7.jpg"]})
    assert [frame.frame for frame in core_frames_of(item)] == [7, 48]


def test_core_frames_stand_in_order_of_what_their_names_tell(tmp_path: Path) -> None:
    names = ["s/000027_keyframe_1-38-11-958.jpg", "s/000027_keyframe_0-15-14-830.jpg"]
    frames = core_frames_of(one_item(tmp_path, keyframes_path=names))
    assert [frame.path for frame in frames] == names[::-1]
    assert frames[0].caption == "A room." and frames[0].time is None and frames[0].frame is None


@pytest.mark.parametrize(
    ("name", "number", "seconds"),
    [
        pytest.param("CUVA/2_image/00299/4560.jpg", 4560, None, id="a_number"),
        pytest.param("a/0.jpg", 0, None, id="zero"),
        pytest.param("a/frame_00048.png", 48, None, id="a_padded_number"),
        pytest.param("S/r/000027/000027_keyframe_1-38-11-958.jpg", None, 5891.958, id="a_time"),
        pytest.param("S\\000027_keyframe_0-15-14-830.jpg", None, 914.83, id="back_slashes"),
        pytest.param("a/shot3b.jpg", None, None, id="neither"),
    ],
)
def test_a_frames_name_tells_a_number_or_a_time_of_its_episode(name: str, number: Any, seconds: Any) -> None:
    assert (frame_number(name), source_seconds(name)) == (number, seconds)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["(A): a b", "(B): c"], id="round_brackets_and_colon"),
        pytest.param(["(A) a b", "(B) c"], id="round_brackets"),
        pytest.param(["A. a  b", "B. c"], id="dots_and_double_spaces"),
        pytest.param(["A: a b ", "B: c"], id="colons"),
        pytest.param(["(A):a b", "(B):c"], id="no_space"),
        pytest.param(["a b", "c"], id="plain"),
        pytest.param({"A": "a b", "B": "c"}, id="an_object"),
    ],
)
def test_options_are_read_in_all_their_forms(options: Any) -> None:
    assert read_options(options) == {"A": "a b", "B": "c"}


def test_a_text_that_begins_like_a_label_keeps_it_where_its_letter_is_not_the_next() -> None:
    assert read_options(["A. Smith", "B. Jones", "A. Smith again"])["A"] == "A. Smith"


CUPS = {"A": "a cup", "B": "Two cups.", "C": "2"}


@pytest.mark.parametrize(
    ("written", "letter"),
    [
        pytest.param("(B)", "B", id="in_brackets"),
        pytest.param("B", "B", id="bare"),
        pytest.param("b.", "B", id="small_with_a_dot"),
        pytest.param(" (A): a cup", "A", id="with_its_text"),
        pytest.param("B: Two cups", "B", id="with_its_text_but_for_the_stop"),
        pytest.param("a cup", "A", id="an_options_text"),
        pytest.param(2, "C", id="a_place_from_zero"),
        pytest.param("2", "C", id="a_text_that_is_a_number"),
    ],
)
def test_the_right_answer_is_read_in_all_its_forms(written: Any, letter: str) -> None:
    assert read_letter(written, CUPS) == letter


@pytest.mark.parametrize("written", ["(E)", "(A): Two cups.", "", None, 3, True, "cups", "A or B"])
def test_an_answer_that_is_no_option_or_two_is_refused(written: Any) -> None:
    with pytest.raises(DataError, match="correct_answer"):
        read_letter(written, CUPS)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        pytest.param({"question": "Q", "answer": "A"}, "names a video", id="no_medium"),
        pytest.param(TRAIN | {"question": None}, "question is null", id="no_question"),
        pytest.param(TRAIN | {"answer": 3}, "answer is 3", id="an_answer_that_is_no_text"),
        pytest.param(BENCH | {"correct_answer": None}, "correct_answer", id="nobody_says_which_is_right"),
        pytest.param(BENCH | {"options": ["(A): a"]}, "options has 1", id="one_option"),
        pytest.param(TRAIN | {"box_scale": 7}, "box_scale is 7", id="a_scale_that_there_is_not"),
        pytest.param("row", "a string", id="no_row"),
    ],
)
def test_a_row_that_fits_no_item_is_left_out_by_its_place_and_the_others_are_read(
    tmp_path: Path, row: Any, says: str
) -> None:
    read = videoespresso.read(saved(tmp_path / "x.json", TRAIN, row))
    assert len(read.files[0].items) == 1
    assert len(read.left_out) == 1 and "x.json: [1]" in read.left_out[0] and says in read.left_out[0]


def test_a_file_of_which_no_row_fits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none of its 2 rows"):
        videoespresso.read(saved(tmp_path / "x.json", {}, {"video_path": "v"}))


def test_json_lines_are_read_though_a_mark_stands_at_their_start(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text("\ufeff" + json.dumps(TRAIN) + "\n\n" + json.dumps(TRAIN))
    assert len(videoespresso.read(tmp_path / "x.jsonl").files[0].items) == 2


def test_a_line_that_is_cut_short_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(json.dumps(TRAIN) + '\n{"video_path": ')
    with pytest.raises(DataError, match=r"x\.jsonl, line 2"):
        videoespresso.read(tmp_path / "x.jsonl")


def test_a_file_of_both_kinds_keeps_its_order_and_each_item_its_task(tmp_path: Path) -> None:
    (file,) = videoespresso.read(saved(tmp_path / "x.json", TRAIN, BENCH, TRAIN)).files
    assert [file.task_of(item) for item in file.items] == ["open_qa", "mcq", "open_qa"]
    videoespresso.write([file], tmp_path / "y.json")
    assert json.loads((tmp_path / "y.json").read_text()) == [TRAIN, BENCH, TRAIN]


def test_a_box_that_was_never_read_is_written_as_centre_and_size() -> None:
    evidence = Evidence("A cup.", (Mention("cup", 2, 5, (PlacedBox((0.1, 0.2, 0.5, 0.6), 0),)),))
    item = with_evidence_fields(Item("Why?", "So.", video_id="v.mp4"), evidence, [CoreFrame(None, 8, "a/8.jpg", None)])
    row = videoespresso.VideoEspresso(1000).row(item, "open_qa")
    assert row["evidence"] == "A <obj_start>cup<obj_end><box_start>[300.0, 400.0, 400.0, 400.0]<box_end>."
    assert evidence_of(videoespresso.VideoEspresso().item(row)) == evidence
