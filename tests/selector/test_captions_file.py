"""The file of captions: what is read of it, and what is said of a bad one."""

import json

import pytest

from demitasse.errors import DataError
from demitasse.selector.captions import VideoCaptions, captions_at, read_captions

GOOD = {"video": "a.mp4", "frames": [{"time": 1.5, "caption": "b"}, {"time": 0.5, "frame": 12, "caption": "a"}]}


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_frames_are_read_in_order_of_time_and_other_fields_passed_over(tmp_path):
    read = read_captions(write(tmp_path / "c.jsonl", GOOD | {"provenance": {"asked": []}}))
    assert read == {"a.mp4": VideoCaptions("a.mp4", (0.5, 1.5), ("a", "b"))}


def test_what_is_written_is_read_back(tmp_path):
    one = VideoCaptions("ü.mp4", (0.5, 1.5), ("Nothing.", "a \u2028 b"))
    assert read_captions(write(tmp_path / "c.jsonl", one.to_json())) == {"ü.mp4": one}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        pytest.param([GOOD, GOOD], "line 2: video a.mp4 is there twice", id="a_video_twice"),
        pytest.param([{"video": "a.mp4"}], "line 1 is", id="no_frames"),
        pytest.param([{"video": "a.mp4", "frames": []}], "line 1 is", id="an_empty_list"),
        pytest.param([{"video": 3, "frames": [GOOD]}], "line 1 is", id="a_name_that_is_no_text"),
        pytest.param([{"video": "a", "frames": [{"time": "x", "caption": "y"}]}], r"frames\[0\]", id="no_time"),
        pytest.param([{"video": "a", "frames": [{"time": 1.0}]}], r"frames\[0\]", id="no_caption"),
    ],
)
def test_a_bad_row_is_named(tmp_path, rows, said):
    with pytest.raises(DataError, match=said):
        read_captions(write(tmp_path / "c.jsonl", *rows))


def test_a_torn_line_and_a_missing_file_are_said(tmp_path):
    (tmp_path / "torn.jsonl").write_text('{"video": "a')
    with pytest.raises(DataError, match="line 1 is no JSON"):
        read_captions(tmp_path / "torn.jsonl")
    with pytest.raises(DataError, match="cannot be read"):
        read_captions(tmp_path / "none.jsonl")


def test_captions_of_a_denser_sampling_serve_a_thinner_one():
    known = VideoCaptions("a", (0.25, 0.75, 1.25, 1.75), ("a", "b", "c", "d"))
    assert captions_at(known, (0.5, 1.6)) == VideoCaptions("a", (0.5, 1.6), ("a", "d"))
