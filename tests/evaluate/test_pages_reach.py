"""The report and the page to label in, for everyone: by keys alone, and on paper."""

import base64
import json
import re

import pytest

from evaluate.calibrating.page import FOLDER as LABELLING
from evaluate.calibrating.page import write_page
from evaluate.calibrating.sample import Card
from evaluate.comparing.arm import load_arm
from evaluate.comparing.compare import compare
from evaluate.report.page import FOLDER, write_report
from tests.chromium import SIZE

STYLES = {"report": FOLDER / "style.css", "label": LABELLING / "label.html"}


@pytest.fixture
def shown(browser):
    """The page as it stands in a browser of that width, after its scripts and `more` of them have run."""

    def show(page, width, more=""):
        browser.resize(width, 900)
        browser.go(page.as_uri())
        browser.js("localStorage.clear()")  # all files share it
        browser.go(page.as_uri())
        browser.js(f"{more}; 0")
        return browser.js("document.documentElement.outerHTML")

    yield show
    browser.go("about:blank")
    browser.resize(*SIZE)


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
def printed(browser):
    """How many sheets a page fills when it is printed, after `more` scripts than its own have run."""

    def pages(page, more=""):
        browser.go(page.as_uri())
        browser.js(f"{more}; 0")
        sheets = base64.b64decode(browser.call("Page.printToPDF")["data"])
        return len(re.findall(rb"/Type /Page\b", sheets))

    yield pages
    browser.go("about:blank")


def test_what_is_closed_on_the_screen_is_not_printed(make_run, tmp_path, eight, printed):
    """300 items and more are in the page; who prints it wants the figures, and the items that were opened."""
    arms = [load_arm(make_run(name, lambda row: row.reference, rows=eight)) for name in ("before", "after")]
    page = write_report(compare(arms), tmp_path / "report")
    every = "for (const one of document.querySelectorAll('details')) one.open ="
    closed, opened = printed(page, f"{every} false;"), printed(page, f"{every} true;")
    assert closed >= 2 and opened >= closed + 4


@pytest.fixture
def label_page(tmp_path):
    cards = [Card(f"c{place}", f"i{place}", "run", f"{place}.mp4", "q", "r", "a", 3.0, 1.0) for place in range(4)]
    return write_page(tmp_path, cards, "5 - the same")


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
