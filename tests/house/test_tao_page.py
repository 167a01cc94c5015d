"""docs/tao.md names tests that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_test_that_the_page_names_is_there():
    page = (ROOT / "docs" / "tao.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page))
    assert len(named) > 20
    for file, test in sorted(named):
        assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file}::{test}"


def test_every_row_of_its_tables_names_a_test():
    page = (ROOT / "docs" / "tao.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| behaviour")]
    assert all("::" in row and row.count(" | ") == 4 for row in rows)
