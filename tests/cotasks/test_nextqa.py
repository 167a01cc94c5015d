"""NExT-QA's questions in every form in which they are published."""

import json
from collections import Counter

import pytest

from demitasse.cotasks.nextqa import Question, read_questions
from demitasse.errors import DataError

OPTIONS = ["roll the handle", "tap", "strum, softly", "hit", "pat"]
ASKED = "how do the two man play"
WANTED = Question(
    "4010069381", "6", ASKED, "strum, softly", "CH", tuple(OPTIONS), 2, frame_count=369, width=640, height=480
)
HEAD = "frame_count,width,height,question,answer,qid,type,a0,a1,a2,a3,a4"
ROW = '369,640,480,how do the two man play,{},6,CH,roll the handle,tap,"strum, softly",hit,pat'
QUOTED = '"strum, softly"'
FLOATS = ROW.format("2.0").replace("369", "369.0").replace(",6,", ",6.0,")
JSON_ROW = {
    "video": 4010069381,
    "frame_count": 369,
    "width": 640,
    "height": 480,
    "question": ASKED,
    "answer": 2,
    "qid": 6,
    "type": "CH",
} | {f"a{place}": option for place, option in enumerate(OPTIONS)}


def write(tmp_path, name, text):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("a.csv", f"video,{HEAD}\n4010069381,{ROW.format(2)}\n", id="nextqa"),
        pytest.param("a.csv", f"video_id,{HEAD}\n4010069381,{ROW.format(QUOTED)}\n", id="nextgqa_and_covgt"),
        pytest.param("a.csv", f"\ufeffVideo, {HEAD}\r\n4010069381,{ROW.format(2)}\r\n\r\n", id="excel"),
        pytest.param("a.csv", f"video,{HEAD}\n4010069381.0,{FLOATS}\n", id="pandas_floats"),
        pytest.param("a.csv", f"video,{HEAD}\n4010069381,{ROW.format('C')}\n", id="a_letter"),
        pytest.param("a.tsv", (f"video,{HEAD}".replace(",", "\t") + "\n4010069381\t369\t640\t480\t" + ASKED
                               + "\t2\t6\tCH\troll the handle\ttap\tstrum, softly\thit\tpat\n"), id="tabs"),
        pytest.param("a.json", json.dumps([JSON_ROW]), id="json_list"),
        pytest.param("a.jsonl", json.dumps(JSON_ROW) + "\n\n", id="json_lines"),
        pytest.param("a.json", json.dumps({"data": [JSON_ROW]}), id="json_under_a_key"),
        pytest.param("a.json", json.dumps({key: {"0": value} for key, value in JSON_ROW.items()}), id="json_columns"),
        pytest.param("a.json", json.dumps({"x": JSON_ROW}), id="json_by_name"),
        pytest.param("a.json", json.dumps([JSON_ROW | {"qid": "CH_4010069381_6", "type": None}]), id="sevila_qid"),
        pytest.param("a.json", json.dumps([JSON_ROW | {"qid": "4010069381_6"}]), id="qid_with_the_video"),
        pytest.param("a.json", json.dumps([JSON_ROW | {"video": "0001/4010069381.mp4"}]), id="a_path_as_video"),
        pytest.param("a.json", json.dumps([{k: v for k, v in JSON_ROW.items() if k[0] != "a" or k == "answer"}
                                           | {"options": OPTIONS}]), id="options_in_a_list"),
    ],
)  # fmt: skip
def test_every_published_form_reads_alike(tmp_path, name, text):
    read = read_questions(write(tmp_path, name, text))
    assert read.questions == (WANTED,) and read.unusable == ()
    assert read.questions[0].key == "4010069381_6"


def test_a_line_of_json_may_hold_separators_of_unicode(tmp_path):
    row = json.dumps(JSON_ROW | {"question": "why\u2028now"}, ensure_ascii=False)
    (question,) = read_questions(write(tmp_path, "a.jsonl", row)).questions
    assert question.text.split() == ["why", "now"]


def test_parquet_reads_alike(tmp_path):
    table = pytest.importorskip("pyarrow").Table.from_pylist([JSON_ROW | {"additional_ref_answer": None}])
    pytest.importorskip("pyarrow.parquet").write_table(table, tmp_path / "test-00000-of-00001.parquet")
    assert read_questions(tmp_path / "test-00000-of-00001.parquet").questions == (WANTED,)


def test_open_ended_has_words_and_perhaps_a_second_answer(tmp_path):
    text = "video,question,answer,qid,type,additional_ref_answer\n1,is it old,no,4,DB,\n1,how many,3,5,DC,three\n"
    first, second = read_questions(write(tmp_path, "oe.csv", text)).questions
    assert (first.answer, first.right, first.options, first.second_answer) == ("no", None, (), None)
    assert (second.answer, second.second_answer, second.frame_count) == ("3", "three", None)


def test_numbers_are_texts_where_one_row_says_so(tmp_path):
    """ "2" is an option here, and not the third: another row's answer is no number."""
    head = "video_id,qid,question,answer,a0,a1,a2\n"
    many, bark = read_questions(
        write(tmp_path, "a.csv", head + "1,1,many,2,2,3,4\n1,2,what,bark,bark,run,sit\n")
    ).questions
    assert (many.right, many.answer, bark.right) == (0, "2", 0)


def test_an_option_given_twice_is_one_answer(tmp_path):
    head = "video_id,qid,question,answer,a0,a1\n"
    (one,) = read_questions(write(tmp_path, "a.csv", head + "1,1,feel,happy,happy,happy\n")).questions
    assert one.right == 0


def test_two_questions_under_one_id_are_both_kept(tmp_path):
    """NExT-OE's train file has three such pairs."""
    head = "video,question,answer,qid,type\n"
    rows = "1,is it old,no,2,DB\n1,what is it,a dog,2,TN\n1,is it old,no,2,DB\n"
    read = read_questions(write(tmp_path, "a.csv", head + rows))
    assert [question.key for question in read.questions] == ["1_2", "1_2-2"]
    assert read.unusable == (("a.csv row 3 (1_2)", "the same question is there before"),)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        pytest.param("1,,what,a,a,b", "its qid is empty", id="no_qid"),
        pytest.param("1,2,,a,a,b", "its question is empty", id="no_question"),
        pytest.param("1,2,what,c,a,b", 'its answer "c" is none of its options', id="an_answer_that_is_no_option"),
        pytest.param("1,2,what,a,a,", "option 1 is empty", id="an_empty_option"),
        pytest.param("1,2,what", "its answer is empty", id="a_row_cut_short"),
        pytest.param(
            "1,2,who, me,1,a,b", "it has more fields than the header; a comma in a text needs quotes", id="a_bare_comma"
        ),
    ],
)
def test_a_row_that_is_no_question_is_left_out_with_its_reason(tmp_path, row, why):
    text = f"video,qid,question,answer,a0,a1\n{row}\n1,3,what,b,a,b\n"
    read = read_questions(write(tmp_path, "a.csv", text))
    assert len(read.questions) == 1 and read.unusable[0][1] == why and "row 1" in read.unusable[0][0]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        pytest.param("a.csv", "a,b\n1,2\n", "has no column video", id="another_file"),
        pytest.param("a.csv", "video,qid,question\n1,2,what\n", "has no column answer", id="no_answers"),
        pytest.param("a.csv", "", "holds no question", id="empty"),
        pytest.param("a.csv", b"video\xff", "not UTF-8", id="another_encoding"),
        pytest.param("a.json", '[{"video": 1', "not readable JSON", id="cut_short"),
        pytest.param("a.json", "[3]", "a question is 3", id="no_objects"),
        pytest.param("a.json", "7", "holds no list of questions", id="no_list"),
        pytest.param("a.jsonl", "{\n", "line 1 is no JSON", id="a_broken_line"),
        pytest.param("a.csv", 'video,qid\n1,"' + "x" * 200_000, "line 1 is no CSV", id="a_quote_left_open"),
        pytest.param("a.parquet", b"PAR0", "cannot be read as Parquet", id="a_broken_parquet"),
    ],
)
def test_a_file_that_is_none_is_refused_by_name(tmp_path, name, text, says):
    with pytest.raises(DataError, match=says) as refused:
        read_questions(write(tmp_path, name, text))
    assert name in str(refused.value) or "a question is" in str(refused.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_questions(tmp_path / "none.csv")


def test_a_row_with_a_bare_comma_does_not_change_how_the_others_answers_are_read(tmp_path):
    text = "video,qid,question,answer,a0,a1\n1,2,who, me,1,a,b\n1,3,what,1,a,b\n1,4,when,1,a,b,\n"
    read = read_questions(write(tmp_path, "a.csv", text))
    assert [question.right for question in read.questions] == [1, 1], "an empty field at the end is no comma in a text"
    assert len(read.unusable) == 1


def test_the_real_slice_counts_by_type(real):
    read = read_questions(real("nextqa/mc_val_slice.csv"))
    types = Counter(question.type for question in read.questions)
    assert types == {"CW": 28, "CH": 15, "TN": 22, "TP": 2, "TC": 17, "DC": 4, "DL": 6, "DO": 8}
    assert read.unusable == () and len({question.video for question in read.questions}) == 12
    known = {question.key: question for question in read.questions}
    assert known["2793806282_6"].answer == "swimming" and known["2793806282_12"].frame_count == 1925


def test_the_real_open_ended_slice_has_yes_and_no(real):
    read = read_questions(real("nextqa/oe_val_slice.csv"))
    assert len(read.questions) == 109 and sum(question.type == "DB" for question in read.questions) == 5
