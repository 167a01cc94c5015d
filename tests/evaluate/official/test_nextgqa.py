"""NExT-GQA: overlap by the script's rules, its flaws named, and ours guarded against them."""

import math
from pathlib import Path

import pytest

from demitasse.cli import main
from demitasse.errors import ConfigError, DataError
from evaluate.official.nextgqa import score
from evaluate.official.spans import best_overlap, overlap, read_truth

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "nextqa"
TRUTH = {
    "7": {"duration": 20, "location": {"0": [[4, 8]], "1": [[2, 6], [10, 18]]}, "fps": 30.0},
    "8": {"duration": 10, "location": {"0": [[0, 5]]}, "fps": 30.0},
}
OVERLAPS = [
    pytest.param((4, 8), (4, 8), (1.0, 1.0), id="the_same"),
    pytest.param((4, 8), (6, 10), (2 / 6, 0.5), id="half_of_the_prediction"),
    pytest.param((4, 8), (5, 6), (0.25, 1.0), id="inside"),
    pytest.param((4, 8), (0, 16), (0.25, 0.25), id="all_round"),
    pytest.param((4, 8), (6, 6), (0.0, 1.0), id="a_moment_inside_the_flaw"),
    pytest.param((4, 8), (9, 9), (0.0, 0.0), id="a_moment_outside"),
    pytest.param((4, 8), (8, 8), (0.0, 1.0), id="a_moment_at_the_border"),
]


@pytest.mark.parametrize(("truth", "span", "expected"), OVERLAPS)
def test_overlap_is_the_scripts(truth, span, expected):
    assert overlap(truth, span) == pytest.approx(expected)


def test_spans_apart_overlap_in_nothing():
    found = best_overlap([(4, 8), (10, 12)], (13, 15))
    assert (found.iou, found.iop) == (0.0, 0.0)


def test_iou_and_iop_are_each_the_best_over_the_spans_of_the_truth():
    found = best_overlap([(0, 10), (12, 13)], (9, 13))
    assert found.iou == pytest.approx(0.25)
    assert found.iop == pytest.approx(0.25)


def test_a_moment_is_guarded(write):
    moments = {"7_0": [6, 6], "7_1": [11, 11], "8_0": [2, 2]}
    report = score([write("t.json", TRUTH)], [write("p.json", moments)])
    assert (report.figure("mIoP").official, report.figure("mIoP").ours) == (100.0, 0.0)
    assert (report.figure("IoP@0.5").official, report.figure("IoP@0.5").ours) == (100.0, 0.0)
    assert (report.figure("mIoU").official, report.figure("mIoU").ours) == (0.0, 0.0)
    assert any("zero-length flaw: 3" in note for note in report.notes)


def test_a_question_without_a_span_stays_in_our_divisor(write):
    report = score([write("t.json", TRUTH)], [write("p.json", {"7_0": [4, 8]})])
    assert (report.figure("mIoU").official, report.figure("mIoU").ours) == (100.0, pytest.approx(100 / 3))
    assert report.counts["faults"] == {"missing": 2}
    assert any("leaves them out of its divisor" in note for note in report.notes)


def test_a_span_that_is_none_stops_the_script_and_is_not_told_as_one_that_is_missing(write):
    report = score([write("t.json", TRUTH)], [write("p.json", {"7_0": [4, 8], "7_1": None})])
    assert report.counts["faults"] == {"empty": 1, "missing": 1}
    assert any(note.startswith("1 questions have no span; the script leaves them out") for note in report.notes)
    assert any(note.startswith("1 spans cannot be read: the script stops") for note in report.notes)


@pytest.mark.parametrize("unit", ["seconds", "share"])
def test_a_number_of_hundreds_of_digits_is_a_fault_and_stops_nothing(write, unit):
    predictions = write("p.json", {"7_0": [0, 10**400], "7_1": [0, 1], "8_0": [0, 1]})
    assert score([write("t.json", TRUTH)], [predictions], unit).counts["faults"] == {"unparsable": 1}


def test_answers_that_are_missing_or_unreadable_are_counted_apart_from_spans(write, questions, capsys):
    truth, table = write("t.json", TRUTH), questions([("7_0", "CW", 1), ("7_1", "TN", 2), ("8_0", "CH", 3)])
    spans = write("p.json", {"7_0": [4, 8], "7_1": [11, 17], "8_0": [6, 9]})
    answers = write("a.json", {"7_0": "no idea", "7_1": 2})
    report = score([truth, table], [spans, answers])
    assert report.counts["faults"] == {"missing_answer": 1, "unparsable_answer": 1}
    assert score([truth], [spans, answers]).counts["faults"] == {"missing_answer": 1}, "without the questions as well"
    assert score([truth, table], [spans]).counts["faults"] == {}, "no answers at all are none that are missing"
    files = ["--references", str(truth), str(table), "--predictions", str(spans), str(answers)]
    assert main(["score", "--profile", "nextgqa", *files]) == 3
    assert "3 answered, 1 missing answer, 1 unparsable answer" in capsys.readouterr().out


def test_a_right_answer_counts_where_its_span_does(write, questions):
    rows = [("7_0", "CW", 1), ("7_1", "TN", 2), ("8_0", "CH", 3)]
    spans = {"7_0": [4, 8], "7_1": [11, 17], "8_0": [6, 9]}
    answers = {key: {"prediction": 1, "answer": right} for key, _, right in rows} | {
        "8_0": {"prediction": 3, "answer": 3}
    }
    report = score([write("t.json", TRUTH), questions(rows)], [write("p.json", spans), write("a.json", answers)])
    assert report.figure("Acc@QA").ours == pytest.approx(200 / 3)
    assert report.figure("Acc@GQA").official == pytest.approx(100 / 3)
    assert report.figure("Acc@GQA").ours == pytest.approx(100 / 3)


def test_a_span_that_lies_in_the_truth_by_half_is_grounded(write, questions):
    rows = [("7_0", "CW", 1), ("7_1", "TN", 2), ("8_0", "CH", 3)]
    half = {"7_0": [6, 10], "7_1": [14, 22], "8_0": [4, 6]}
    answers = {key: {"span": half[key], "prediction": right, "answer": right} for key, _, right in rows}
    report = score([write("t.json", TRUTH), questions(rows)], [write("p.json", answers)])
    assert (report.figure("Acc@GQA").official, report.figure("Acc@GQA").ours) == (100.0, 100.0)
    assert (report.figure("IoP@0.5").official, report.figure("IoP@0.5").ours) == (100.0, 100.0)


def test_our_acc_at_gqa_takes_a_moment_for_no_ground_and_the_questions_for_the_truth(write, questions):
    rows = [("7_0", "CW", 1), ("7_1", "TN", 2), ("8_0", "CH", 3)]
    spans = {"7_0": [6, 6], "7_1": [11, 17], "8_0": [1, 4]}
    told = {"7_0": (1, 1), "7_1": (0, 0), "8_0": (3, 3)}  # of 7_1 the file says another right answer than the questions
    answers = {key: {"prediction": said, "answer": right} for key, (said, right) in told.items()}
    report = score([write("t.json", TRUTH), questions(rows)], [write("p.json", spans), write("a.json", answers)])
    assert report.figure("Acc@GQA").official == pytest.approx(100.0)
    assert report.figure("Acc@GQA").ours == pytest.approx(100 / 3)


def test_answers_may_stand_beside_the_spans(write, questions):
    rows = [("7_0", "CW", 1), ("7_1", "TN", 2), ("8_0", "CH", 3)]
    both = {key: {"span": [4, 8], "prediction": right, "answer": right} for key, _, right in rows}
    report = score([write("t.json", TRUTH), questions(rows)], [write("p.json", both)])
    assert (report.figure("Acc@QA").ours, report.figure("Acc@GQA").official) == (100.0, pytest.approx(200 / 3))


def test_without_answers_or_questions_acc_at_gqa_is_not_made_up(write):
    spans = write("p.json", {"7_0": [4, 8], "7_1": [2, 6], "8_0": [0, 5]})
    report = score([write("t.json", TRUTH)], [spans])
    assert (report.figure("Acc@GQA").official, report.figure("Acc@GQA").ours) == (None, None)
    answers = write("a.json", dict.fromkeys(("7_0", "7_1", "8_0"), "A"))
    notes = score([write("t.json", TRUTH)], [spans, answers]).notes
    assert any("give it after the spans" in note for note in notes)
    assert any("side" in note or "beside" in note for note in notes)


SPANS = [
    pytest.param([4, 8], None, 100.0, id="a_list"),
    pytest.param([[4, 8]], None, 100.0, id="a_list_of_one_span"),
    pytest.param([[4, 8], [0, 20]], None, 100.0, id="ranked_spans_of_which_the_first_counts"),
    pytest.param([[4, 8], [4, 8, 9]], None, 100.0, id="ranked_spans_though_a_later_one_is_none"),
    pytest.param([[], [4, 8]], "empty", None, id="ranked_spans_of_which_the_first_is_empty"),
    pytest.param("from 4 s to 8 s", None, 100.0, id="text"),
    pytest.param('{"start": 4, "end": 8}', None, 100.0, id="json_in_text"),
    pytest.param({"span": [4, 8]}, None, 100.0, id="named"),
    pytest.param([8, 4], "unparsable", 0.0, id="reversed_is_not_turned_round"),
    pytest.param([4, 6, 8], "unparsable", 100.0, id="three_numbers_of_which_the_script_takes_the_ends"),
    pytest.param([], "empty", None, id="empty"),
    pytest.param("at some point", "unparsable", None, id="text_without_times"),
    pytest.param(["a", "b"], "unparsable", None, id="words"),
    pytest.param([math.nan, 8], "unparsable", 100.0, id="not_a_number_which_the_script_takes_for_the_truths_start"),
]


@pytest.mark.parametrize(("span", "fault", "official"), SPANS)
def test_a_span_is_read_or_its_fault_is_counted(write, span, fault, official):
    truth = {"7": {"duration": 20, "location": {"0": [[4, 8]], "1": [[0, 1]]}}}
    report = score([write("t.json", truth)], [write("p.json", {"7_0": span, "7_1": [0, 1]})])
    assert report.counts["faults"] == ({fault: 1} if fault else {})
    expected = 100.0 if official is None else (100.0 + official) / 2
    assert report.figure("mIoU").official == pytest.approx(expected), "what it cannot read is not in its divisor"
    assert report.figure("mIoU").ours == pytest.approx(50.0 if fault else 100.0), "a fault grounds nothing"


def test_a_better_span_further_down_the_ranking_does_not_count(write):
    truth = {"7": {"duration": 20, "location": {"0": [[4, 8]]}}}
    report = score([write("t.json", truth)], [write("p.json", {"7_0": [[0, 20], [4, 8]]})])
    assert report.figure("mIoU").ours == pytest.approx(20.0)
    assert any("1 predictions are lists of spans: the first of each counts" in note for note in report.notes)


def test_spans_may_be_shares_of_the_duration_rounded_as_the_script_does(write):
    truth = {"7": {"duration": 20, "location": {"0": [[4, 8]]}}}
    report = score([write("t.json", truth)], [write("p.json", {"7_0": [0.2012, 0.3988]})], unit="share")
    assert report.figure("IoU@0.5").official == 100.0
    assert report.figure("mIoU").official == pytest.approx(100.0), "4.024 and 7.976 are 4.0 and 8.0 to one decimal"


def test_short_guesses_are_counted_in_a_note(write):
    report = score([write("t.json", TRUTH)], [write("p.json", {"7_0": [5, 5.5], "7_1": [3, 9], "8_0": [1, 1.2]})])
    assert any(note.startswith("2 predicted spans are shorter than 1 s") for note in report.notes)


BROKEN = [
    pytest.param([[1, 2]], "there are no spans", id="a_list"),
    pytest.param({"7": {"location": {"0": [[1, 2]]}}}, "7: not", id="no_duration"),
    pytest.param({"7": {"duration": 5, "location": {"0": [1, 2]}}}, "7: not", id="a_bare_span"),
    pytest.param({"7": {"duration": 5, "location": {"0": [[math.nan, 2]]}}}, "no number", id="a_time_that_is_none"),
    pytest.param({"7": {"duration": 10**400, "location": {"0": [[1, 2]]}}}, "7: not", id="a_duration_without_end"),
]


@pytest.mark.parametrize(("value", "complaint"), BROKEN)
def test_a_file_that_holds_no_spans_is_refused(write, value, complaint):
    with pytest.raises(DataError, match=complaint):
        read_truth(write("t.json", value))


def test_questions_of_another_split_are_refused(write, questions):
    answers = {"span": [4, 8], "prediction": 1}
    with pytest.raises(DataError, match="there is no question 7_0"):
        score([write("t.json", TRUTH), questions([("9_0", "CW", 1)])], [write("p.json", {"7_0": answers})])


def test_more_files_than_two_of_a_kind_are_refused(write):
    with pytest.raises(ConfigError, match="3 and 1 files"):
        score([write("t.json", TRUTH)] * 3, [write("p.json", {"7_0": [4, 8]})])


@pytest.mark.skipif(not REAL.is_dir(), reason="the real slice is not here")
def test_the_real_slice_scored_against_itself_is_all_right(write):
    truth = read_truth(REAL / "gsub_val_slice.json")
    spans = {key: list(one.spans[0]) for key, one in truth.items()}
    report = score([REAL / "gsub_val_slice.json"], [write("p.json", spans)])
    assert report.counts["questions"] == len(truth)
    assert (report.figure("mIoU").official, report.figure("mIoP").ours) == (100.0, 100.0)
