"""`demitasse compare`: exit codes, the table for spreadsheets, and figures of many runs."""

import csv
import gc
import json

import pytest

from demitasse.cli import main
from evaluate.report.tasks_csv import tasks_csv


def right(row):
    return row.reference


def wrong(row):
    letter = row.reference[0]
    other = {"mcq": "B" if letter != "B" else "A", "bcq": "No" if row.reference == "Yes" else "Yes"}
    return other.get(row.task, '{"start": "10:00", "end": "10:01"}')


def half(row):
    return right(row) if row.video_id in ("clips/0.mp4", "clips/1.mp4") else wrong(row)


@pytest.mark.parametrize(
    ("before", "after", "words", "code"),
    [
        pytest.param(wrong, right, [], 0, id="improved"),
        pytest.param(right, right, [], 0, id="nothing_changed"),
        pytest.param(right, wrong, [], 1, id="worse"),
        pytest.param(right, wrong, ["--report-only"], 0, id="worse_where_only_the_report_is_wanted"),
        pytest.param(right, lambda row: None if row.task == "mcq" else right(row), ["--report-only"], 3, id="missing"),
    ],
)
def test_the_exit_code_says_how_it_turned_out(make_run, eight, tmp_path, before, after, words, code):
    runs = [str(make_run("before", before, eight)), str(make_run("after", after, eight))]
    assert main(["compare", *runs, "--out", str(tmp_path / "report"), *words]) == code


def test_a_comparison_of_which_nothing_can_be_concluded_exits_with_two_and_still_tells(make_run, tmp_path, capsys):
    runs = [make_run("before", wrong), make_run("after", right)]
    (runs[1] / "judge.json").write_text(json.dumps({"model": "m", "validity": {"self_judged": True}}))
    assert main(["compare", *map(str, runs), "--out", str(tmp_path / "report")]) == 2
    assert "invalid: after: the judge is the student itself" in capsys.readouterr().out
    page = (tmp_path / "report" / "index.html").read_text()
    assert "Nothing can be concluded" in page
    assert '<body class="invalid">' in page, "which takes the colours of what was found away"
    (runs[1] / "judge.json").unlink()
    assert main(["compare", *map(str, runs), "--out", str(tmp_path / "valid")]) == 0
    assert "<body>" in (tmp_path / "valid" / "index.html").read_text()


def test_a_report_that_cannot_be_written_is_a_sentence_and_no_verdict(make_run, tmp_path, capsys):
    runs = [str(make_run("before", right)), str(make_run("after", wrong))]
    (tmp_path / "taken").write_text("a file")
    assert main(["compare", *runs, "--out", str(tmp_path / "taken")]) == 2
    assert "taken/report.json cannot be written (File exists)" in capsys.readouterr().err
    assert (tmp_path / "taken").read_text() == "a file"


def test_a_run_without_an_item_is_refused(make_run, tmp_path, capsys):
    empty = str(make_run("empty", right, []))
    assert main(["score", empty]) == 2
    assert main(["compare", empty, str(make_run("other", right, [])), "--out", str(tmp_path / "report")]) == 2
    assert capsys.readouterr().err.count("holds no item") == 2


def test_the_table_is_one_row_a_task_of_plain_numbers(make_run, eight, tmp_path):
    runs = [str(make_run("before", wrong, eight)), str(make_run("after", right, eight))]
    main(["compare", *runs, "--out", str(tmp_path / "report")])
    rows = {row["task"]: row for row in csv.DictReader((tmp_path / "report/tasks.csv").open())}
    assert set(rows) == {"mcq", "bcq", "temporal_localization", "open_qa"}
    assert (float(rows["mcq"]["delta"]), float(rows["mcq"]["p"]), rows["mcq"]["verdict"]) == (1.0, 2 / 2**8, "improved")
    assert float(rows["mcq"]["p_holm"]) == 6 / 2**8, "of three tasks that were tested"
    assert rows["open_qa"]["delta"] == ""


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)"])
def test_a_name_that_a_spreadsheet_would_run_stays_text(name):
    entry = {"metric": "mcq", "n": 0, "videos": 1, "delta": None, "delta_ci95": None, "verdict": "x", "habit": None}
    entry |= dict.fromkeys(("before", "before_ci95", "after", "after_ci95"))
    result = {"before": "a", "after": "b", "tasks": {name: entry}}
    (_, row) = csv.reader(tasks_csv(result).splitlines())
    assert row[0] == f"'{name}"


def test_many_runs_are_shown_in_their_order_with_a_curve(make_run, tmp_path):
    runs = [f"{name}={make_run(name, reply)}" for name, reply in (("0", wrong), ("100", half), ("200", right))]
    assert main(["compare", *runs, "--out", str(tmp_path / "report")]) == 0
    page = (tmp_path / "report/index.html").read_text()
    assert 'aria-label="Mean of every run with its 95 % interval"' in page
    result = json.loads((tmp_path / "report/report.json").read_text())
    assert result["metrics"]["mcq_accuracy"]["from_before"]["200"]["delta"] == 1.0


def test_the_browser_of_items_can_tell_tasks_and_outcomes_apart(make_run, tmp_path):
    runs = [str(make_run("before", half)), str(make_run("after", lambda row: "" if row.task == "bcq" else right(row)))]
    main(["compare", *runs, "--out", str(tmp_path / "report")])
    page = (tmp_path / "report/index.html").read_text()
    assert page.count('data-task="mcq" data-outcome="gained"') == 2
    assert page.count('data-task="mcq" data-outcome="same"') == 2
    assert page.count('data-task="bcq" data-outcome="fault lost"') == 2
    assert page.count('data-task="open_qa"') == 4


def test_a_judge_that_fails_a_control_is_warned_of(make_run, tmp_path):
    runs = [make_run("before", wrong), make_run("after", right)]
    failed = {"n": 50, "mean": 3.2, "ci95": [2.9, 3.5], "limit": 1.5, "holds": False}
    controls = {"shuffled_reference": {"items": 50, "unscored": 0, "judges": {"m": {"score": failed}}}}
    for run in runs:
        (run / "judge.json").write_text(json.dumps({"model": "m", "controls": controls}))
    main(["compare", *map(str, runs), "--out", str(tmp_path / "report")])
    page = (tmp_path / "report/index.html").read_text()
    assert "before: the judge m fails a control" in page
    assert "mean 3.20 [2.90, 3.50], n = 50" in page


def test_exact_figures_stand_beside_the_means(make_run, tmp_path):
    runs = [str(make_run("before", half)), str(make_run("after", right))]
    main(["compare", *runs, "--out", str(tmp_path / "report")])
    page = (tmp_path / "report/index.html").read_text()
    for figure in ("balanced accuracy", "R@0.5", "start off by, seconds"):
        assert f"<td>{figure}</td>" in page
    lines = (tmp_path / "report/report.md").read_text().splitlines()
    assert any(line.startswith("| bcq | balanced accuracy | 50.0%") for line in lines)
    figures = json.loads((tmp_path / "report/report.json").read_text())["tasks"]["bcq"]["closed_form"]
    assert figures["after"]["balanced_accuracy"]["value"] == 1.0


def test_comparing_leaves_the_garbage_collector_as_it_was(make_run, tmp_path):
    """A recipe's next stage runs in the same process."""
    runs = [str(make_run("before", wrong)), str(make_run("after", right))]
    assert gc.isenabled()
    main(["compare", *runs, "--out", str(tmp_path / "report")])
    assert gc.isenabled()
    assert main(["compare", *runs, str(tmp_path / "absent"), "--out", str(tmp_path / "report")]) == 2
    assert gc.isenabled()


@pytest.mark.parametrize(
    ("header", "said"),
    [
        pytest.param({"answered": ["m-1"]}, "'answered' must be an object", id="a_list_of_models"),
        pytest.param({"answered": {"m-1": "three"}}, "'answered' must be an object", id="votes_that_are_no_number"),
        pytest.param({"votes": [1]}, "'votes' must be an object", id="a_list_of_votes"),
        pytest.param({"validity": "fine"}, "'validity' must be an object", id="a_word_for_the_validity"),
        pytest.param({"requests": "many"}, "'requests' must be a whole number", id="no_number"),
        pytest.param({"latency": 3}, "'latency' must be an object or null", id="one_latency"),
    ],
)
def test_a_judges_header_that_the_report_cannot_read_is_refused_by_name(make_run, tmp_path, capsys, header, said):
    runs = [make_run("before", wrong), make_run("after", right)]
    for run in runs:
        (run / "judge.json").write_text(json.dumps({"model": "m"} | header))
    assert main(["compare", *map(str, runs), "--out", str(tmp_path / "report")]) == 2
    assert f"judge.json: {said}" in capsys.readouterr().err


@pytest.mark.parametrize("settings", [[1], "greedy", {"frames": ["blank"]}, None])
def test_a_header_of_another_tool_may_call_anything_its_settings(make_run, tmp_path, settings):
    runs = [make_run("before", wrong), make_run("after", right)]
    for run in runs:
        (run / "run.json").write_text(json.dumps({"settings": settings}))
    assert main(["compare", *map(str, runs), "--out", str(tmp_path / "report")]) == 0


@pytest.mark.parametrize("command", [["compare"], ["calibrate", "sample"]])
def test_media_that_are_no_folder_are_refused_before_a_page_links_to_them(command, make_run, tmp_path, capsys):
    runs = [str(make_run("before", wrong)), str(make_run("after", right))]
    words = [*runs, "--out", str(tmp_path / "page"), "--media", str(tmp_path / "nowhere")]
    assert main([*command, *words]) == 2
    assert "nowhere is no folder" in capsys.readouterr().err
    assert not (tmp_path / "page").exists()
