"""NExT-QA multiple choice: the script's rules beside ours."""

import pytest

from demitasse.errors import DataError
from evaluate.official import nextqa
from evaluate.official.nextqa import read_questions, score

OPTIONS = ("run away", "sit down", "2", "wave", "look up")  # conftest.py writes them

EVERY_TYPE = [("1_0", "CW", 0), ("1_1", "CH", 1), ("2_0", "TN", 2), ("2_1", "TP", 3), ("3_0", "TC", 4)]
EVERY_TYPE += [("3_1", "DC", 0), ("4_0", "DL", 1), ("4_1", "DO", 2)]


def right(rows):
    return {key: {"prediction": answer, "answer": answer} for key, _, answer in rows}


def test_questions_before_are_counted_with_questions_after(questions, write):
    told = right(EVERY_TYPE) | {"2_1": {"prediction": 0, "answer": 3}}
    report = score([questions(EVERY_TYPE)], [write("p.json", told)])
    assert (report.figure("TN").items, report.figure("TN").official, report.figure("TN").ours) == (2, 50.0, 50.0)
    with pytest.raises(KeyError):
        report.figure("TP")


def test_the_mean_is_over_questions_and_the_macro_over_types(questions, write):
    rows = [*EVERY_TYPE, *[(f"9_{place}", "CW", 1) for place in range(8)]]
    told = right(rows) | {f"9_{place}": {"prediction": 0, "answer": 1} for place in range(8)}
    report = score([questions(rows)], [write("p.json", told)])
    assert report.figure("Acc").ours == pytest.approx(50.0)
    assert report.figure("macro over types").ours == pytest.approx(100 * (6 + 1 / 9) / 7)
    assert report.figure("macro over types").official is None, "the script has no such number"
    assert report.figure("Acc_C").items == 10


VARIANTS = [
    pytest.param("video", str, id="the_benchmarks_own_with_places"),
    pytest.param("video_id", lambda right: OPTIONS[right], id="nextgqas_with_texts"),
    pytest.param("video_id", str, id="the_other_column_with_places"),
]


@pytest.mark.parametrize(("video", "answer"), VARIANTS)
def test_published_headers_are_told_apart_by_name(questions, write, video, answer):
    path = questions(EVERY_TYPE, video=video, answer=answer)
    assert [one.answer for one in read_questions(path)] == [right for _, _, right in EVERY_TYPE]
    assert score([path], [write("p.json", right(EVERY_TYPE))]).figure("Acc").official == 100.0


REPLIES = [
    pytest.param(1, True, None, id="a_place"),
    pytest.param(1.0, True, None, id="a_place_as_a_float"),
    pytest.param("B", True, None, id="a_letter"),
    pytest.param("(B) sit down", True, None, id="a_labelled_option"),
    pytest.param("sit down", True, None, id="an_options_text"),
    pytest.param("<think>A? No.</think>B", True, None, id="reasoning_is_set_aside"),
    pytest.param("A", False, None, id="a_wrong_letter_is_no_fault"),
    pytest.param("1", False, "unparsable", id="a_digit_in_text_is_no_place"),
    pytest.param("2", False, None, id="a_digit_that_is_an_options_text_names_that_option"),
    pytest.param("A or B", False, "unparsable", id="two_letters"),
    pytest.param("a dog sat there", False, "unparsable", id="an_article_is_no_letter"),
    pytest.param(7, False, "unparsable", id="a_place_that_there_is_not"),
    pytest.param(-1, False, "unparsable", id="minus_one_is_not_the_last"),
    pytest.param(True, False, "unparsable", id="a_truth_value_is_no_place"),
    pytest.param(None, False, "empty", id="nothing"),
    pytest.param("", False, "empty", id="an_empty_reply"),
    pytest.param("I cannot see the video.", False, "refusal", id="a_refusal"),
]


@pytest.mark.parametrize(("reply", "hit", "fault"), REPLIES)
def test_a_reply_is_read_or_its_fault_is_counted_and_nothing_is_drawn_by_lot(questions, write, reply, hit, fault):
    path = questions([("1_1", "CH", 1), ("2_0", "CH", 0)])
    report = score([path], [write("p.json", {"1_1": reply, "2_0": 0})])
    assert report.figure("CH").ours == (100.0 if hit else 50.0)
    assert report.counts["faults"] == ({fault: 1} if fault else {})
    assert report.counts["answered"] == 2 - bool(fault)


DIGITS = [
    pytest.param({"1_1": "1", "2_0": "0"}, 100.0, True, id="digits_throughout_are_places"),
    pytest.param({"1_1": "1", "2_0": ""}, 50.0, True, id="an_empty_reply_is_no_text"),
    pytest.param({"1_1": "1", "2_0": "A"}, 50.0, False, id="a_letter_among_them_says_that_they_are_replies"),
    pytest.param({"1_1": "2", "2_0": "2"}, 0.0, False, id="all_of_them_some_options_text"),
    pytest.param({"1_1": "5", "2_0": "0"}, 0.0, False, id="counted_from_1"),
    pytest.param({"1_1": "9" * 5000, "2_0": "0"}, 0.0, False, id="endless_digits"),
]


@pytest.mark.parametrize(("told", "ours", "places"), DIGITS)
def test_digits_in_quotes_are_places_where_a_file_holds_nothing_else(questions, write, told, ours, places):
    report = score([questions([("1_1", "CH", 1), ("2_0", "CH", 0)])], [write("p.json", told)])
    assert report.figure("Acc").ours == ours
    assert any("digit in quotes" in note for note in report.notes) == places


TEXTS = [
    pytest.param("B", "B", 100.0, 100.0, id="letters_that_are_the_same"),
    pytest.param("(B) sit down", "B", 0.0, 100.0, id="a_sentence_is_not_the_letter"),
    pytest.param("B", "C", 0.0, 100.0, id="a_truth_that_the_questions_do_not_share"),
    pytest.param("A", "A", 100.0, 0.0, id="a_truth_that_only_the_predictions_hold"),
    pytest.param("1", 1, 0.0, 100.0, id="a_digit_in_quotes_is_no_number"),
    pytest.param(None, None, 100.0, 0.0, id="nothing_is_nothing"),
]


@pytest.mark.parametrize(("said", "truth", "official", "ours"), TEXTS)
def test_the_script_compares_what_stands_side_by_side_to_the_letter(questions, write, said, truth, official, ours):
    told = {"1_1": {"prediction": said, "answer": truth}}
    found = score([questions([("1_1", "CH", 1)])], [write("p.json", told)]).figure("Acc")
    assert (found.official, found.ours) == (official, ours)


def test_a_video_called_0012_is_not_12(questions, write):
    """pandas reads the column as numbers, so that the script asks for `12_1`; an id is a text."""
    path = questions([("0012_1", "CH", 1), ("7_0", "CW", 0)])
    whole = score([path], [write("p.json", {"0012_1": 1, "7_0": 0})])
    assert (whole.figure("Acc").ours, whole.counts["videos"], whole.counts["faults"]) == (100.0, 2, {})
    told = right([("12_1", "CH", 1), ("7_0", "CW", 0)])
    as_pandas = score([path], [write("p.json", told)])
    assert (as_pandas.figure("Acc").official, as_pandas.figure("Acc").ours) == (None, 50.0)
    assert as_pandas.counts["faults"] == {"missing": 1}
    assert as_pandas.counts["predictions_of_unknown_questions"] == 1


def test_of_two_options_that_read_alike_either_is_right(write):
    """So it is in two of NExT-QA's test questions; where the answer is published as text, it is not known which."""
    path = write("q.csv", "video_id,qid,question,answer,type,a0,a1,a2\n1,0,who,happy,CW,sad,happy,happy\n")
    assert score([path], [write("p.json", {"1_0": 2})]).figure("Acc").ours == 100.0


def test_a_missing_answer_is_wrong_and_the_script_would_stop(questions, write):
    told = right(EVERY_TYPE)
    del told["3_0"]
    report = score([questions(EVERY_TYPE)], [write("p.json", told)])
    assert report.figure("TC").ours == 0.0
    assert all(figure.official is None for figure in report.figures)
    assert report.counts["faults"] == {"missing": 1}
    assert any("stops" in note and "3_0" in note for note in report.notes)


def test_the_script_believes_the_answers_in_the_predictions_and_ours_the_questions(questions, write):
    told = right(EVERY_TYPE) | {"1_0": {"prediction": 4, "answer": 4}}
    report = score([questions(EVERY_TYPE)], [write("p.json", told)])
    assert (report.figure("CW").official, report.figure("CW").ours) == (100.0, 0.0)
    assert any("another right answer" in note for note in report.notes)


def test_a_type_that_no_question_has_is_said_to_break_the_script(questions, write):
    rows = [row for row in EVERY_TYPE if row[1] != "DL"]
    report = score([questions(rows)], [write("p.json", right(rows))])
    assert any("divides by zero" in note and "DL" in note for note in report.notes)
    assert report.figure("Acc").official == 100.0


def test_a_type_of_the_open_questions_is_counted_and_said(questions, write):
    rows = [*EVERY_TYPE, ("5_0", "DB", 0)]
    report = score([questions(rows)], [write("p.json", right(rows))])
    assert (report.figure("DB").items, report.figure("Acc_D").items) == (1, 4)
    assert any("does not know" in note for note in report.notes)


BROKEN = [
    pytest.param("video,qid\n1,0\n", "no column question", id="columns_missing"),
    pytest.param("", "holds no question", id="empty"),
    pytest.param("video,qid,question,answer,a0,a1\n1,0,who, me,0,a,b\n", "more fields than the header", id="a_comma"),
    pytest.param("video,qid,question,answer,a0,a1\n1,0,who,0,a,b\n", "1_0 says no type", id="no_type"),
    pytest.param("video,qid,question,answer,type\n1,0,who,me,CW\n", "no options.*nextqa_oe", id="open_ended"),
]


@pytest.mark.parametrize(("text", "complaint"), BROKEN)
def test_a_file_that_is_no_questions_file_is_refused(write, text, complaint):
    with pytest.raises(DataError, match=complaint):
        read_questions(write("q.csv", text))


def test_a_question_that_is_there_twice_is_refused(questions):
    with pytest.raises(DataError, match="question 1_0 is there twice"):
        read_questions(questions([("1_0", "CW", 0), ("1_0", "CW", 1)]))


def test_an_answer_that_is_none_of_the_options_is_refused(questions):
    with pytest.raises(DataError, match=r"row 1 \(1_0\): its answer \"fly\" is none of its options"):
        read_questions(questions([("1_0", "CW", 0)], answer=lambda _: "fly"))


def test_more_than_one_questions_file_is_refused(questions, write):
    with pytest.raises(DataError, match="takes one questions file"):
        score([questions(EVERY_TYPE)] * 2, [write("p.json", {"1_0": 0})])


def test_types_are_the_scripts_own():
    assert nextqa.TYPES == ("CW", "CH", "TN", "TC", "DC", "DL", "DO")
