"""Video-MME: whatever the script leaves out or misreads, every question stays in our divisor."""

import csv
import io
import json

import pytest

from demitasse.errors import DataError
from evaluate.official import videomme

OPTIONS = ["A. Apples.", "B. Pears.", "C. Plums.", "D. Figs."]


@pytest.fixture
def videos(write):
    """Write videos with one question each, from (answer, response); returns the path."""

    def put(*rows, name="results.json", **changed):
        value = []
        for place, (answer, response) in enumerate(rows):
            question = {"question_id": f"{place:03d}-1", "task_type": "Counting Problem", "question": "What?"}
            question |= {"options": OPTIONS, "answer": answer, "response": response}
            video = {"video_id": f"{place:03d}", "duration": "short", "domain": "Knowledge", "sub_category": "Law"}
            value.append(video | {"questions": [question | changed]})
        return write(name, value)

    return put


def overall(path, predictions=None):
    report = videomme.score([path], [predictions or path])
    return report.figure("Overall"), report


def test_a_reply_without_a_letter_stays_in_our_divisor_and_leaves_the_scripts(videos):
    figure, report = overall(videos(("A", "A"), ("B", "hm"), ("C", "")))
    assert (figure.official, figure.ours) == (100.0, pytest.approx(100 / 3))
    assert report.counts["faults"] == {"empty": 1, "unparsable": 1}
    assert any("leaves 2 questions out of its divisor" in note for note in report.notes)


@pytest.mark.parametrize(
    ("reply", "script"),
    [
        pytest.param("Answer: C", "C", id="a_phrase_of_its_list_is_taken_out"),
        pytest.param("Best answer: C", "B", id="two_commas_that_are_missing_leave_best_answer_in"),
        pytest.param("Best option: C", "B", id="and_best_option"),
        pytest.param("Based on the video, (C).", "B", id="the_first_capital_is_that_of_a_word"),
        pytest.param("Hm, plums", None, id="no_capital_a_to_d_is_no_answer"),
    ],
)
def test_the_script_takes_the_first_capital(reply, script):
    assert videomme.first_letter(reply) == script


def test_best_answer_c_is_c(videos):
    figure, _ = overall(videos(("C", "Best answer: C"), ("C", "Based on the video, (C).")))
    assert (figure.official, figure.ours) == (0.0, 100.0)


def test_a_question_without_a_prediction_is_wrong(videos, write):
    path = videos(("A", "A"), ("B", "B"))
    figure, report = overall(path, write("replies.json", {"000-1": "A"}))
    assert (figure.official, figure.ours) == (100.0, 50.0)
    assert report.counts["faults"] == {"missing": 1}


def test_rows_by_question_are_read_like_videos_with_questions(videos, write):
    nested = videos(("A", "A"), ("B", "C"))
    rows = [
        {"question_id": f"00{place}-1", "video_id": f"00{place}", "duration": "long", "domain": "Knowledge"}
        | {"sub_category": "Law", "task_type": "x", "options": OPTIONS, "answer": answer}
        for place, answer in enumerate("AB")
    ]
    figure, _ = overall(write("flat.json", rows), nested)
    assert figure.ours == 50.0


def test_lmms_evals_samples_are_read_by_their_documents(videos, write):
    rows = [{"doc_id": place, "doc": {"question_id": f"00{place}-1"}, "resps": [["A"]]} for place in range(2)]
    figure, _ = overall(videos(("A", ""), ("B", "")), write("samples.jsonl", "\n".join(map(json.dumps, rows))))
    assert figure.ours == 50.0


def test_the_number_of_videos_at_which_the_script_stops_is_told(videos):
    _, report = overall(videos(("A", "A")))
    assert any("unless each duration has 300 videos; here are 1 short" in note for note in report.notes)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        pytest.param({"answer": "E"}, "E", id="a_right_answer_that_is_no_option"),
        pytest.param({"options": ["A. one"]}, "options", id="one_option"),
    ],
)
def test_a_reference_at_fault_is_a_sentence(videos, changed, told):
    with pytest.raises(DataError, match=told):
        overall(videos(("A", "A"), **changed))


def test_a_file_that_is_none_of_the_benchmarks_is_refused(write):
    with pytest.raises(DataError, match="question 0 lacks video_id"):
        videomme.score([write("a.json", [{"a": 1}])], [write("b.json", {"x": "A"})])


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        pytest.param({"duration": ["short"]}, r'question 000-1: duration is \["short"\], not a text', id="a_list"),
        pytest.param({"task_type": None}, "question 000-1: task_type is null, not a text", id="nothing"),
    ],
)
def test_a_group_that_is_no_text_is_refused(videos, changed, complaint):
    with pytest.raises(DataError, match=complaint):
        overall(videos(("A", "A"), **changed))


def test_a_file_without_questions_is_refused(videos, write):
    with pytest.raises(DataError, match=r"bench\.json: there is no question"):
        videomme.score([write("bench.json", [{"video_id": "000", "questions": []}])], [videos(("A", "A"))])


@pytest.mark.parametrize("spell", [pytest.param(json.dumps, id="json"), pytest.param(str, id="as_pandas_writes_it")])
def test_the_questions_may_be_a_table(videos, write, spell):
    fields = {"video_id": "000", "question_id": "000-1", "duration": "short", "domain": "Knowledge"}
    row = fields | {"sub_category": "Law", "task_type": "Counting", "question": "?", "options": spell(OPTIONS)}
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, [*row, "answer"])
    table.writeheader()
    table.writerow(row | {"answer": "C"})
    assert overall(write("bench.csv", text.getvalue()), videos(("C", "Plums.")))[0].ours == 100.0


def test_options_that_are_no_list_are_refused(write):
    with pytest.raises(DataError, match="not a list of texts"):
        overall(
            write(
                "bench.csv",
                "video_id,question_id,duration,domain,sub_category,task_type,options,answer\n0,0-1,short,K,L,C,A B,A\n",
            )
        )
