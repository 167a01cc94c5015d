"""`demitasse power`, as a person would use it."""

import json

import pytest

from demitasse.cli import main


def _right(row):
    return row.reference


def _some_wrong(row):
    return {"mcq": "A", "bcq": "Yes"}.get(row.task, row.reference)


@pytest.fixture
def runs(make_run):
    return [str(make_run(name, reply)) for name, reply in (("before", _some_wrong), ("after", _right))]


def test_numbers_alone_give_millers_figure(capsys):
    words = ["--sd", "0.3333333333", "--answer-sd", "0.40824829", "--repeats", "10", "--difference", "0.03"]
    assert main(["power", *words]) == 0
    told = capsys.readouterr().out
    assert "80% of the time with 1,260 videos (1,260 items)" in told
    assert "90% of the time" in told


def test_questions_about_one_video_are_no_more_videos(tmp_path, capsys):
    out = tmp_path / "power.json"
    words = ["--sd", "1", "--per-video", "10", "--icc", "0.3", "--difference", "0.2", "--json", str(out)]
    assert main(["power", *words]) == 0
    assert "a design effect of 3.70" in capsys.readouterr().out
    assert json.loads(out.read_text())["videos"] == {"0.8": 73, "0.9": 98}


def test_two_runs_tell_what_they_can_see_and_what_is_needed(runs, tmp_path, capsys):
    out = tmp_path / "power.json"
    assert main(["power", *runs, "--difference", "0.1", "--task", "mcq", "--json", str(out)]) == 3
    row = json.loads(out.read_text())["rows"][0]
    # Three of four videos gain a whole point: a standard error of a quarter.
    assert (row["task"], row["items"], row["videos"]) == ("mcq", 4, 4)
    assert row["sees"]["0.8"] == pytest.approx(2.80 * 0.25, abs=0.001)
    assert row["needs_videos"]["0.8"] == 197
    assert "70.0" in capsys.readouterr().out, "points, as everywhere for accuracy"


def test_runs_may_be_named_as_in_compare(runs, capsys):
    assert main(["power", f"base={runs[0]}", f"tuned={runs[1]}"]) == 3
    assert capsys.readouterr().out.startswith("tuned against base, item by item:")
    assert main(["power", f"={runs[0]}", runs[1]]) == 2
    assert "write NAME=DIR" in capsys.readouterr().err


def test_every_task_has_a_row_and_one_that_did_not_change_says_so(runs, capsys):
    main(["power", *runs])
    told = capsys.readouterr().out
    assert all(task in told for task in ("mcq", "bcq", "temporal_localization"))
    assert "no score that changed" in told
    assert "needs" not in told, "nothing was wished for"


def test_items_that_are_not_scored_in_both_are_counted(runs, capsys):
    assert main(["power", *runs]) == 3
    assert "4 items are in one run only or not scored in both" in capsys.readouterr().out, "free text was not judged"


def test_runs_that_share_everything_end_well(make_run, items, capsys):
    closed = [row for row in items if row.task in ("mcq", "bcq")]
    runs = [str(make_run(name, reply, closed)) for name, reply in (("one", _some_wrong), ("two", _right))]
    assert main(["power", *runs]) == 0
    assert "had no part" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        pytest.param([], "two run folders, or --sd and --difference", id="nothing_given"),
        pytest.param(["--sd", "1"], "--difference", id="no_wish"),
        pytest.param(["one"], "1 were given", id="one_run"),
        pytest.param(["one", "two", "three"], "3 were given", id="three_runs"),
        pytest.param(["one", "two"], "is not a folder", id="no_such_run"),
        pytest.param(["one", "two", "--sd", "1"], "--sd", id="runs_and_numbers"),
        pytest.param(["--sd", "1", "--difference", "0"], "which is not 0", id="a_wish_of_nothing"),
        pytest.param(["one", "two", "--difference", "nan"], "--difference is nan", id="a_wish_that_is_no_number"),
        pytest.param(["--sd", "1", "--difference", "1", "--icc", "2"], "no study", id="impossible_numbers"),
        pytest.param(["--sd", "1", "--difference", "1", "--task", "mcq"], "--task is for run", id="task_of_no_run"),
    ],
)
def test_what_makes_no_study_is_one_sentence_and_exit_two(words, why, capsys):
    assert main(["power", *words]) == 2
    told = capsys.readouterr().err
    assert why in told
    assert len(told.splitlines()) == 1


def test_an_unknown_task_names_those_there_are(runs, capsys):
    assert main(["power", *runs, "--task", "mqc"]) == 2
    assert "there are: bcq, mcq, temporal_localization" in capsys.readouterr().err


def test_runs_without_a_common_item_are_refused(make_run, items, capsys):
    runs = [str(make_run(name, _right, [items[place]])) for place, name in enumerate(("one", "two"))]
    assert main(["power", *runs]) == 2
    assert "no scored item in common" in capsys.readouterr().err


def test_a_difference_that_no_two_scores_can_have_is_refused_in_points_as_well(runs, capsys):
    assert main(["power", *runs, "--difference", "5", "--task", "mcq"]) == 2
    shown = capsys.readouterr()
    assert "no two scores of these tasks are more than 1 apart; 5 points are 0.05" in shown.err and not shown.out
    assert main(["power", *runs, "--difference", "-1", "--task", "mcq"]) == 3
