"""A judge's name that was two models: an alias that moves is said, and makes a comparison worthless."""

import json

import pytest

from demitasse.chat.model import Outcome, Reply, Usage
from demitasse.cli import main
from evaluate.comparing.arm import load_arm
from evaluate.comparing.command import INVALID
from evaluate.comparing.compare import compare
from evaluate.judging.moved import moved_between, moved_within
from evaluate.report.page import write_report

SAID = '{"reason": "so", "score": 4}'


def by(model):
    """What the endpoint replies while the alias stands for this model."""
    return lambda request: Reply(Outcome.SUCCESS, SAID, model=model, usage=Usage(1, 1))


def moving(*models):
    """The alias moves with every request."""
    left = iter(models)
    return lambda request: by(next(left))(request)


@pytest.fixture
def two(make_run, fake, judge):
    """Two runs, judged under one name by the models that are given."""

    def make(before, after):
        folders = [make_run(name, lambda row: f"about {row.video_id} {row.task}") for name in ("a", "b")]
        for folder, say in zip(folders, (before, after), strict=True):
            judge(folder, fake(say, "judge-1"))
        return folders

    return make


def test_runs_that_one_name_judged_and_two_models_are_not_compared(two, tmp_path):
    folders = two(by("judge-1-may"), by("judge-1-june"))
    found = compare([load_arm(folder) for folder in folders])
    assert found.result["verdict"]["state"] == "invalid"
    [why] = found.result["invalid"]
    assert "judge-1-june (4 votes), and judge-1-may (4 votes)" in why
    assert "dated model" in why
    page = write_report(found, tmp_path / "report").read_text()
    assert "judge-1-may (4 votes)" in page
    assert why in (tmp_path / "report" / "report.md").read_text()
    assert main(["compare", *map(str, folders), "--out", str(tmp_path / "again")]) == INVALID


def test_runs_that_one_model_judged_are_compared_and_it_is_named(two, tmp_path):
    found = compare([load_arm(folder) for folder in two(by("judge-1-may"), by("judge-1-may"))])
    assert found.result["invalid"] == []
    assert "<td>who answered</td><td>judge-1-may (4 votes)</td>" in write_report(found, tmp_path / "r").read_text()


def test_a_judge_that_moved_within_a_run_is_warned_of_in_its_header_page_and_markdown(two, tmp_path):
    mixed = ("judge-1-may", "judge-1-june") * 2
    folders = two(moving(*mixed), moving(*mixed))
    header = json.loads((folders[0] / "judge.json").read_text())
    [warning] = header["validity"]["warnings"]
    assert warning.startswith(
        "the judge judge-1 was more than one model: judge-1-june (2 votes), judge-1-may (2 votes)"
    )
    found = compare([load_arm(folder) for folder in folders])
    assert found.result["invalid"] == [], "the same two, as often, in both runs"
    page = write_report(found, tmp_path / "report").read_text()
    assert all(f'<p class="note bad">{name}: {warning}.</p>' in page for name in "ab")
    assert (tmp_path / "report" / "report.md").read_text().count(warning) == 2


SHARES = [
    pytest.param({"a": 9}, {"a": 5}, False, id="fewer_votes_of_the_same_model"),
    pytest.param({"a": 9}, {"b": 9}, True, id="another_model"),
    pytest.param({"a": 99, "b": 1}, {"a": 1, "b": 99}, True, id="the_same_two_the_other_way_round"),
    pytest.param({"a": 99, "b": 1}, {"a": 100}, False, id="a_stray_vote_in_a_hundred"),
    pytest.param({"a": 97, "b": 3}, {"a": 100}, True, id="three_in_a_hundred"),
    pytest.param({"a": 5, "b": 5}, {"a": 50, "b": 50}, False, id="a_jury_of_two"),
    pytest.param({}, {"a": 5}, False, id="an_endpoint_that_does_not_tell"),
]


@pytest.mark.parametrize(("first", "second", "moved"), SHARES)
def test_a_judge_has_moved_if_more_than_two_per_cent_of_the_votes_have(first, second, moved):
    assert moved_between({"answered": first}, {"answered": second}) is moved
    assert moved_between({"answered": second}, {"answered": first}) is moved
    assert moved_between({"model": "m"}, {"answered": second}) is False


def test_each_judge_of_a_jury_is_looked_at_by_itself():
    jury = [{"model": "x", "answered": {"x-1": 2}}, {"model": "y", "answered": {"y-1": 1, "y-2": 1}}]
    assert moved_within(jury) == [
        "the judge y was more than one model: y-1 (1 vote), y-2 (1 vote); name a dated model, and judge again"
    ]


def test_an_arm_that_left_nothing_to_judge_was_judged_by_nobody(make_run, fake, judge):
    silent, spoke = make_run("a", lambda row: ""), make_run("b", lambda row: f"about {row.video_id}")
    judge(silent, fake(by("x"), "here/x"))
    judge(spoke, fake(by("x"), "there/x"))
    found = compare([load_arm(silent), load_arm(spoke)]).result
    assert (found["invalid"], found["metrics"]["judge_mean"]["before"]) == ([], 1)
