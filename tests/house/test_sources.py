"""docs/sources.md: every row of every source names a test that is there, and every place, command and option exists."""

import argparse
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from demitasse import cli
from demitasse.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
SOURCES = 5
PACKAGES = ("annotate", "demitasse", "evaluate", "train")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
PLACE = re.compile(r"`((?:annotate|train|evaluate|demitasse|prompts|recipes|docs)/[\w./-]*)`")
LINK = re.compile(r"\]\(([\w./-]+)\)")
COMMAND = re.compile(r"`demitasse (\w+)(?: ([a-z][a-z-]*)(?=[ `]))?")
OPTION = re.compile(r"(?<=[ `])--[a-z][\w-]*")


class Row(NamedTuple):
    """What a source has, where ours is, and the tests that show it."""

    theirs: str
    ours: str
    tests: str


def tables() -> dict[str, list[Row]]:
    """The rows below each source's heading, without the head of the table and the line below that."""
    parts = re.split(r"^## (.+)$", (ROOT / "docs" / "sources.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = {
        heading: [line for line in text.splitlines() if line.startswith("|")]
        for heading, text in zip(parts[1::2], parts[2::2], strict=True)
    }
    return {heading: [row_of(line) for line in table[2:]] for heading, table in lines.items()}


def row_of(line: str) -> Row:
    assert line.endswith("|"), line
    return Row(*(cell.strip() for cell in line[1:-1].split("|")))


def parts_of(command: str) -> set[str]:
    """The words that may follow a command's name: `image`, `video` and so on after `annotate`."""
    add_arguments, _ = cli._functions(command)
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    parts = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return {name for choices in parts for name in choices}


each_source = pytest.mark.parametrize("source", tables())


def test_each_source_has_a_table():
    assert len(tables()) == SOURCES
    assert min(map(len, tables().values())) > 10


@each_source
def test_no_row_is_without_a_test_and_every_test_is_there(source):
    for row in tables()[source]:
        named = TEST.findall(row.tests)
        assert row.tests == "<br>".join(f"`{file}::{test}`" for file, test in named), (
            f"{row.theirs}: node ids and nothing else"
        )
        assert named, row.theirs
        assert len(set(named)) == len(named), row.theirs
        for file, test in named:
            assert re.search(rf"^(async )?def {test}\(", (ROOT / file).read_text(encoding="utf-8"), re.M), test


@each_source
def test_no_two_rows_are_about_the_same(source):
    theirs = [row.theirs for row in tables()[source]]
    assert len(set(theirs)) == len(theirs)


@each_source
def test_every_place_and_command_that_is_named_exists(source):
    for row in tables()[source]:
        places = [ROOT / place for place in PLACE.findall(row.ours)]
        places += [ROOT / "docs" / page for page in LINK.findall(row.ours)]
        assert [place for place in places if not place.exists()] == [], row.theirs
        for command, second in COMMAND.findall(row.ours):
            assert command in COMMANDS, row.theirs
            assert not second or second in parts_of(command), row.theirs


def test_every_option_that_is_named_is_one_of_a_command():
    named = {option for rows in tables().values() for row in rows for option in OPTION.findall(row.ours)}
    code = "\n".join(path.read_text(encoding="utf-8") for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
    assert len(named) > 5
    assert {option for option in named if f'"{option}"' not in code} == set()
