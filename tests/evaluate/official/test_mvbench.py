"""MVBench: the notebook's first words, and ours."""

import pytest

from demitasse.errors import DataError
from evaluate.official import mvbench
from evaluate.official.question import Question

CANDIDATES = ["Ate the medicine.", "Tidied up the blanket.", "Took the box."]


@pytest.fixture
def case(write):
    """Write one task's file and predictions from (right answer's place, reply)."""

    def put(*rows, candidates=CANDIDATES):
        task = [
            {"video": f"{place}.mp4", "question": "What?", "candidates": candidates, "answer": candidates[right]}
            for place, (right, _) in enumerate(rows)
        ]
        replies = {str(place): reply for place, (_, reply) in enumerate(rows) if reply is not None}
        return [write("action_sequence.json", task)], [write("predictions.json", {"action_sequence": replies})]

    return put


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        pytest.param("(B)", True, id="the_letter_in_brackets"),
        pytest.param("B.", True, id="the_letter_with_a_stop"),
        pytest.param("(b) Tidied up", True, id="a_small_letter"),
        pytest.param("", True, id="an_empty_reply_is_within_every_option"),
        pytest.param("(", True, id="and_so_is_the_bracket_that_opens_the_answer"),
        pytest.param("Tidied up the blanket.", False, id="the_options_text_is_not_read"),
        pytest.param("The answer is (B).", False, id="nor_a_letter_that_is_not_the_first_word"),
    ],
)
def test_the_notebook_compares_first_words(reply, right):
    assert mvbench.first_word_right(reply, Question("k", "t", "v", tuple(CANDIDATES), 1)) is right


def test_an_empty_reply_is_right_there_and_wrong_here(case):
    report = mvbench.score(*case((1, ""), (1, "Tidied up the blanket.")))
    assert (report.figure("Avg").official, report.figure("Avg").ours) == (50.0, 50.0)
    assert report.counts["faults"] == {"empty": 1}
    assert any("in 2 replies" in note for note in report.notes)


def test_of_two_equal_candidates_either_is_right(case):
    equal = ["one", "two", "one"]
    report = mvbench.score(*case((0, "(A)"), (0, "(C)"), candidates=equal))
    assert (report.figure("Avg").official, report.figure("Avg").ours) == (50.0, 100.0)


def test_a_question_without_a_prediction_is_wrong_and_the_notebook_has_no_number(case):
    figure = mvbench.score(*case((0, "A"), (0, None))).figure("Avg")
    assert (figure.official, figure.ours) == (None, 50.0)


def test_the_mean_over_tasks_weighs_every_task_the_same(write):
    row = {"video": "v.mp4", "question": "What?", "candidates": CANDIDATES, "answer": CANDIDATES[0]}
    files = [write("first.json", [row]), write("second.json", [row, row, row])]
    replies = {"first": {"0": "A"}, "second": dict.fromkeys("012", "B")}
    report = mvbench.score(files, [write("predictions.json", replies)])
    assert (report.figure("Avg").ours, report.figure(mvbench.MACRO).ours) == (25.0, 50.0)


@pytest.mark.parametrize(
    "row",
    [
        pytest.param({"task": "action_sequence", "doc_id": 1, "response": "(B)"}, id="task_and_place"),
        pytest.param({"question_id": "action_sequence_1", "response": "(B)"}, id="the_key_itself"),
        pytest.param({"doc_id": 7, "id": "action_sequence_1", "response": "(B)"}, id="the_key_beside_a_place_alone"),
    ],
)
def test_a_row_says_which_question_it_answers(case, write, row):
    references, _ = case((0, None), (1, None))
    assert mvbench.score(references, [write("rows.json", [row])]).figure("Avg").ours == 50.0


def test_an_answer_that_is_no_candidate_is_refused(write):
    row = {"video": "v.mp4", "question": "What?", "candidates": CANDIDATES, "answer": "Slept."}
    with pytest.raises(DataError, match="its answer is none of them"):
        mvbench.score([write("a.json", [row])], [write("p.json", {"a": {"0": "A"}})])
