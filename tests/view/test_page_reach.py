"""The page for everyone: on a narrow screen and by keys alone."""

from itertools import pairwise

import pytest

from demitasse.cli import main
from tests.chromium import SIZE

PHONE = 390  # pixels


@pytest.fixture
def narrow(tmp_path, browser):
    """Open the page of a folder in a browser as wide as a telephone."""

    def opened(folder):
        path = tmp_path / "page.html"
        assert main(["view", str(folder), "--static", str(path)]) == 0
        browser.resize(PHONE, 900)
        browser.go(path.as_uri(), "typeof state !== 'undefined' && state.rows.length > 0")
        browser.wait("document.querySelectorAll('.ruler .ticks span').length > 1")
        return browser

    yield opened
    browser.go("about:blank")
    browser.resize(*SIZE)


def test_a_narrow_page_is_not_moved_sideways_and_its_buttons_stand_on_one_line(narrow, dataset):
    page = narrow(dataset)
    assert page.js("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    tops = page.js("[...byId('actions').children].map((one) => Math.round(one.getBoundingClientRect().top))")
    assert len(tops) > 1 and max(tops) - min(tops) < 10


def test_the_times_of_a_narrow_ruler_do_not_overlap(narrow, results):
    page = narrow(results)
    ends = page.js(
        "[...document.querySelectorAll('.ruler .ticks span')].map((one) => one.getBoundingClientRect())"
        ".map(({left, right}) => [left, right])"
    )
    assert all(before[1] < after[0] for before, after in pairwise(ends)), ends


def test_the_list_is_reached_by_the_tab_key_and_says_where_in_it_one_is(narrow, dataset):
    page = narrow(dataset)
    page.js("byId('list').focus()")
    page.key("j")
    told = page.js(
        "((row) => [row.role, row.ariaSelected, row.ariaSetSize, document.activeElement.id])"
        "(document.getElementById(document.activeElement.getAttribute('aria-activedescendant')))"
    )
    assert told == ["option", "true", str(page.js("state.rows.length")), "list"]


def test_a_key_that_is_held_decides_once(narrow, dataset):
    page = narrow(dataset)
    assert page.js("state.data.items.length") == 3
    for repeated in (False, True, True):
        page.call("Input.dispatchKeyEvent", type="keyDown", key="a", autoRepeat=repeated)
    page.call("Input.dispatchKeyEvent", type="keyUp", key="a")
    assert page.js("state.data.items.map(decisionOf).filter((one) => one === 'accept').length") == 1


def test_a_decision_in_the_list_is_told_by_words_and_not_by_a_colour_alone(narrow, dataset):
    page = narrow(dataset)
    page.key("a")
    assert page.js("document.querySelector('.row .dot').ariaLabel") == "accepted"
