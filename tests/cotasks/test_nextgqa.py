"""NExT-GQA's spans, and how many of them a number of frames meets."""

import json
import random

import pytest

from demitasse.cotasks.coverage import cover, length_of, report
from demitasse.cotasks.nextgqa import VideoSpans, read_spans
from demitasse.cotasks.nextqa import read_questions
from demitasse.data_command import add_data_arguments, run_data
from demitasse.errors import DataError


def spans_file(tmp_path, value):
    path = tmp_path / "gsub.json"
    path.write_text(json.dumps(value))
    return path


def of(location, **more):
    return {"7": {"duration": 34, "location": location, "fps": 29.97} | more}


def test_spans_are_read_by_video_and_question(tmp_path):
    read = read_spans(spans_file(tmp_path, of({"1": [[1.2, 5.8]], "3": [[12.1, 17.1], [20.0, 23.5]]})))
    assert read == {"7": VideoSpans("7", 34.0, 29.97, {"1": ((1.2, 5.8),), "3": ((12.1, 17.1), (20.0, 23.5))})}


@pytest.mark.parametrize(
    ("given", "read"),
    [
        pytest.param([[-0.1, 25.1]], (0.0, 25.1), id="a_start_before_the_video_is_its_start"),
        pytest.param([[30.0, 34.4]], (30.0, 34.4), id="an_end_after_the_rounded_duration_stays"),
        pytest.param([[3.0, 3.0]], (3.0, 3.0), id="a_span_of_no_length_is_kept"),
        pytest.param([1, 2], (1.0, 2.0), id="a_bare_pair"),
    ],
)
def test_odd_spans_of_the_real_files_are_read(tmp_path, given, read):
    assert read_spans(spans_file(tmp_path, of({"1": given})))["7"].spans["1"] == (read,)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        pytest.param([], "holds no object of videos", id="a_list"),
        pytest.param({}, "holds no object of videos", id="nothing"),
        pytest.param({"7": [1.0, 2.0]}, "'7' has no 'location'", id="upbd_has_times_of_frames"),
        pytest.param(of({"1": [[5, 1]]}), r"7_1 has \[5, 1\]", id="reversed"),
        pytest.param(of({"1": [[-9, 1]]}), r"7_1 has \[-9, 1\]", id="long_before_the_video"),
        pytest.param(of({"1": "x"}), "7_1 is", id="no_list"),
        pytest.param(of({"1": []}), "7_1 is", id="no_span"),
        pytest.param(of({"1": [[0, 1]]}, fps="fast"), "'7' has fps", id="a_rate_that_is_no_number"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path, value, says):
    with pytest.raises(DataError, match=says):
        read_spans(spans_file(tmp_path, value))


TEN = {"v": VideoSpans("v", 10.0, 10.0, {"0": ((0.0, 1.0),), "1": ((4.0, 4.5), (9.0, 10.0)), "2": ((6.0, 6.5),)})}


def test_a_question_is_missed_if_no_sampled_frame_meets_any_of_its_spans():
    """Four frames are at 0, 3.3, 6.6 and 9.9 of 9.9 s: one in each of the first two questions, none in the third."""
    covered = cover(TEN.values(), 4, frame_counts={"v": 100})
    assert (covered.questions, covered.missed, covered.key_frames) == (3, 1, 2)
    assert covered.to_json()["missed_percent"] == 33.33


def test_middles_are_those_of_equal_parts():
    assert cover(TEN.values(), 2, "middles").key_frames == 0  # 2.5 and 7.5
    assert cover(TEN.values(), 10, "middles").key_frames == 4  # 0.5, 4.5, 6.5, 9.5


def test_more_frames_of_twice_the_density_never_miss_more():
    draw = random.Random(1)
    spans = [VideoSpans(str(n), 40.0, 25.0, {"0": ((start := draw.uniform(0, 35), start + 3),)}) for n in range(100)]
    missed = [cover(spans, frames).missed for frames in (2, 3, 5, 9, 17, 33)]  # each holds the frames before it
    assert missed == sorted(missed, reverse=True) and missed[-1] == 0


def test_one_frame_is_the_first():
    assert cover(TEN.values(), 1).missed == 2


def test_the_report_parts_videos_by_length():
    told = report(TEN, [4, 8], "ends", {"v": 100})
    assert told["questions"] == 3 and list(told["by_length"]) == ["up to 30 s"] and len(told["coverage"]) == 2


@pytest.mark.parametrize(
    ("seconds", "name"), [(0.0, "up to 30 s"), (30.0, "up to 30 s"), (30.1, "30 to 60 s"), (1e4, "over 60 s")]
)
def test_a_video_is_in_the_group_whose_upper_end_it_does_not_pass(seconds, name):
    assert length_of(seconds) == name


def test_the_table_of_the_slice_is_what_counting_by_hand_gives(real):
    """The same rule, written out once more from the files: round(i (N - 1) / (K - 1)) / fps inside a span."""
    spans = read_spans(real("nextqa/gsub_val_slice.json"))
    counts = {one.video: one.frame_count for one in read_questions(real("nextqa/mc_val_slice.csv")).questions}
    raw = json.loads(real("nextqa/gsub_val_slice.json").read_text())
    for frames, percent in ((4, 57.14), (8, 23.81), (16, 4.76), (32, 1.59), (64, 0.0)):
        missed = 0
        for video, entry in raw.items():
            times = [round(i * (counts[video] - 1) / (frames - 1)) / entry["fps"] for i in range(frames)]
            missed += sum(not any(s <= t <= e for s, e in own for t in times) for own in entry["location"].values())
        covered = cover(spans.values(), frames, frame_counts=counts)
        assert (covered.questions, covered.missed) == (63, missed)
        assert covered.to_json()["missed_percent"] == percent


@pytest.fixture
def data(capsys):
    import argparse

    def run(*words):
        parser = argparse.ArgumentParser()
        add_data_arguments(parser)
        return run_data(parser.parse_args([str(word) for word in words])), capsys.readouterr().out

    return run


def test_the_command_says_where_durations_are_rounded(tmp_path, data):
    path = spans_file(tmp_path, of({"1": [[1.2, 5.8]]}))
    code, out = data("coverage", "--spans", path, "--frames", "4,8,4")
    assert code == 0 and out.count("up to 30 s") == 0 and "1 videos are taken to last" in out
    csv = tmp_path / "q.csv"
    csv.write_text("video,frame_count,question,answer,qid\n7,1019,what,that,1\n")
    code, out = data("coverage", "--spans", path, "--questions", csv, "--json")
    told = json.loads(out)
    assert told["videos_with_frame_count"] == 1 and [row["frames"] for row in told["coverage"]] == [
        4,
        8,
        16,
        32,
        64,
        128,
    ]


@pytest.mark.parametrize("frames", ["", "4,x", "0", "-4", "4;8", "1000000"])
def test_frame_counts_are_counts(tmp_path, data, frames):
    with pytest.raises(DataError, match="--frames"):
        data("coverage", "--spans", spans_file(tmp_path, of({"1": [[1, 2]]})), f"--frames={frames}")
