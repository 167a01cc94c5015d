"""Names that say something, and no path of anyone's machine in what is kept."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VAGUE = {"util", "utils", "helper", "helpers", "misc", "common", "manager", "handler", "handlers", "stuff", "core"}
# Written so that this file does not match itself.
MACHINE_PATHS = re.compile(rb"(?:/wo" rb"rk/|/ro" rb"ot/|/ho" rb"me/\w|/Us" rb"ers/\w|[A-Z]:\\\\?Us" rb"ers)")


def kept_files() -> list[Path]:
    """What git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    paths = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return [path for path in paths if path.is_file()]


def test_no_file_or_folder_has_a_vague_name():
    vague = [
        path.relative_to(ROOT).as_posix()
        for path in kept_files()
        if VAGUE & {word for part in path.relative_to(ROOT).parts for word in re.split(r"[_.\-]", part.lower())}
    ]
    assert not vague


def test_no_kept_file_holds_a_machine_path():
    found = {
        f"{path.relative_to(ROOT)}: {match[0].decode()}"
        for path in kept_files()
        for match in MACHINE_PATHS.finditer(path.read_bytes())
    }
    assert not found


def test_no_source_file_is_longer_than_a_reader_can_hold():
    long = {
        path.relative_to(ROOT).as_posix(): lines
        for path in kept_files()
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] != "tests"
        if (lines := path.read_text(encoding="utf-8").count("\n")) > 400
    }
    assert not long


def test_every_recipe_and_stage_has_something_to_read():
    for folder in sorted((ROOT / "recipes").iterdir()):
        if folder.is_dir() and (folder / "config.yaml").is_file():
            assert (folder / "README.md").is_file(), folder


def test_the_licence_is_apache_2_and_whole():
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text and "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text and len(text) > 11_000


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_every_path_of_ours_that_is_named_exists(name):
    text = (ROOT / name).read_text()
    folders = "annotate|train|evaluate|demitasse|prompts|recipes|benchmarks|docs|tests"
    named = set(re.findall(rf"[`(]((?:{folders})/[\w./]*)[`)]", text))
    assert named
    assert not [path for path in named if not (ROOT / path).exists()]
