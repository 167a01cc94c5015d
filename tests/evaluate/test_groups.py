"""Means by kind of question, and over kinds."""

import pytest

from evaluate.comparing.groups import UNNAMED, by_group
from evaluate.comparing.table import by_task, score_table
from evaluate.metric import JUDGE, MCQ
from evaluate.records import Asked, Scored, State
from evaluate.stats import group_mean_values


def rows(hits, field="sub_task", metric="mcq"):
    """Scored rows of (kind, score) pairs, each of a video of its own."""
    made = []
    for place, (kind, score) in enumerate(hits):
        asked = Asked(f"i{place}", metric, f"{place}.mp4", "?", "A", {field: kind} if kind else {})
        made.append(Scored(asked, metric, State.SCORED if score is not None else State.JUDGE_FAULT, score))
    return made


UNEVEN = [*[("Causal Inference", 1.0)] * 6, ("Traffic Analysis", 0.0), ("Traffic Analysis", 1.0)]


@pytest.mark.parametrize("field", ["sub_task", "question_type"])
def test_the_macro_mean_counts_every_kind_the_same(field):
    found = by_group(rows(UNEVEN, field), MCQ)
    assert (found["by"], found["macro"]) == (field, 0.75)
    assert {kind: (one["items"], one["mean"]) for kind, one in found["each"].items()} == {
        "Causal Inference": (6, 1.0),
        "Traffic Analysis": (2, 0.5),
    }


def test_items_that_say_no_kind_have_no_groups():
    assert by_group(rows([(None, 1.0), (None, 0.0)]), MCQ) is None


def test_items_without_a_kind_among_others_are_a_kind_and_not_dropped():
    found = by_group(rows([("a", 1.0), (None, 0.0), (None, 0.0)]), MCQ)
    assert found["each"][UNNAMED]["items"] == 2
    assert found["macro"] == 0.5


def test_an_empty_kind_is_none():
    """A file of questions without types makes items with an empty one."""
    blank, named = rows([("a", 1.0), ("b", 0.0)])
    blank.asked.extra["sub_task"] = ""
    assert set(by_group([blank, named], MCQ)["each"]) == {"b", UNNAMED}
    assert by_group([blank], MCQ) is None


def test_a_kind_that_nobody_judged_is_in_neither_mean():
    found = by_group(rows([("a", 4.0), ("a", 2.0), ("b", None)], metric="judge"), JUDGE)
    assert (found["macro"], found["each"]["b"]["mean"], found["each"]["b"]["items"]) == (3.0, None, 1)


def test_nothing_judged_has_no_mean():
    assert by_group(rows([("a", None)], metric="judge"), JUDGE)["macro"] is None


def test_the_interval_stays_on_the_scale():
    low, high = by_group(rows([*[("a", 1.0)] * 9, ("a", 0.0), ("b", 1.0), ("b", 1.0)]), MCQ)["macro_ci95"]
    assert 0.0 <= low < high <= 1.0


def test_values_of_the_macro_mean_have_it_as_their_mean():
    scores, groups = [1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0], ["a", "a", "a", "a", "b", "b", "c"]
    assert group_mean_values(scores, groups).mean() == pytest.approx((0.75 + 0.0 + 0.0) / 3)


def test_how_much_kinds_differ_is_no_error_of_the_macro_mean():
    values = group_mean_values([1.0, 1.0, 0.0, 0.0], ["a", "a", "b", "b"])
    assert values == pytest.approx([0.5] * 4)


def test_values_need_a_group_each():
    with pytest.raises(ValueError, match="as many"):
        group_mean_values([1.0], ["a", "b"])


def test_the_table_shows_kinds_and_their_mean():
    table = score_table(rows(UNEVEN))
    lines = {line.split("  ")[2].strip() if line.startswith("    ") else line: line for line in table.splitlines()}
    assert any("Causal Inference" in line and "100.0%" in line for line in lines.values())
    assert any("mean over 2 sub_tasks" in line and "75.0%" in line for line in lines.values())
    assert by_task(rows(UNEVEN))["mcq"]["groups"]["macro"] == 0.75


def test_a_table_of_items_without_kinds_is_as_it_was():
    assert "mean over" not in score_table(rows([(None, 1.0), (None, 0.0)]))
    assert "groups" not in by_task(rows([(None, 1.0)]))["mcq"]
