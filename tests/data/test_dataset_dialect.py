"""Both dialects are read, either is written, and nothing is lost on the way there and back."""

from dataclasses import replace

import pytest

from demitasse.answers import read_options
from demitasse.dataset import (
    Item,
    bcq_answer,
    mcq_answer,
    mcq_openended_answer,
    question_text,
    span_answer,
    to_dialect,
)
from demitasse.errors import DataError

OPTIONS = {"A": "hammer", "B": "wrench (grey)", "C": "3.5", "D": "3"}
SPAN = {"start": "00:03", "end": "00:05"}

TAO = {
    "mcq": ("Which?\nA. hammer\nB. wrench (grey)\nC. 3.5\nD. 3\nAnswer with a single letter.", "B"),
    "mcq_openended": (
        "Which?\nA. hammer\nB. wrench (grey)\nC. 3.5\nD. 3\n"
        "Answer with the correct option letter followed by a brief explanation.",
        "B. wrench (grey)",
    ),
    "bcq": ("Open?\nAnswer with Yes or No.", "Yes"),
    "bcq_openended": ("Open?\nAnswer with Yes or No followed by a brief explanation.", "No. It is shut."),
    "temporal_localization": (
        'When?\nAnswer with the start and end timestamps in the format {"start": "MM:SS", "end": "MM:SS"}.',
        '{"start": "00:03", "end": "00:05"}',
    ),
    "open_qa": ("Why?", "Because."),
}
DAFT = {
    "mcq": (
        "Which?\n\nA) hammer\nB) wrench (grey)\nC) 3.5\nD) 3\n\nChoose the correct option by letter only.",
        "B) wrench (grey)",
    ),
    "mcq_openended": (
        "Which?\n\nA) hammer\nB) wrench (grey)\nC) 3.5\nD) 3\n\n"
        "Choose the correct option and provide a brief explanation.",
        "B. wrench (grey)",
    ),
    "bcq": ("Open?\n\nAnswer with only Yes or No.", "Yes"),
    "bcq_openended": ("Open?\n\nAnswer with Yes or No, followed by a brief explanation.", "No. It is shut."),
    "temporal_localization": (
        "When?\n\nProvide the result in json format with 'mm:ss' for time depiction. "
        "Use keywords 'start', 'end' in the json output.",
        '```json\n{\n  "start": "00:03",\n  "end": "00:05"\n}\n```',
    ),
    "open_qa": ("Why?", "Because."),
}


def item(pair, **fields):
    return Item(*pair, video_id="v.mp4", **fields)


@pytest.mark.parametrize("task", TAO)
def test_each_task_goes_from_tao_to_daft(task):
    assert to_dialect(item(TAO[task]), task, "daft") == item(DAFT[task])


@pytest.mark.parametrize("task", TAO)
def test_each_task_goes_from_daft_to_tao(task):
    assert to_dialect(item(DAFT[task]), task, "tao") == item(TAO[task])


@pytest.mark.parametrize("task", TAO)
def test_an_item_already_in_the_dialect_is_left_as_it_is(task):
    assert to_dialect(item(TAO[task]), task, "tao") == item(TAO[task])
    assert to_dialect(item(DAFT[task]), task, "daft") == item(DAFT[task])


@pytest.mark.parametrize(
    ("dialect", "expected"), [pytest.param("tao", TAO, id="tao"), pytest.param("daft", DAFT, id="daft")]
)
def test_the_pieces_write_what_the_conversion_reads(dialect, expected):
    assert (question_text("mcq", "Which?", dialect, OPTIONS), mcq_answer("B", OPTIONS, dialect)) == expected["mcq"]
    assert (
        question_text("mcq_openended", "Which?", dialect, OPTIONS),
        mcq_openended_answer("B", OPTIONS["B"]),
    ) == expected["mcq_openended"]
    assert (question_text("bcq", "Open?", dialect), bcq_answer(True, dialect)) == expected["bcq"]
    assert (question_text("temporal_localization", "When?", dialect), span_answer(SPAN, dialect)) == expected[
        "temporal_localization"
    ]
    assert question_text("open_qa", "Why?", dialect) == "Why?"


@pytest.mark.parametrize("dialect", ["tao", "daft"])
def test_the_evaluators_option_reader_reads_either_dialect(dialect):
    assert read_options(question_text("mcq", "Which?", dialect, OPTIONS)) == OPTIONS


@pytest.mark.parametrize(
    ("task", "answer", "in_tao"),
    [
        pytest.param("mcq", "B) wrench (grey). It is grey.", "B", id="choice"),
        pytest.param("bcq", "No. It is shut.", "No", id="verdict"),
    ],
)
def test_an_explanation_beside_a_closed_answer_survives_tao(task, answer, in_tao):
    daft = replace(item(DAFT[task]), answer=answer, extra={"source": 1})
    tao = to_dialect(daft, task, "tao")
    assert tao.answer == in_tao and tao.extra["explanation"]
    assert to_dialect(tao, task, "daft") == daft


def test_an_option_that_begins_like_another_is_not_mistaken_for_it():
    with pytest.raises(DataError, match="option D"):
        to_dialect(replace(item(DAFT["mcq"]), answer="D) 3.5"), "mcq", "tao")


def test_an_instruction_in_other_words_is_left_as_it_is():
    question = "Which?\nA. x\nB. y\nJust the letter, please."
    converted = to_dialect(item((question, "A")), "mcq", "daft")
    assert converted.question == "Which?\n\nA) x\nB) y\n\nJust the letter, please."
    assert to_dialect(converted, "mcq", "tao").question == question


def test_a_question_without_instruction_gets_none():
    assert to_dialect(item(("Open?", "Yes")), "bcq", "daft").question == "Open?"


def test_a_list_in_the_question_is_not_taken_for_its_options():
    question = "Seen:\nA. one\nB. two\nWhich?\nA. x\nB. y\nAnswer with a single letter."
    converted = to_dialect(item((question, "B")), "mcq", "daft")
    assert converted.question.startswith("Seen:\nA. one\nB. two\nWhich?\n\nA) x\nB) y\n\n")
    assert converted.answer == "B) y"


def test_other_fields_of_an_item_are_carried_along():
    full = item(TAO["mcq"], reasoning="R", item_index="7", extra={"k": [1]})
    converted = to_dialect(full, "mcq", "daft")
    assert (converted.reasoning, converted.item_index, converted.extra) == ("R", "7", {"k": [1]})


@pytest.mark.parametrize(
    ("task", "pair", "names"),
    [
        pytest.param("mcq", ("Which?", "A"), "question", id="no_options"),
        pytest.param("mcq", ("Which?\nA. x\n  more of x\nB. y", "A"), "question", id="option_of_two_lines"),
        pytest.param("mcq", ("Which?\nA. x\nB. y", "C"), "answer", id="letter_of_no_option"),
        pytest.param("bcq", ("Open?", "Not really"), "answer", id="neither_yes_nor_no"),
        pytest.param("temporal_localization", ("When?", "at 3 s"), "answer", id="time_without_json"),
        pytest.param("temporal_localization", ("When?", "[3, 5]"), "answer", id="json_without_start"),
    ],
)
def test_what_cannot_be_read_is_refused_by_field(task, pair, names):
    with pytest.raises(DataError, match=f"^{names} "):
        to_dialect(item(pair), task, "daft")
