"""Step 8: wrong answers."""

import json

import pytest

from annotate.espresso.distractors import DistractorWriting, read_distractors
from annotate.espresso.settings import DistractorSettings
from demitasse.chat.blocks import read_blocks
from demitasse.engine.caller import ParseError

ANSWER = "The woman lifts it to fill the white bowl with hot water."
GOOD = [
    "The woman lifts it to clean the stove under it with water.",
    "The man takes it away to cool the kitchen and clear smoke.",
    "The woman drops it because the handle is far too hot now.",
]


def told(*texts):
    return {"distractors": list(texts)}


@pytest.fixture
def proven(video):
    return video | {"evidence": [{"id": "tea/one.mp4/qa_000"}]}


def write(kitchen, fields, teacher):
    return kitchen.run(teacher, lambda asker: DistractorWriting(asker, DistractorSettings(), ()), fields)


def read(*texts, answer=ANSWER):
    return read_distractors(json.dumps(told(*texts)), answer, DistractorSettings())


def test_three_wrong_answers_stand_with_their_lengths(kitchen, proven):
    row = write(kitchen, proven, kitchen.teacher(told(*GOOD)))
    assert row["distractors"] == [
        {
            "id": "tea/one.mp4/qa_000",
            "distractors": GOOD,
            "words": {"reference": 12, "distractors": [12, 12, 12], "reference_minus_longest": 0},
        }
    ]


def test_the_writer_is_told_the_bounds(kitchen, proven):
    teacher = kitchen.teacher(told(*GOOD))
    write(kitchen, proven, teacher)
    assert "between 9 and 15 words; the right answer has 12" in teacher.asked[0].text
    assert read_blocks(teacher.asked[0].text)["answer"] == ANSWER


def test_answers_out_of_balance_are_asked_for_again_with_their_lengths(kitchen, proven):
    teacher = kitchen.teacher(told("No idea.", *GOOD[1:]), told(*GOOD))
    assert write(kitchen, proven, teacher)["distractors"][0]["distractors"] == GOOD
    assert "'No idea.' has 2 words, and must have 9 to 15" in teacher.complaints


def test_a_question_that_never_gets_balanced_ones_has_no_options_and_is_told(kitchen, proven):
    row = write(kitchen, proven, kitchen.teacher(told("No.", "Yes.", "Maybe.")))
    assert row["distractors"] == []
    (without,) = row["without_distractors"]
    assert without["id"] == "tea/one.mp4/qa_000"
    assert "must have 9 to 15" in without["reason"]


def test_questions_without_evidence_get_none(kitchen, video):
    teacher = kitchen.teacher(told(*GOOD))
    assert write(kitchen, video | {"evidence": []}, teacher)["distractors"] == []
    assert not teacher.asked


@pytest.mark.parametrize(
    ("texts", "fault"),
    [
        pytest.param(GOOD[:2], "There are 2", id="two"),
        pytest.param([*GOOD, GOOD[0]], "There are 4", id="four"),
        pytest.param([GOOD[0], GOOD[0].upper(), GOOD[1]], "the same", id="the_same_twice"),
        pytest.param([*GOOD[:2], ANSWER.rstrip(".")], "the same", id="the_right_answer"),
        pytest.param([*GOOD[:2], "It is none of the above that the woman does with it."], "other answers", id="refers"),
    ],
)
def test_answers_that_cannot_be_options_are_refused(texts, fault):
    with pytest.raises(ParseError, match=fault):
        read(*texts)


def test_words_that_the_right_answer_uses_itself_are_no_reference_to_options():
    answer = "None of them opens the window before the smoke is gone."
    wrong = [f"All of them open the window before the {what} is gone." for what in ("cat", "sun", "tea")]
    assert read(*wrong, answer=answer) == wrong
