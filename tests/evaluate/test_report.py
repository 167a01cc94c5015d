"""The page: one file, nothing fetched, everything a model wrote escaped."""

import json
import re

import pytest

from evaluate.comparing import wording
from evaluate.comparing.arm import load_arm
from evaluate.comparing.compare import compare
from evaluate.report import figures
from evaluate.report.items import SHOWN, SHOWN_OF_TASK
from evaluate.report.page import write_report

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


def test_the_page_fetches_nothing(report):
    page = (report() / "index.html").read_text()
    assert not re.findall(r"<(?:script\s|link|iframe|object|img)\b", page)
    assert not re.findall(r"(?:src|href)=[\"'](?:https?:)?//", page)
    assert "@import" not in page
    assert "url(http" not in page


def test_the_same_scores_make_the_same_files(report):
    folder = report()
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(first) == {"index.html", "report.md", "report.json", "tasks.csv"}
    report()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first


def test_the_verdict_comes_before_everything_else(report):
    folder = report()
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
    assert "<script" not in (folder / "report.md").read_text()


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
