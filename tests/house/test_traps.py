"""docs/traps.md tells the truth about itself: every trap once, every test that it names is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TRAPS = {"Annotation": 22, "Training": 22, "Evaluation": 23, "Defects of the original pipeline": 38}
ROW = re.compile(r"\| (\d+) \| (.+) \| (.+) \| (.+) \|")
NODE = re.compile(r"`(tests/[^`]+)`")


def sections() -> dict[str, list[re.Match[str]]]:
    """The rows of each table by its heading."""
    parts = re.split(r"^## (.+)$", (ROOT / "docs" / "traps.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {
        heading: [row for line in text.splitlines() if (row := ROW.fullmatch(line))]
        for heading, text in zip(parts[1::2], parts[2::2], strict=True)
    }


def rows() -> list[re.Match[str]]:
    return [row for table in sections().values() for row in table]


@pytest.mark.parametrize("heading", TRAPS)
def test_every_trap_is_there_once_and_in_order(heading):
    assert [int(row[1]) for row in sections()[heading]] == list(range(1, TRAPS[heading] + 1))


def test_every_state_is_one_of_three_and_says_which_issue_is_to_close_it():
    for row in rows():
        assert re.fullmatch(r"held|partly: .+ issue \d+|open: (?:.+ )?issue \d+", row[4]), row[0]


def test_what_is_held_or_partly_held_names_its_tests_and_what_is_open_says_so():
    for row in rows():
        tests = NODE.findall(row[3])
        assert bool(tests) != row[4].startswith("open"), row[0]
        assert row[3] == ("<br>".join(f"`{test}`" for test in tests) or "–"), "node ids and nothing else"


def test_the_counts_above_each_table_are_those_of_the_table():
    text = (ROOT / "docs" / "traps.md").read_text(encoding="utf-8")
    for table in sections().values():
        states = [row[4].split(":")[0] for row in table]
        told = ", ".join(f"{states.count(state)} {state}" for state in ("held", "partly", "open"))
        assert f"{len(table)} traps: {told}." in text


def test_every_test_that_is_named_is_collected(request):
    named = {test for row in rows() for test in NODE.findall(row[3])}
    here = known({item.nodeid for item in request.session.items})
    files = sorted({test.split("::")[0] for test in named - here})  # none where the whole suite runs
    assert not [file for file in files if not (ROOT / file).is_file()]
    assert sorted(named - here - known(collect(files))) == []


def collect(files: list[str]) -> set[str]:
    if not files:
        return set()
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-o", "addopts=--import-mode=importlib", *files]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return {line for line in told.stdout.splitlines() if "::" in line}


def known(nodes: set[str]) -> set[str]:
    """Node ids with and without their parameters."""
    return nodes | {node.split("[")[0] for node in nodes}
