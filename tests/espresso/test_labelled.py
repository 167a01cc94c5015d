"""The text grammar of models that are held to no schema."""

import pytest

from annotate.espresso.labelled import read_labelled, read_listed, read_numbers
from annotate.espresso.replies import DISTRACTORS, EVIDENCE, QUESTIONS, VERDICTS
from demitasse.engine.caller import ParseError

LABELS = ("task", "question", "captions")


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        pytest.param("Task: a\nQuestion: b", [{"task": "a", "question": "b"}], id="a_label_a_line"),
        pytest.param("TASK: a\nquestion : b", [{"task": "a", "question": "b"}], id="case_and_spaces_do_not_matter"),
        pytest.param("**Task:** a\n**Question**: b", [{"task": "a", "question": "b"}], id="labels_may_be_bold"),
        pytest.param("1. Task: a\n- Question: b", [{"task": "a", "question": "b"}], id="labels_may_be_listed"),
        pytest.param("Task: a\nTask: b", [{"task": "a"}, {"task": "b"}], id="a_label_that_comes_again_opens_a_block"),
        pytest.param("Question: b\nand c\n=====\nlost", [{"question": "b and c"}], id="lines_go_on_up_to_a_rule"),
        pytest.param("Here they are:\nTask: a", [{"task": "a"}], id="prose_before_is_passed_over"),
        pytest.param("Tasks: a", [], id="a_longer_word_is_no_label"),
        pytest.param("", [], id="nothing_is_nothing"),
    ],
)
def test_blocks_are_read_by_their_labels(text, blocks):
    assert read_labelled(text, LABELS) == blocks


def test_numbers_are_read_out_of_words():
    assert read_numbers("captions 1, 4 and 12") == [1, 4, 12]


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        pytest.param("1. a\n2) b\n(3) c", [(1, "a"), (2, "b"), (3, "c")], id="all_ways_of_numbering"),
        pytest.param("**1.** a", [(1, "a")], id="bold_numbers"),
        pytest.param("in 1. a", [], id="a_number_inside_a_line_is_none"),
    ],
)
def test_numbered_lines_are_read(text, listed):
    assert read_listed(text) == listed


def test_questions_are_the_same_in_json_and_in_text():
    text = "=====\nTask: Event Process\nQuestion: How?\nAnswer: So.\nCaptions: 1, 3\n=====\nTask: Cooking Steps\n"
    text += "Question: Why?\nAnswer: Thus.\nCaptions: 2 and 3"
    (first, second) = QUESTIONS.read(text).questions
    as_json = {"task": "Event Process", "question": "How?", "answer": "So.", "captions": [1, 3]}
    assert first.model_dump() == as_json
    assert second.captions == [2, 3]


@pytest.mark.parametrize("text", ["none", "None.", "No questions.", '{"questions": []}'])
def test_no_question_is_an_answer(text):
    assert QUESTIONS.read(text).questions == []


@pytest.mark.parametrize("text", ["", "I cannot help with that.", "No questions: here is why they are all bad"])
def test_prose_is_no_list_of_questions(text):
    with pytest.raises(ParseError):
        QUESTIONS.read(text)


@pytest.mark.parametrize(
    ("text", "verdict", "criterion", "reason"),
    [
        pytest.param("1. keep: it fits", "keep", "none", "it fits", id="kept_with_a_reason"),
        pytest.param("1. Drop: subjective: taste", "drop", "subjective", "taste", id="dropped_with_its_rule"),
        pytest.param("1) **drop** - open_ended - many do", "drop", "open_ended", "many do", id="bold_and_dashes"),
        pytest.param("1. keep: content is fine", "keep", "none", "content is fine", id="what_is_kept_breaks_no_rule"),
        pytest.param(
            "1. drop: it is dull", "drop", "none", "it is dull", id="dropped_for_no_rule_which_is_refused_later"
        ),
    ],
)
def test_verdicts_are_read_from_text(text, verdict, criterion, reason):
    (one,) = VERDICTS.read(text).verdicts
    assert (one.verdict, one.criterion, one.reason) == (verdict, criterion, reason)


def test_evidence_is_read_from_text():
    text = (
        "Captions:\n1. the kettle is lifted\n3. the bowl is full\nKey items: kettle; white bowl\n"
        "Evidence: The kettle\nfills the white bowl."
    )
    read = EVIDENCE.read(text)
    assert [(one.caption, one.shows) for one in read.captions] == [(1, "the kettle is lifted"), (3, "the bowl is full")]
    assert read.key_items == ["kettle", "white bowl"]
    assert read.evidence == "The kettle fills the white bowl."


@pytest.mark.parametrize("text", ["Evidence: The kettle boils.", "Captions:\n1. a\nKey items: kettle", "kettle"])
def test_evidence_without_a_part_is_none(text):
    with pytest.raises(ParseError):
        EVIDENCE.read(text)


def test_wrong_answers_are_numbered_lines():
    assert DISTRACTORS.read("Here:\n1. a b\n2. c d\n3. e f").distractors == ["a b", "c d", "e f"]


@pytest.mark.parametrize("form", [QUESTIONS, VERDICTS, EVIDENCE, DISTRACTORS])
def test_schemas_forbid_what_they_do_not_name(form):
    assert form.schema["additionalProperties"] is False
    assert set(form.schema["required"]) == set(form.schema["properties"])
