"""Labels are searchable: an item of several keys is found by what it says of one, and by nothing that it was asked."""

import json

import pytest

from demitasse.cli import main

KEYS = """
weather: {kind: closed, classes: [Clear skies, Dense fog]}
signs: {kind: prose}
"""


@pytest.fixture
def page(tmp_path):
    """A page of two labelled drives."""
    drives = tmp_path / "drives"
    drives.mkdir()
    for name, weather, signs in (("a", "Clear skies", "A stop sign."), ("b", "Dense fog", "A keep\u2011right sign.")):
        (drives / f"{name}.mp4").write_bytes(name.encode())
        (drives / f"{name}.label.json").write_text(json.dumps({"weather": weather, "signs": signs}))
    (tmp_path / "keys.yaml").write_text(KEYS)
    words = ["--from", "labels", "--keys", str(tmp_path / "keys.yaml"), "--to", "tao"]
    assert main(["data", "convert", str(drives), str(tmp_path / "set"), *words]) == 0
    assert main(["view", str(tmp_path / "set"), "--static", str(tmp_path / "page.html")]) == 0
    return tmp_path / "page.html"


@pytest.mark.parametrize(
    ("words", "videos"),
    [
        pytest.param("dense fog", ["b.mp4"], id="a_class_that_both_were_asked_about"),
        pytest.param("weather: Clear", ["a.mp4"], id="a_key_with_its_value"),
        pytest.param("keep-right", ["b.mp4"], id="prose_with_a_plain_hyphen"),
        pytest.param("sign.", ["a.mp4", "b.mp4"], id="what_both_say"),
        pytest.param("snow", [], id="what_none_says"),
    ],
)
def test_a_drive_is_found_by_its_label(page, browser, words, videos):
    browser.go(page.as_uri(), "typeof state !== 'undefined' && state.rows.length === 4")
    browser.js(f"byId('search').value = {json.dumps(words)}; filter(); 0")
    found = browser.js("state.rows.filter((row) => row.item).map((row) => state.data.media[row.medium].name)")
    assert found == videos


def test_a_drives_line_is_its_label_and_not_the_question_of_all(page, browser):
    browser.go(page.as_uri(), "typeof state !== 'undefined' && state.rows.length === 4")
    assert browser.js("titleOf(state.data.items[0])") == "weather: Clear skies, signs: A stop sign."
