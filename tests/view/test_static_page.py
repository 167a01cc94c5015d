"""The page as one file, and its script, tried in a browser and in Node where there are any."""

import json
import re
import shutil
import subprocess
from urllib.parse import unquote

import pytest

from demitasse.cli import main
from demitasse.view.server import FOLDER, SCRIPTS

EVIL = "<script>window.title='pwned'</script><img src=x onerror=document.title='pwned'></textarea></script><!--\u2028"
NODE = shutil.which("node")


@pytest.fixture
def page(dataset, tmp_path):
    """A static page in a folder of another name, about a file of an odd name, with text that wants out."""
    value = json.loads((dataset / "open_qa.json").read_text())
    value["items"][0].update(video_id="x #1%41\n.mp4", question=EVIL, answer=EVIL, quality={EVIL: {"verdict": EVIL}})
    (dataset / "open_qa.json").write_text(json.dumps(value))
    (dataset / "videos" / "x #1%41\n.mp4").write_bytes(b"x")
    out = tmp_path / "pages" / "page.html"
    assert main(["view", str(dataset), "--static", str(out)]) == 0
    return out


def data(page):
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL)
    return json.loads(text)


def test_the_page_holds_everything_and_names_nothing_else(page):
    text = page.read_text()
    assert not re.search(r'(?:src|href)="(?!data:)|(?<!\.)url\(|https?://(?!www\.w3\.org/2000/svg)', text)
    assert len(data(page)["items"]) == 3 and len(data(page)["details"]) == len(data(page)["media"])


def test_media_are_found_by_relative_paths_whatever_their_name(page):
    urls = [medium["url"] for medium in data(page)["media"]]
    assert all((page.parent / unquote(url)).is_file() for url in urls)
    assert "../set/videos/x%20%231%2541%0A.mp4" in urls


def test_text_cannot_end_the_element_that_it_lies_in(page):
    assert EVIL in [item["question"] for item in data(page)["items"]]
    assert page.read_text().count("</script>") == 2 and "<img" not in page.read_text()


def test_nothing_runs_but_the_pages_own_script(page):
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page.read_text())[1]
    assert (
        policy.startswith("default-src 'none'; script-src 'sha256-") and "unsafe" not in policy and "http" not in policy
    )


def test_decisions_that_were_taken_are_in_it(dataset, tmp_path):
    from demitasse.view.folders import open_review
    from demitasse.view.store import EditStore

    review = open_review(dataset)
    row = review.overview()["items"][0]
    with EditStore(review, dataset, "vera") as store:
        store.take({"item": row["item"], "of": row["of"], "decision": "accept"})
    assert main(["view", str(dataset), "--static", str(tmp_path / "p.html")]) == 0
    assert [edit["decision"] for edit in data(tmp_path / "p.html")["edits"]] == ["accept"]


def test_a_browser_shows_the_page_and_runs_no_text(page, browser):
    browser.go(page.as_uri(), "document.querySelector('.option.right') !== null")
    shown = browser.js("document.documentElement.outerHTML")
    assert "<title>set – Demitasse</title>" in shown
    assert "of 3 items" in shown and 'class="option right"' in shown
    assert "&lt;script&gt;window.title" in shown and "x #1%41\\u000a.mp4" in shown


CALLS = """
const fs = require("fs");
const scripts = process.argv.slice(1).map((path) => fs.readFileSync(path, "utf8"));
const script = scripts.join("\\n").replace(/\\nstart\\(\\)[^]*$/, "");
const asked = JSON.parse(fs.readFileSync(0, "utf8"));
const told = new Function("document", "asked", script + `
  return asked.map(([name, ...args]) => ({
    parts: (text) => {
      const parts = questionParts(text);
      const texts = parts.options.map((option) => option.text);
      return [texts, joined(parts, parts.stem, texts)];
    },
    edited: (text, stem, texts) => joined(questionParts(text), stem, texts),
    answered: (answer, text, letter, texts) => answered(answer, questionParts(text), letter, texts),
    clock: (time) => clock(time), seconds: (text) => seconds(text), visible: (name) => visible(name),
    lanes: (spans) => lanes(spans),
  })[name](...args));
`)({ getElementById: () => null }, asked);
console.log(JSON.stringify(told));
"""
TAO = "Which tool falls?\nA. hammer\nB. wrench\nAnswer with a single letter."
DAFT = "Which tool falls?\n\nA) hammer\nB) wrench\n\nChoose the correct option by letter only."


@pytest.mark.skipif(NODE is None, reason="no Node on this machine")
@pytest.mark.parametrize(
    ("call", "expected"),
    [
        pytest.param(["parts", TAO], [["hammer", "wrench"], TAO], id="a_tao_question_is_taken_apart_and_joined"),
        pytest.param(["parts", DAFT], [["hammer", "wrench"], DAFT], id="so_is_a_daft_one"),
        pytest.param(["parts", "(A) x\n(B) y"], [["x", "y"], "(A) x\n(B) y"], id="even_without_a_stem"),
        pytest.param(["parts", "Why?\nBecause."], [[], "Why?\nBecause."], id="a_plain_question_has_no_options"),
        pytest.param(
            ["edited", DAFT, "Which?", ["saw", "axe"]],
            DAFT.replace(" tool falls", "").replace("hammer", "saw").replace("wrench", "axe"),
            id="an_edit_keeps_the_dialect",
        ),
        pytest.param(["answered", "B", TAO, "A", ["hammer", "wrench"]], "A", id="a_letter_is_replaced"),
        pytest.param(
            ["answered", "B) wrench. It slips.", DAFT, "A", ["saw", "wrench"]],
            "A) saw. It slips.",
            id="and_the_text_beside_it",
        ),
        pytest.param(
            ["answered", "B. It slips.", TAO, "B", ["hammer", "axe"]], "B. It slips.", id="an_explanation_stays"
        ),
        pytest.param(["clock", 3725.5], "01:02:05", id="hours_are_shown_when_there_are_any"),
        pytest.param(["clock", 65], "01:05", id="minutes_and_seconds_otherwise"),
        pytest.param(["seconds", "01:02:05.5"], 3725.5, id="times_are_read"),
        pytest.param(["visible", "a\u202eb\n"], "a\\u202eb\\u000a", id="invisible_marks_in_names_are_shown"),
        pytest.param(["lanes", [[0, 2], [1, 3], [2, 4]]], [0, 1, 0], id="overlapping_stretches_lie_apart"),
    ],
)
def test_the_pages_script_does_what_it_says(call, expected):
    found = subprocess.run(
        [NODE, "-e", CALLS, *(str(FOLDER / name) for name in SCRIPTS)],
        input=json.dumps([call]),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert json.loads(found.stdout or "null") == [expected], found.stderr


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_ends_no_element_of_the_page(name):
    assert "</" not in (FOLDER / name).read_text().replace("/<\\/think>/", "")


def test_every_script_of_the_folder_is_in_the_page_once_and_in_the_order_in_which_it_is_served(page):
    assert sorted(SCRIPTS) == sorted(path.name for path in FOLDER.glob("*.js")) and SCRIPTS[-1] == "start.js"
    first_lines = [(FOLDER / name).read_text().split("\n")[0] for name in SCRIPTS]
    places = [page.read_text().find(line) for line in first_lines]
    assert -1 not in places and places == sorted(places)
