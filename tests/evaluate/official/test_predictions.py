"""Prediction files in the shapes in which they are written, and files that are refused."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from demitasse.errors import DataError
from evaluate.official.files import load_csv, load_json
from evaluate.official.predictions import read_given, span_name
from evaluate.records import Asked, Prediction, write_rows

SHAPES = [
    pytest.param({"7_0": "B", "7_1": "C"}, id="by_question"),
    pytest.param({"7_0": {"prediction": "B", "answer": 9}, "7_1": {"pred": "C"}}, id="objects_by_question"),
    pytest.param({"7": {"0": "B", "1": "C"}}, id="by_video_and_question"),
    pytest.param([{"id": "7_0", "response": "B"}, {"id": "7_1", "model_output": "C"}], id="rows_with_an_id"),
    pytest.param(
        [{"video": 7, "qid": 0, "prediction": "B"}, {"video_id": "7", "qid": "1", "output": "C"}],
        id="rows_with_video_and_qid",
    ),
    pytest.param(
        {"Kind": [{"question_id": "7_0", "answer": "B"}, {"question_id": "7_1", "answer": "C"}]}, id="by_type"
    ),
]


@pytest.mark.parametrize("value", SHAPES)
def test_every_shape_is_read(write, value):
    given, unknown = read_given([write("p.json", value)], ["7_0", "7_1"])
    assert ({key: one.raw for key, one in given.items()}, unknown) == ({"7_0": "B", "7_1": "C"}, 0)


LOG = {"doc_id": 0, "target": "2", "exact_match": 1.0}  # of lmms-eval
VIDEO = {"video": "7", "qid": "0", "answer": 2, "a0": "x"}
HARNESSES = [
    pytest.param([LOG | {"doc": VIDEO, "resps": [["B"]], "filtered_resps": ["B"]}], id="lmms_evals_samples"),
    pytest.param({"args": {}, "logs": [LOG | {"doc": VIDEO, "resps": [["B"]]}]}, id="lmms_evals_log"),
    pytest.param([{"qid": "CW_7_0", "prediction": "B", "target": 2}], id="sevila_with_the_type_in_the_qid"),
    pytest.param([{"video": "1101/7", "qid": "7_0", "prediction": "B"}], id="the_video_in_the_qid_as_well"),
    pytest.param({"data": {"7_0": {"pred": "B", "truth": 2}}, "stat": {"acc": 0.5}}, id="llovi"),
    pytest.param({"results": [{"id": "7_0", "output": "B"}], "final_acc": [{"mean_acc": 0.5}]}, id="video_r1"),
    pytest.param([{"question_id": "7_0", "prompt": "?", "text": "B", "answer_id": "x", "model_id": "m"}], id="llava"),
    pytest.param([{"video_path": "NExTVideo/1101/7.mp4", "qid": 0, "pred": "B"}], id="a_path_as_video"),
    pytest.param([{"video": 7.0, "qid": 0.0, "pred": "B"}], id="numbers_that_pandas_made_floats"),
    pytest.param({"7.mp4": {"0": "B"}}, id="by_the_videos_file"),
    pytest.param([{"id": "7_0", "question": "?", "type": "CW", "answer": "B"}], id="answer_where_nothing_else_is"),
]


@pytest.mark.parametrize("value", HARNESSES)
def test_the_files_of_common_harnesses_are_read(write, value):
    assert read_given([write("p.json", value)], ["7_0", "7_1"])[0]["7_0"].raw == "B"


def test_empty_lines_of_a_table_are_passed_over(write):
    given, _ = read_given([write("p.csv", "\nid,prediction\n\n7_0,B\n\n\n")], ["7_0"])
    assert given["7_0"].raw == "B"


def test_a_compressed_file_is_named_as_such(tmp_path):
    path = tmp_path / "p.json"
    path.write_bytes(gzip.compress(b"{}"))
    with pytest.raises(DataError, match="is compressed"):
        load_json(path)


def test_a_table_is_read(write):
    given, _ = read_given([write("p.csv", "video,qid,prediction\n7,0,B\n7,1,\n")], ["7_0", "7_1"])
    assert {key: one.raw for key, one in given.items()} == {"7_0": "B", "7_1": ""}


def test_a_question_under_two_spellings_is_answered_twice(write):
    with pytest.raises(DataError, match="question 7_0 is answered twice"):
        read_given([write("p.json", {"7_0": "A", "CW_7_0": "B"})], ["7_0"])


def test_a_key_that_is_known_as_it_stands_is_no_other_spelling(write):
    given, _ = read_given([write("p.json", {"7_0": "A", "CW_7_0": "B"})], ["7_0", "CW_7_0"])
    assert {key: one.raw for key, one in given.items()} == {"7_0": "A", "CW_7_0": "B"}


SPANS_BESIDE = [
    pytest.param({"span": [[1, 2]], "pred": [[3, 4]]}, [3, 4], id="span_is_the_truth_beside_a_prediction_that_is_one"),
    pytest.param({"span": [3, 4], "pred": "C"}, [3, 4], id="span_is_the_prediction_beside_an_answer"),
    pytest.param({"prediction": [3, 4]}, [3, 4], id="a_prediction_that_is_a_span"),
]


@pytest.mark.parametrize(("value", "span"), SPANS_BESIDE)
def test_the_span_that_is_read_is_the_models(write, value, span):
    assert read_given([write("p.json", {"7_0": value})], ["7_0"], span_name)[0]["7_0"].raw == span


def test_lines_of_json_are_rows(write):
    path = write("p.jsonl", '{"id": "7_0", "response": "B"}\n\n{"id": "7_1", "response": "C"}\n')
    assert read_given([path], ["7_0"])[0]["7_0"].raw == "B"


def test_a_line_separator_within_a_reply_ends_no_line(write):
    replies = {"7_0": "B.\u2028So it is.", "7_1": "C\x85"}
    lines = [json.dumps({"id": key, "response": reply}, ensure_ascii=False) for key, reply in replies.items()]
    given, _ = read_given([write("p.jsonl", "\r\n".join(lines))], replies)
    assert {key: one.raw for key, one in given.items()} == replies


def test_one_line_of_json_is_a_row(write):
    row = {"video": 7, "qid": 0, "prediction": "B"}
    assert read_given([write("p.jsonl", row)], ["7_0", "7_1"])[0]["7_0"].raw == "B"


def test_what_is_beside_the_answer_is_kept_for_the_script(write):
    given, _ = read_given([write("p.json", {"7_0": {"prediction": 1, "answer": 2}})], ["7_0"])
    assert (given["7_0"].raw, given["7_0"].beside["answer"]) == (1, 2)


def test_answers_are_read_under_the_names_that_are_asked_for(write):
    path = write("p.json", {"7_0": {"prediction": 1, "span": [1, 2]}})
    assert read_given([path], ["7_0"], span_name)[0]["7_0"].raw == [1, 2]


def test_answers_to_unknown_questions_are_counted(write):
    given, unknown = read_given([write("p.json", {"7_0": 1, "9_9": 2, "9_8": 0})], ["7_0"])
    assert (list(given), unknown) == (["7_0"], 2)


def test_a_question_may_be_answered_in_one_file_only(write):
    paths = [write("a.json", {"7_0": 1}), write("b.json", {"7_0": 2})]
    with pytest.raises(DataError, match=r"b\.json: question 7_0 is answered twice"):
        read_given(paths, ["7_0"])


BROKEN = [
    pytest.param({"8_0": 1}, "called as '7_0' and not as '8_0'", id="another_benchmarks_keys"),
    pytest.param([{"prediction": 1}], "row 0 does not say which question", id="a_row_without_a_key"),
    pytest.param([{"id": "7_0"}], r"row 0 \(7_0\) does not say what the model answered", id="a_row_without_an_answer"),
    pytest.param({"7_0": {"score": 1}}, "7_0 does not say what the model answered", id="an_object_without_an_answer"),
    pytest.param([{"id": "7_0", "answer": 2, "said": "A"}], "id, answer, said", id="the_truth_beside_an_unknown_name"),
    pytest.param([{"id": "7_0", "answer": 2, "text": "A"}], "id, answer, text", id="answer_and_text"),
    pytest.param([{"id": "7_0", "answer": 2, "a0": "x"}], "id, answer, a0", id="the_questions_file_itself"),
    pytest.param(["B"], 'row 0 does not say which question it answers: it is "B"', id="bare_answers"),
    pytest.param([{"clip": 7, "said": "B"}], "it has clip, said; it needs one of question_key", id="other_columns"),
    pytest.param(
        {"Kind": [{"question_id": "7_0", "answer": 2, "score": 0.5}]},
        r"row 0 \(7_0\) does not say what the model answered",
        id="rows_of_known_questions_under_a_type_without_an_answer",
    ),
    pytest.param('{"7_0": 1, "7_0": 2}', "'7_0' is there twice", id="a_name_twice_of_which_json_keeps_the_last"),
    pytest.param("7_0: B", "neither JSON nor JSONL", id="no_json"),
    pytest.param('{"id": "7_0", "pred": 1}\n{"id"', "neither JSON nor JSONL .line 2", id="a_torn_last_line"),
    pytest.param("{}", "holds nothing", id="nothing"),
    pytest.param("3", "not int", id="a_number"),
    pytest.param("[" * 100_000, "neither JSON nor JSONL", id="brackets_without_end"),
]


@pytest.mark.parametrize(("value", "complaint"), BROKEN)
def test_a_file_that_is_no_predictions_is_refused(write, value, complaint):
    with pytest.raises(DataError, match=complaint):
        read_given([write("p.json", value)], ["7_0"])


TABLES = [
    pytest.param("id,prediction,prediction\n7_0,B,C\n", "column 'prediction' is there twice", id="a_column_twice"),
    pytest.param('id,prediction\n7_0,B\n7_1,"C\n7_2,D\n', "line 3: a quote is opened and never closed", id="a_quote"),
    pytest.param("id;prediction\n7_0;B\n", "it has id;prediction; it needs one of", id="parted_by_semicolons"),
    pytest.param("id;prediction\n7_0;B, C\n", r"has 1 \(id;prediction\)", id="a_comma_between_semicolons"),
]


@pytest.mark.parametrize(("text", "complaint"), TABLES)
def test_a_table_that_cannot_be_read_as_it_was_meant_is_refused(write, text, complaint):
    with pytest.raises(DataError, match=complaint):
        read_given([write("p.csv", text)], ["7_0"])


def test_a_reply_that_never_ends_is_read_from_a_table(write):
    reply = "Yes " * 50_000
    given, _ = read_given([write("p.csv", f"id,prediction\n7_0,{reply}\n")], ["7_0"])
    assert given["7_0"].raw == reply


def test_a_table_under_another_name_is_told_how_to_be_called(write):
    with pytest.raises(DataError, match="with a name in .csv if it is CSV"):
        read_given([write("p.txt", "id,prediction\n7_0,B\n")], ["7_0"])


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        load_json(tmp_path / "none.json")


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "p.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not UTF-8"):
        load_json(tmp_path / "p.json")


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path):
    (tmp_path / "q.csv").write_text("\ufeffvideo,qid\n7,0\n", encoding="utf-8")
    assert load_csv(tmp_path / "q.csv") == (["video", "qid"], [{"video": "7", "qid": "0"}])


def test_a_comma_and_a_line_break_in_quotes_are_part_of_a_field(write):
    _, rows = load_csv(write("q.csv", 'a,b\n"x, y","one\ntwo"\n'))
    assert rows == [{"a": "x, y", "b": "one\ntwo"}]


@pytest.fixture
def run(tmp_path) -> Callable[..., Path]:
    """A run folder of CoTask items: the question itself, stage 5, and a CoTask of the same question."""

    def make(keys, stage=5):
        rows = []
        for number, key in enumerate(keys):
            extra = {"cotask": {"question_key": key, "stage": stage}}
            rows.append(Asked(f"i{number}", "mcq", "7.mp4", "?\nA. a\nB. b", "A", extra))
        rows.append(Asked("j", "cotask_frames", "7.mp4", "?", "x", {"cotask": {"question_key": keys[0], "stage": 1}}))
        write_rows(tmp_path / "run" / "items.jsonl", [row.to_json() for row in rows])
        said = [Prediction(rows[0], "B", "stop"), Prediction(rows[-1], "nothing", "stop")]
        write_rows(tmp_path / "run" / "predictions.jsonl", [one.to_json() for one in said])
        (tmp_path / "run" / "run.json").write_text(json.dumps({"student": "x"}))
        return tmp_path / "run"

    (tmp_path / "run").mkdir()
    return make


def test_a_run_answers_the_benchmarks_questions_by_their_own_keys(run):
    given, unknown = read_given([run(["7_0", "7_1"])], ["7_0", "7_1"])
    assert (list(given), given["7_0"].raw, unknown) == (["7_0"], "B", 0), "of 7_1 there is no prediction: it is missing"


def test_a_run_whose_items_carry_no_key_is_refused(run):
    with pytest.raises(DataError, match="no item of this run is known"):
        read_given([run(["7_0"], stage=2)], ["7_0"])
