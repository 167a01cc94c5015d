"""Step 4: which questions are good, and which rule the others break."""

import json

import pytest

from annotate.espresso.filter import Filtering, by_group, kept, read_verdicts
from annotate.espresso.replies import CRITERIA, VERDICTS
from demitasse.chat.blocks import read_blocks
from demitasse.chat.model import Outcome, Reply
from demitasse.engine.caller import ParseError


def verdict(number, word="keep", criterion="none", reason="fits"):
    return {"number": number, "verdict": word, "criterion": criterion, "reason": reason}


def told(*verdicts):
    return {"verdicts": list(verdicts)}


def check(kitchen, video, teacher):
    return kitchen.run(teacher, lambda asker: Filtering(asker, ()), video)


def test_a_dropped_question_has_the_rule_that_it_breaks_and_a_reason(kitchen, video):
    said = told(verdict(1), verdict(2, "drop", "continuity", "the bowl was full before"))
    row = check(kitchen, video, kitchen.teacher(said))
    assert row["verdicts"] == [
        {"id": "tea/one.mp4/qa_000", "verdict": "keep", "criterion": "", "reason": "fits"},
        {
            "id": "tea/one.mp4/qa_001",
            "verdict": "drop",
            "criterion": "continuity",
            "reason": "the bowl was full before",
        },
    ]


def test_every_rule_stands_in_the_prompt(kitchen, video):
    teacher = kitchen.teacher(told(verdict(1), verdict(2)))
    check(kitchen, video, teacher)
    assert all(f"- {rule}: " in teacher.asked[0].text for rule in CRITERIA)


def test_the_checker_sees_captions_questions_and_answers_as_material(kitchen, video):
    teacher = kitchen.teacher(told(verdict(1), verdict(2)))
    check(kitchen, video, teacher)
    blocks = read_blocks(teacher.asked[0].text)
    assert blocks["captions"].count("\n") == 2
    assert "2. Type: Event Process\nQuestion: How is the bowl filled?\nAnswer: She pours" in blocks["questions"]


def test_questions_about_one_group_are_checked_together(kitchen, video):
    video["questions"][1]["group"] = 1
    teacher = kitchen.teacher(told(verdict(1)))
    assert len(check(kitchen, video, teacher)["verdicts"]) == 2
    assert len(teacher.asked) == 2
    assert [len(group) for group in by_group(video["questions"])] == [1, 1]


def test_a_check_that_comes_to_nothing_leaves_its_questions_unknown_and_not_kept(kitchen, video):
    video["questions"][1]["group"] = 1

    def says(request):
        return Reply(Outcome.BLOCKED) if "How is the bowl" in request.text else told(verdict(1))

    row = check(kitchen, video, kitchen.teacher(says))
    assert [one["verdict"] for one in row["verdicts"]] == ["keep", "unknown"]
    assert [one["id"] for one in kept(video | row)] == ["tea/one.mp4/qa_000"]


def test_without_questions_nobody_is_asked(kitchen, video):
    teacher = kitchen.teacher(told())
    assert check(kitchen, video | {"questions": []}, teacher)["verdicts"] == []
    assert not teacher.asked


def test_without_a_check_every_question_is_kept(video):
    assert len(kept(video)) == 2


@pytest.mark.parametrize(
    ("verdicts", "fault"),
    [
        pytest.param([verdict(1)], "questions 1 to 2", id="one_is_left_out"),
        pytest.param([verdict(1), verdict(1)], "questions 1 to 2", id="one_stands_twice"),
        pytest.param([verdict(1), verdict(2), verdict(3)], "questions 1 to 2", id="one_was_not_asked"),
        pytest.param([verdict(1), verdict(2, "drop")], "Question 2", id="dropped_without_a_rule"),
        pytest.param([verdict(1, "keep", "content"), verdict(2)], "Question 1", id="kept_with_a_broken_rule"),
        pytest.param([verdict(1, "drop", "boring"), verdict(2)], "verdicts.0.criterion", id="a_rule_of_its_own"),
    ],
)
def test_verdicts_that_do_not_add_up_are_refused(verdicts, fault):
    with pytest.raises(ParseError, match=fault):
        read_verdicts(json.dumps(told(*verdicts)), 2)


def test_verdicts_may_come_in_any_order():
    read = read_verdicts(json.dumps(told(verdict(2, reason="b"), verdict(1, reason="a"))), 2)
    assert [one.reason for one in read] == ["a", "b"]


def test_the_form_names_exactly_the_rules():
    told = VERDICTS.schema["$defs"]["Judged"]["properties"]["criterion"]["enum"]
    assert told == [*CRITERIA, "none"]
