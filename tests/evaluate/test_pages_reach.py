"""The report and the page to label in, for everyone: by keys alone, and on paper."""

import json
import re
import shutil
import subprocess

import pytest

from evaluate.calibrating.page import FOLDER as LABELLING
from evaluate.calibrating.page import write_page
from evaluate.calibrating.sample import Card
from evaluate.comparing.arm import load_arm
from evaluate.comparing.compare import compare
from evaluate.report.page import FOLDER, write_report

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
needs_a_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
STYLES = {"report": FOLDER / "style.css", "label": LABELLING / "label.html"}


@pytest.fixture
def shown(tmp_path):
    """The page as it stands in a browser of that width, after its scripts and `more` of them have run."""

    def show(page, width, more=""):
        copy = page.with_name("shown.html")
        copy.write_text(page.read_text(encoding="utf-8").replace("</body>", f"<script>{more}</script></body>"))
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
        flags += [f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},900", "--virtual-time-budget=2000"]
        command = [CHROMIUM, *flags, "--dump-dom", copy.as_uri()]
        return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout

    return show


@needs_a_browser
@pytest.mark.parametrize(("width", "reached"), [(500, True), (1400, False)], ids=["narrow", "wide"])
def test_what_is_wider_than_its_place_is_reached_by_the_tab_key_and_nothing_else_is(
    make_run, tmp_path, shown, width, reached
):
    arms = [load_arm(make_run(name, lambda row: row.reference)) for name in ("before", "after")]
    page = shown(write_report(compare(arms), tmp_path / "report"), width)
    table = re.search(r'<h2>Task by task</h2>\s*<div class="scroll"([^>]*)>', page)[1]
    assert ('tabindex="0"' in table, 'aria-label="Task by task"' in table) == (reached, reached)
    figures = re.findall(r"<figure([^>]*)>", page)
    assert figures and all(('tabindex="0"' in figure) == reached for figure in figures)


@pytest.fixture
def label_page(tmp_path):
    cards = [Card(f"c{place}", f"i{place}", "run", f"{place}.mp4", "q", "r", "a", 3.0, 1.0) for place in range(4)]
    return write_page(tmp_path, cards, "5 - the same")


@needs_a_browser
@pytest.mark.parametrize(
    ("keys", "told"),
    [
        pytest.param([("3", False, "body")], "2 of 4, 1 labelled", id="a_key_labels_and_goes_on"),
        pytest.param(
            [("3", False, "body"), ("3", True, "body"), ("3", True, "body")],
            "2 of 4, 1 labelled",
            id="one_that_is_held_labels_once",
        ),
        pytest.param([("ArrowRight", False, "body")], "2 of 4, 0 labelled", id="an_arrow_goes_on"),
        pytest.param([("ArrowRight", False, "video")], "1 of 4, 0 labelled", id="in_the_video_an_arrow_is_the_videos"),
    ],
)
def test_keys_label(label_page, shown, keys, told):
    press = (
        f"for (const [key, repeat, where] of {json.dumps(keys)}) document.querySelector(where)"
        ".dispatchEvent(new KeyboardEvent('keydown', { key, repeat, bubbles: true }));"
    )
    assert f">{told}</span>" in shown(label_page, 1000, press)


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_dark_colours_are_the_screens_and_never_the_papers(style):
    """Pale text on white paper cannot be read, and not every browser prints in light colours by itself."""
    asked = re.findall(r"@media ([^{]*prefers-color-scheme: dark\))", style.read_text(encoding="utf-8"))
    assert asked == ["screen and (prefers-color-scheme: dark)"]
