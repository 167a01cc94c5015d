"""Setting up says what is missing, and does its work once."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


def make(*words):
    return subprocess.run(["make", *words], cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def test_a_python_that_is_too_old_is_named_with_what_to_do(tmp_path):
    old = tmp_path / "python3.8"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    found = make("test", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}")
    assert found.returncode != 0 and "Python 3.11" in found.stderr and "make PYTHON=" in found.stderr
    assert not (tmp_path / "venv").exists()


def test_an_environment_that_is_ready_is_not_installed_again(tmp_path):
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / ".ready").touch()
    planned = make("--dry-run", "test", f"VENV={tmp_path / 'venv'}").stdout
    assert "pytest" in planned and "pip install" not in planned


def test_every_target_of_the_readme_exists():
    named = set(re.findall(r"^    make (\w+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert {"demo", "test"} <= named
    for target in named:
        assert make("--dry-run", target).returncode == 0


def test_the_continuous_integration_script_is_sound_and_runs_the_readmes_test_command():
    script = ROOT / ".ci" / "run"
    assert subprocess.run(["bash", "-n", script]).returncode == 0 and script.stat().st_mode & 0o111
    made = re.findall(r"^timed make(.*)", script.read_text(), re.MULTILINE)
    assert {"test", "lint", "docs", "smoke"} <= {word for line in made for word in line.split()}
