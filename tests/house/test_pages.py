"""The pages of docs/: every command has a row, every page can be reached, every link leads somewhere."""

import re
from pathlib import Path

import pytest

from demitasse.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md"), *(ROOT / "recipes").glob("*/README.md")])
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def test_every_command_has_a_row_and_every_row_a_command():
    rows = re.findall(r"^\| `(\w+)[^`]*` \|", (ROOT / "docs/commands.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(rows) == set(COMMANDS)


def test_every_page_is_linked_from_another():
    reached = {
        (page.parent / link).resolve()
        for page in PAGES
        for link, _ in LINK.findall(page.read_text(encoding="utf-8"))
        if link
    }
    assert [page.name for page in (ROOT / "docs").glob("*.md") if page.resolve() not in reached] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files_and_headings_that_are_there(page):
    for link, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        target = page.parent / link if link else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), f"{link}#{anchor}"


def anchors(page: Path) -> set[str]:
    """A page's headings as GitHub addresses them."""
    titles = HEADING.findall(page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}
