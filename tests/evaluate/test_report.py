"""The page: one file, nothing fetched, everything a model wrote escaped."""

import csv
import json
import re
from dataclasses import replace

import pytest

from demitasse.cli import main
from evaluate.comparing import wording
from evaluate.comparing.arm import load_arm
from evaluate.comparing.boxes import CURVE
from evaluate.comparing.compare import compare
from evaluate.records import Scored, State
from evaluate.report import figures
from evaluate.report.items import SHOWN, SHOWN_OF_TASK, _worth, link_to
from evaluate.report.markdown import _table as markdown_table
from evaluate.report.page import write_report
from evaluate.report.reliability import checks
from evaluate.report.spread import over_runs
from evaluate.report.tasks_csv import tasks_csv

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)> {{ 7*7 }} {% raw %} ]]>\"'&<!--"


def wrong(row):
    answers = {"mcq": "B" if row.reference[0] != "B" else "A", "bcq": "No" if row.reference == "Yes" else "Yes"}
    return answers.get(row.task, '{"start": "10:00", "end": "10:01"}')


@pytest.fixture
def report(make_run, tmp_path):
    """Write a report of two runs and return its folder."""

    def make(before=wrong, after=lambda row: row.reference, rows=None, **more):
        arms = [load_arm(make_run(name, reply, rows=rows)) for name, reply in (("before", before), ("after", after))]
        return write_report(compare(arms), tmp_path / "report", **more).parent

    return make


def test_where_every_item_changed_by_the_same_the_page_says_so_and_not_that_there_is_one_video(report):
    page = (report() / "index.html").read_text()
    assert "p 0.125; every item changed by the same, or none did" in page
    assert "one video: no interval" not in page


def test_the_page_fetches_nothing(report):
    page = (report() / "index.html").read_text()
    assert not re.findall(r"<(?:script\s|link|iframe|object|img)\b", page)
    assert not re.findall(r"(?:src|href)=[\"'](?:https?:)?//", page)
    assert "@import" not in page
    assert "url(http" not in page


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_of_an_earlier_report_that_a_refusal_leaves_it_is_said_that_it_is_one(report, tmp_path, capsys):
    command = ["compare", str(tmp_path / "before"), str(tmp_path / "nowhere"), "--out", str(tmp_path / "report")]
    assert main(command) == 2
    assert "earlier comparison" not in capsys.readouterr().err
    folder = report()
    first = contents(folder)
    assert main(command) == 2
    told = capsys.readouterr().err
    assert "nowhere is not a folder" in told and told.count("\n") == 1
    assert f"{folder / 'index.html'} is still that of an earlier comparison" in told
    assert contents(folder) == first


def test_a_report_that_is_interrupted_leaves_an_earlier_one_whole(report, monkeypatch):
    folder = report()
    first = contents(folder)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(figures, "forest", interrupted)
    with pytest.raises(KeyboardInterrupt):
        report(before=lambda row: row.reference)
    assert contents(folder) == first


def test_the_same_scores_make_the_same_files(report):
    folder = report()
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(first) == {"index.html", "report.md", "report.json", "tasks.csv"}
    report()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first


def test_the_verdict_comes_before_everything_else(report, eight):
    folder = report(rows=eight)
    sentence = "Better at multiple choice, yes or no and time spans."
    assert f"<h1>{sentence}</h1>" in (folder / "index.html").read_text()
    assert (folder / "report.md").read_text().startswith(f"# {sentence}")
    assert json.loads((folder / "report.json").read_text())["verdict"] == {"state": "improved", "sentence": sentence}


def test_model_text_names_and_notes_are_escaped(report, items):
    rows = [
        row.__class__(row.item_id, row.task, f"clips/{HOSTILE}.mp4", row.question + HOSTILE, row.reference)
        if row.task == "open_qa" else row
        for row in items
    ]  # fmt: skip
    folder = report(after=lambda row: HOSTILE, rows=rows, notes=[HOSTILE], command=HOSTILE)
    page = (folder / "index.html").read_text()
    assert page.count("<script") == 1, "the page's own"
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "{{ 7*7 }}" in page, "shown, and not computed"
    text, _, command = (folder / "report.md").read_text().partition("## Made by\n\n")
    assert "<script" not in text
    assert command.startswith("    "), "a block of code, in which nothing is markup"


def test_a_hostile_task_name_cannot_leave_a_figure():
    entry = {"range": [0, 1], "delta": 0.5, "delta_ci95": [0.1, 0.9], "verdict": "improved"}
    svg = figures.forest({'a"><script>$x^2$</script>|b': entry})
    assert "<script" not in svg
    assert "&lt;script&gt;$x^2$" in svg


def test_gains_losses_and_faults_are_shown_with_their_counts(report):
    def reply(row):
        place = int(row.video_id[6])
        if row.task == "bcq":
            return "hm"
        return row.reference if row.task != "mcq" or place else wrong(row)

    page = (
        report(before=lambda row: row.reference if row.task == "mcq" else wrong(row), after=reply) / "index.html"
    ).read_text()
    assert re.search(r"Biggest gains <span class=\"faint\">\(3 shown of 4\)", page), (
        "four spans, at most three of a task"
    )
    assert re.search(r"Biggest losses <span class=\"faint\">\(1 shown of 1\)", page), "one multiple choice"
    assert "(6 shown of 8)" in page, "four unparsable answers and four that nobody judged"
    assert page.count('<span class="tag">unparsable</span>') == 4, "three among the faults, and one with the others"


def test_one_task_does_not_fill_a_group(report, items):
    page = (report() / "index.html").read_text()
    gains = page[page.index("Biggest gains") : page.index("The others")]
    assert gains.count('<article class="item"') <= SHOWN
    assert gains.count("<span>mcq</span>") <= SHOWN_OF_TASK


def test_videos_are_linked_relative_to_the_page_and_only_below_the_media_folder(report, tmp_path, items):
    media = tmp_path / "media #1"
    (media / "clips").mkdir(parents=True)
    (media / "clips" / "0.mp4").write_bytes(b"x")
    (tmp_path / "secret.mp4").write_bytes(b"x")
    rows = [row for row in items if row.task == "mcq"]
    rows[1] = rows[1].__class__(rows[1].item_id, "mcq", "../secret.mp4", rows[1].question, rows[1].reference)
    page = (report(rows=rows, media=media) / "index.html").read_text()
    assert 'href="../media%20%231/clips/0.mp4"' in page
    assert re.findall(r'href="[^"]*secret', page) == []
    assert re.findall(r'href="[^"]*clips/2.mp4', page) == [], "a file that is not there is not linked"


def test_a_scripted_judge_is_named_as_such(make_run, tmp_path):
    folders = [make_run(name, wrong) for name in ("before", "after")]
    for folder in folders:
        (folder / "judge.json").write_text(json.dumps({"model": "scripted", "rubric_sha256": "r"}))
    folder = write_report(compare([load_arm(one) for one in folders]), tmp_path / "report").parent
    for name in ("index.html", "report.md"):
        assert "scripted stand-in, not a language model" in (folder / name).read_text()


def test_missing_predictions_are_said_above_the_tables(report, items):
    lost = items[0].item_id
    page = (report(after=lambda row: None if row.item_id == lost else row.reference) / "index.html").read_text()
    assert "after: 1 of 16 items have no prediction, counted as wrong" in page[: page.index("<main>")]


def test_a_comparison_of_one_video_still_makes_a_page(report, items):
    page = (report(rows=items[:4]) / "index.html").read_text()
    assert "One video is too few to tell for" in page
    assert "no interval" in page


def test_the_settings_and_the_command_are_in_the_footer(report):
    page = (report(command="demitasse compare b") / "index.html").read_text()
    footer = page[page.index("<footer>") :]
    assert "demitasse compare b" in footer
    assert "&#34;student&#34;: &#34;after&#34;" in footer


@pytest.mark.parametrize(
    ("value", "metric", "shown"),
    [
        pytest.param(0.9149, "mcq", "91.5%", id="hits_in_per_cent"),
        pytest.param(0.456, "temporal", "0.46", id="iou_with_two_decimals"),
        pytest.param(4.666, "judge", "4.67", id="judge_with_two_decimals"),
        pytest.param(None, "judge", "\u2013", id="nothing_as_a_dash"),
    ],
)
def test_means_are_written_in_their_metrics_unit(value, metric, shown):
    assert wording.number(value, metric) == shown


def test_an_interval_has_the_unit_of_its_difference():
    assert wording.difference(-0.041, "mcq") == "\u22124.1"
    assert wording.interval([-0.09, 0.01], "mcq") == "[\u22129.0, +1.0]"
    assert wording.interval(None, "mcq") == "[no interval]"


def test_a_p_value_is_never_written_as_zero():
    assert (wording.p_value(0.0), wording.p_value(0.0312)) == ("< 0.001", "0.031")


def test_nothing_judged_makes_no_figure():
    assert figures.distribution({"a": dict.fromkeys(("1", "2", "3", "4", "5"), 0) | {"unscored": 4}}) is None
    assert figures.forest({"open_qa": {"n": 0}}) is None
    assert figures.letters(None) is None


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        pytest.param(None, "mean 5.00, n = 24", id="without_an_interval"),
        pytest.param([4.5, 5.0], "mean 5.00 [4.50, 5.00], n = 24", id="with_one"),
    ],
)
def test_a_figure_of_a_control_has_no_space_before_its_comma(bounds, said):
    control = {"judges": {"m": {"score": {"mean": 5.0, "ci95": bounds, "n": 24, "holds": True}}}}
    judge = {"controls": {"gold_as_answer": control}}
    assert [row[-1] for row in checks({"arms": {"after": {"judge": judge}}})] == [said]


ACTING = "\x1b[31mred\x1b]8;;http://127.0.0.1/\x1b\\x\x07\x00\u202e\r"


def test_what_would_act_on_a_terminal_or_turn_our_words_is_spelt_out(report, items):
    rows = [replace(row, task=f"{ACTING}{row.task}" if row.task == "open_qa" else row.task) for row in items]
    folder = report(rows=rows, after=lambda row: f"{ACTING}{row.reference}")
    for name in ("index.html", "report.md", "tasks.csv"):
        text = (folder / name).read_bytes().decode()
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202d\u202e]", text), name
        assert r"\x1b" in text


@pytest.mark.parametrize("start", ["=1", "@SUM(1)", "x\r=1", "\n=1", "\t+1", " -1", "\uff1d1"])
def test_a_task_name_begins_no_formula_and_no_row(start):
    entry = {"metric": "judge", "n": 1, "videos": 1, "delta": 0, "delta_ci95": None, "habit": None, "verdict": "x"}
    entry |= {"before": 1.0, "before_ci95": None, "after": 1.0, "after_ci95": None}
    text = tasks_csv({"tasks": {start: entry}, "before": "a", "after": "b"})
    assert len(re.split("[\r\n]+", text.strip())) == 2
    assert list(csv.reader(text.splitlines()))[1][0][0] in "'x"


def test_a_name_in_the_markdown_is_no_link_no_picture_and_one_cell():
    from markdown_it import MarkdownIt

    named = "[l](javascript:x) ![p](http://127.0.0.1/p.png) a|b\\|c <b> \\"
    html = MarkdownIt("gfm-like", {"linkify": False}).render(markdown_table(["task", "n"], [[named, "7"]]))
    assert not re.search("<a |<img|<b>", html)
    assert re.findall("<td>(.*?)</td>", html)[1:] == ["7"]
    assert "a|b\\|c &lt;b&gt; \\</td>" in html


def test_a_command_in_the_markdown_can_be_copied_as_it_is(report):
    command = r"demitasse compare 'a\b' '<c>'"
    assert f"    {command}\n" in (report(command=command) / "report.md").read_text()


@pytest.mark.parametrize("name", ["nul\0byte.mp4", "n" * 5000, "\ud800.mp4"], ids=["nul", "too_long", "surrogate"])
def test_a_name_that_no_file_can_have_is_not_linked(tmp_path, name):
    assert link_to(name, tmp_path / "report", tmp_path) is None


def test_long_texts_of_any_kind_are_cut_so_that_the_page_opens(report, items):
    long = "word " * 50_000
    rows = [replace(row, question=long, reference=long) if row.task == "open_qa" else row for row in items]
    folder = report(rows=rows, after=lambda row: long)
    assert (folder / "index.html").stat().st_size < 500_000
    assert "(250,000 characters)" in (folder / "index.html").read_text()


def test_a_header_with_half_a_character_makes_a_page(make_run, tmp_path):
    folders = [make_run(name, wrong) for name in ("before", "after")]
    (folders[0] / "run.json").write_text(r'{"student": "\ud800"}')
    folder = write_report(compare([load_arm(one) for one in folders]), tmp_path / "report").parent
    assert '"student": "?"' in (folder / "report.json").read_text()


def test_a_score_between_two_is_shown_as_it_is(items):
    row = Scored(items[3], "judge", State.SCORED, 3.5)
    assert _worth(row) == "3.5 of 5"
    assert _worth(replace(row, score=4.0)) == "4 of 5"


def test_the_filter_knows_a_task_by_its_very_name(report, items):
    rows = [replace(row, task="two  words") if row.task == "open_qa" else row for row in items]
    assert '<option value="two  words">' in (report(rows=rows) / "index.html").read_text()


@pytest.mark.filterwarnings("error")
def test_long_and_foreign_names_leave_a_figure_its_room_and_the_terminal_quiet():
    counts = {"A": 3, "B": 2}
    names = [f"\u89c6\u9891 a checkpoint with a rather long name, step {step}" for step in range(6)]
    assert "step 5" in figures.letters({"reference": counts, "arms": dict.fromkeys(names, counts)})
    assert figures.label(names[3]).endswith("step 3"), "where names of one family differ"
    assert len(figures.label("n" * 500)) == figures.LONGEST


def test_an_arm_whose_name_begins_with_an_underscore_stands_in_the_legends():
    """matplotlib takes such a label for one that is to be left out, and a legend of none cannot be laid out."""
    assert "_base" in figures.letters({"reference": {"A": 1}, "arms": {"_base": {"A": 1}}})
    assert "_base" in figures.recall({"_base": [1.0] * len(CURVE), "_sft": [0.5] * len(CURVE)})


def test_of_many_runs_a_figure_shows_what_can_be_told_apart_and_says_so(make_run, tmp_path):
    runs = [load_arm(make_run(f"step {place}", lambda row: row.reference), f"step {place}") for place in range(45)]
    comparison = compare(runs)
    page = write_report(comparison, tmp_path / "report").read_text()
    assert f"The first {figures.MOST_ARMS} arms are drawn" in page
    drawn = figures.letters(comparison.result["letters"])
    assert [f"step {place}" in drawn for place in (0, 5, 6, 44)] == [True, True, False, False]
    curve = over_runs(comparison.result)
    assert [f">step {place}<" in curve for place in (0, 1, 4, 42, 44)] == [True, False, True, False, True]


def test_a_verdict_that_many_tasks_make_likely_by_chance_says_so(report, eight):
    page = (report(rows=eight) / "index.html").read_text()
    assert "not by Holm" not in page
    entry = {"verdict": "improved", "p_holm": 0.3}
    assert wording.alone(entry)
    assert not wording.alone(entry | {"p_holm": 0.049})
    assert not wording.alone(entry | {"verdict": "inconclusive"})


def test_many_inconclusive_tasks_are_one_sentence_and_few_are_one_each():
    def told(many):
        entry = {"metric": "judge", "verdict": "inconclusive", "mde80": 0.5}
        tasks = {f"t{place}": entry | {"mde80": 0.5 + place / 10} for place in range(many)}
        return wording.readings({"tasks": tasks, "metrics": {}, "arms": {"b": {"run": {}}}, "after": "b"})

    assert len(told(wording.MOST_SENTENCES)) == wording.MOST_SENTENCES
    [one] = told(wording.MOST_SENTENCES + 1)
    assert one.startswith("t0, t1, t2, t3, t4, t5 and t6, inconclusive")
    assert "one of 0.50 to 1.10, by task, or more" in one
