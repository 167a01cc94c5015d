"""STAR: by type, over types and over questions."""

import json
import pickle
from pathlib import Path

import pytest

from demitasse.errors import DataError
from evaluate.official.star import read_questions, score

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "star" / "item_Interaction_T1_3772.json"
TEXTS = ("The bag.", "The book.", "The door.", "The cup.")


def item(key, answer=0, texts=TEXTS, **other):
    choices = [{"choice_id": place, "choice": text} for place, text in enumerate(texts)]
    return {"question_id": key, "video_id": f"V{key[-1]}", "answer": texts[answer], "choices": choices} | other


def items():
    """Interaction 1 of 2 right, Sequence 2 of 2, Prediction 0 of 1, Feasibility 1 of 1, with the first choice said."""
    keys = {"Interaction_T1_1": 0, "Interaction_T1_2": 1, "Sequence_T1_3": 0, "Sequence_T2_4": 0}
    return [item(key, answer) for key, answer in (keys | {"Prediction_T1_5": 2, "Feasibility_T2_6": 0}).items()]


def said(value=0):
    return {one["question_id"]: value for one in items()}


def test_the_leaderboards_mean_is_over_types_and_papers_print_the_one_over_questions(write):
    report = score([write("q.json", items())], [write("p.json", said())])
    by_type = [report.figure(kind).official for kind in ("Interaction", "Sequence", "Prediction", "Feasibility")]
    assert by_type == [50.0, 100.0, 0.0, 100.0]
    mean, over_all = report.figure("Mean (over types)"), report.figure("over questions")
    assert (mean.official, mean.ours) == (62.5, pytest.approx(62.5))
    assert (over_all.official, over_all.ours) == (None, pytest.approx(100 * 4 / 6))


SHAPES = [
    pytest.param(said(), id="by_question"),
    pytest.param(said("A"), id="letters"),
    pytest.param(said("The bag."), id="texts"),
    pytest.param([{"question_id": key, "answer": 0} for key in said()], id="rows"),
    pytest.param(
        {
            kind: [{"question_id": key, "answer": 0} for key in said() if key.startswith(kind)]
            for kind in ("Interaction", "Sequence", "Prediction", "Feasibility")
        },
        id="the_challenges_lists_by_type",
    ),
]


@pytest.mark.parametrize("told", SHAPES)
def test_predictions_are_read_in_every_shape(write, told):
    report = score([write("q.json", items())], [write("p.json", told)])
    assert report.figure("over questions").ours == pytest.approx(100 * 4 / 6)
    assert report.counts["answered"] == 6


def test_a_place_is_a_choices_own_id_and_not_where_it_stands(write):
    shuffled = item("Sequence_T1_1", 0)
    shuffled["choices"] = shuffled["choices"][::-1]
    report = score([write("q.json", [shuffled])], [write("p.json", {"Sequence_T1_1": 0})])
    assert report.figure("Sequence").official == 100.0


def test_of_two_choices_that_read_alike_either_is_right(write):
    twin = item("Sequence_T1_1", 0, ("The bag.", "The book.", "The bag.", "The cup."))
    report = score([write("q.json", [twin])], [write("p.json", {"Sequence_T1_1": 2})])
    assert report.figure("Sequence").official == 100.0


def test_a_missing_prediction_is_wrong_and_counted(write):
    told = said()
    del told["Sequence_T1_3"]
    report = score([write("q.json", items())], [write("p.json", told)])
    assert (report.figure("Sequence").official, report.counts["faults"]) == (50.0, {"missing": 1})
    assert any("no prediction" in note for note in report.notes)


def test_the_mean_needs_all_four_types(write):
    report = score([write("q.json", items()[:2])], [write("p.json", said())])
    assert report.figure("Mean (over types)").official is None
    assert any("Sequence, Prediction, Feasibility" in note for note in report.notes)
    assert report.counts["predictions_of_unknown_questions"] == 4


BROKEN = [
    pytest.param([{"question": "?"}], "item 0: question_id is null", id="no_id"),
    pytest.param([item("Causal_T1_1")], "is not Interaction, Sequence, Prediction", id="another_type"),
    pytest.param([item("Sequence_T1_1") | {"answer": "The sky."}], "none of its choices", id="answer_not_a_choice"),
    pytest.param([item("Sequence_T1_1") | {"answer": None}], "says no right answer; the test set", id="test_set"),
    pytest.param([item("Sequence_T1_1") | {"choices": ["a"]}], "not a list of choices", id="one_choice"),
    pytest.param(
        [item("Sequence_T1_1") | {"choices": [{"choice_id": "x", "choice": "a"}, {"choice_id": 1, "choice": "b"}]}],
        'choice_id "x" is no number',
        id="choices_that_cannot_be_put_in_order",
    ),
    pytest.param([item("Sequence_T1_1")] * 2, "is there twice", id="twice"),
    pytest.param([], "there is no item", id="nothing"),
]


@pytest.mark.parametrize(("value", "complaint"), BROKEN)
def test_a_file_that_is_no_star_file_is_refused(write, value, complaint):
    with pytest.raises(DataError, match=complaint):
        read_questions([write("q.json", value)])


FORMS = [
    pytest.param("q.json", json.dumps({"data": items()}), id="under_a_name"),
    pytest.param("q.json", json.dumps({str(place): one for place, one in enumerate(items())}), id="by_name"),
    pytest.param("q.jsonl", "\n".join(map(json.dumps, items())), id="lines"),
    pytest.param("q.json", "\ufeff" + json.dumps(items()), id="after_a_byte_order_mark"),
    pytest.param(
        "q.json", json.dumps([one | {"choices": list(TEXTS), "answer": 0} for one in items()]), id="bare_choices"
    ),
]


@pytest.mark.parametrize(("name", "text"), FORMS)
def test_items_are_read_in_every_published_form(write, name, text):
    assert [one.key for one in read_questions([write(name, text)])] == list(said())


def test_the_pickle_is_read(tmp_path):
    (tmp_path / "STAR_val.pkl").write_bytes(pickle.dumps(items()))
    assert [one.answer for one in read_questions([tmp_path / "STAR_val.pkl"])] == [0, 1, 0, 0, 2, 0]


def test_another_benchmarks_file_is_named(questions):
    with pytest.raises(DataError, match="questions.csv is .*NExT-QA"):
        read_questions([questions([("1_0", "CW", 0)])])


def test_a_question_in_two_files_is_refused(write):
    with pytest.raises(DataError, match=r"b\.json: item 0 \(Interaction_T1_1\) is there twice"):
        read_questions([write("a.json", items()), write("b.json", items())])


def test_digits_in_quotes_are_places(write):
    report = score([write("q.json", items())], [write("p.json", said("0"))])
    assert report.figure("over questions").ours == pytest.approx(100 * 4 / 6)


@pytest.mark.skipif(not REAL.is_file(), reason="the real item is not here")
def test_a_real_item_is_read():
    (question,) = read_questions([REAL])
    assert (question.group, question.video, question.options[question.answer]) == (
        "Interaction",
        "WBS4I",
        "The closet/cabinet.",
    )
