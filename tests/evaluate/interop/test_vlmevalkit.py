"""Tables for VLMEvalKit, as pandas, which it reads them with, gives them back."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demitasse.cli import main
from evaluate.interop.vlmevalkit import table
from evaluate.records import Asked, DataError, Prediction
from evaluate.score import score_item

pd = pytest.importorskip("pandas")
QUESTION = "Which way?\nA) left\nB) None\nC) =1+1\nAnswer with a letter."


def read(text):
    return pd.read_csv(io.StringIO(text), sep="\t").to_dict("records")


def rows_of(*replies, question=QUESTION, reference="B", task="mcq"):
    items = [Asked(f"{n:016x}", task, f"{n}.mp4", question, reference) for n in range(len(replies))]
    predictions = {
        one.item_id: Prediction(one, reply, "stop") for one, reply in zip(items, replies, strict=True) if reply
    }
    return [score_item(one, predictions.get(one.item_id), None) for one in items], predictions


def test_a_row_has_question_options_answer_and_prediction_apart():
    (row,) = read(table(*rows_of("<think>no</think>(B)")))
    assert row["question"] == "Which way?"
    assert (row["A"], row["answer"], row["prediction"]) == ("left", "B", "(B)")
    assert (row["index"], row["category"], row["l2-category"], row["split"]) == (0, "mcq", "mcq", "test")


def test_an_option_none_is_an_option():
    (row,) = read(table(*rows_of("None")))
    assert row["B"].strip() == "None" == row["prediction"].strip()
    assert row["B"].lower() in row["prediction"].lower()  # VLMEvalKit finds an option by its text so


def test_a_model_writes_no_formula():
    (row,) = read(table(*rows_of("=HYPERLINK(1)")))
    assert (row["prediction"], row["C"]) == ("'=HYPERLINK(1)", "'=1+1")


def test_a_missing_prediction_is_a_row_without_one():
    rows = read(table(*rows_of("B", None, "A")))
    assert [row["index"] for row in rows] == [0, 1, 2]
    assert pd.isna(rows[1]["prediction"])


def test_questions_without_options_are_whole_and_have_no_letters():
    (row,) = read(table(*rows_of("Yes", question="Does it move?\nYes or no.", reference="Yes", task="bcq")))
    assert row["question"] == "Does it move?\nYes or no." and "A" not in row
    assert row["answer"] == "yes"


def test_kinds_of_questions_are_the_second_category():
    asked = Asked("i", "mcq", "v", QUESTION, "B", {"sub_task": "motion"})
    assert read(table([score_item(asked, None, None)], {}))[0]["l2-category"] == "motion"


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60))
def test_whatever_a_model_writes_stays_in_its_cell(reply):
    rows, predictions = rows_of(f"x{reply}", "B")
    found = read(table(rows, predictions))
    assert [row["index"] for row in found] == [0, 1]
    assert found[1]["prediction"] == "B"


def test_a_table_a_task(make_run, tmp_path, capsys):
    run = make_run("mine", lambda row: row.reference)
    assert main(["results", str(run), "--to", "vlmevalkit", "--out", str(tmp_path / "out")]) == 0
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["mine_bcq.tsv", "mine_mcq.tsv", "mine_open-qa.tsv", "mine_temporal-localization.tsv"]


def test_two_tasks_of_one_file_name_are_refused(tmp_path):
    from evaluate.interop.vlmevalkit import write_tables

    rows = [score_item(Asked(task, task, "v", "q", "r"), None, None) for task in ("a b", "a-b")]
    with pytest.raises(DataError, match="two tasks"):
        write_tables(rows, {}, "m", tmp_path)
