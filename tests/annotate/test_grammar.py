import pytest

from annotate.video_reasoning import grammar

CLEAN = """=====
Multiple-Choice Question: Which tool is dropped?
A. hammer
B. wrench
======
Answer: B
=====
Reasoning: The grey tool that falls has an open jaw.
"""


def only(text: str) -> grammar.Block:
    (block,) = grammar.read_blocks(text)
    return block


def test_taos_blocks_are_read():
    block = only(CLEAN)
    assert block.question == "Which tool is dropped?"
    assert block.options == {"A": "hammer", "B": "wrench"}
    assert block.answer == "B"
    assert block.reasoning == "The grey tool that falls has an open jaw."


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(CLEAN.replace("A. ", "A) ").replace("B. ", "B) "), id="options_with_a_bracket"),
        pytest.param(CLEAN.replace("A. ", "(A) ").replace("B. ", "(B) "), id="options_in_brackets"),
        pytest.param(CLEAN.replace("=", ""), id="rules_left_out"),
        pytest.param(CLEAN.replace("Answer:", "**Answer:**").replace("Reasoning:", "**Reasoning**:"), id="bold_labels"),
        pytest.param(CLEAN.replace("Multiple-Choice Question:", "## Multiple-choice question:"), id="heading_labels"),
        pytest.param("Here is the question.\n" + CLEAN + "=====\nThat is all.", id="prose_around_the_blocks"),
    ],
)
def test_a_reply_is_read_the_same_with(text):
    assert only(text) == only(CLEAN)


def test_an_answer_on_the_next_line_of_its_question_is_not_taken_for_the_question():
    block = only("Question: Is it open?\nAnswer: Yes. It swings.\nReasoning: It moves.")
    assert (block.question, block.answer, block.reasoning) == ("Is it open?", "Yes. It swings.", "It moves.")


def test_two_numbered_questions_are_two_blocks():
    text = "=====\n1. Question: Is it open?\n=====\nAnswer: Yes.\n=====\nReasoning: a\n=====\n2. Question: Is it red?\n"
    assert [block.question for block in grammar.read_blocks(text)] == ["Is it open?", "Is it red?"]


def test_reasoning_of_several_paragraphs_stays_whole():
    assert only("Question: Q?\nAnswer: a\nReasoning: one\n\ntwo").reasoning == "one\n\ntwo"


def test_text_without_labels_is_no_question():
    assert grammar.read_blocks("The gate is open.\n=====\nYes.") == []


def test_an_option_goes_on_in_the_next_line():
    assert only(CLEAN.replace("B. wrench", "B. wrench\n  with a red handle")).options["B"] == "wrench with a red handle"


def test_between_rules_reasoning_may_hold_a_line_that_begins_like_an_answer():
    block = only(CLEAN + "Answer: that would be said by others, too.")
    assert block.answer == "B" and block.reasoning.endswith("Answer: that would be said by others, too.")


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("*Every* box is shut, as is seen **twice**", id="slanted_and_bold"),
        pytest.param("It is called _left_", id="underlined_at_the_end"),
        pytest.param("**First** it moves.", id="bold_at_the_start"),
    ],
)
def test_marks_inside_a_text_stay(words):
    for text in (CLEAN, CLEAN.replace("Reasoning:", "**Reasoning:**"), CLEAN.replace("Reasoning:", "**Reasoning**:")):
        assert only(text.replace("The grey tool that falls has an open jaw.", words)).reasoning == words


def test_a_line_that_is_bold_as_a_whole_loses_its_marks():
    block = only(CLEAN.replace("Answer: B", "**Answer: B**").replace("B. wrench", "**B. wrench**"))
    assert (block.answer, block.options["B"]) == ("B", "wrench")
