"""recipes/smoke.py runs every smoke from nothing, tells what each took, and fails with the name of the one that did."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "recipes" / "smoke.py"


@pytest.fixture
def smoke(tmp_path):
    """Run the script on recipes of one stage each; without the imports that real ones need."""
    (tmp_path / "recipes").mkdir()
    text = re.sub(r"^IMPORTED_ONCE = \[.*?^\]", "IMPORTED_ONCE: list[str] = []", SCRIPT.read_text(), flags=re.M | re.S)
    assert text != SCRIPT.read_text()
    (tmp_path / "recipes" / "smoke.py").write_text(text)

    def run(stages, *names):
        for name, stage in stages.items():
            (tmp_path / "recipes" / name).mkdir(exist_ok=True)
            section = {"values": {"run": "runs/elsewhere"}, "stages": [stage]}
            (tmp_path / "recipes" / name / "smoke.yaml").write_text(json.dumps({"recipe": section}))
        return subprocess.run(
            [sys.executable, "recipes/smoke.py", *names], cwd=tmp_path, capture_output=True, text=True, timeout=300
        )

    return run


def test_all_are_run_each_in_its_own_folder_and_told_in_a_table(smoke, tmp_path):
    done = smoke(dict.fromkeys(("one", "two"), "toyworld render {run}/videos --count 1"))
    assert done.returncode == 0, done.stderr
    assert re.search(r"^one +\d+\.\d +\d+\.\d  passed$", done.stdout, re.M)
    assert "2 of 2 passed" in done.stdout
    assert (tmp_path / "runs" / "smoke" / "two" / "videos" / "00000.mp4").is_file()
    assert "1 toy clips" in (tmp_path / "runs" / "smoke" / "one.log").read_text()


def test_one_that_fails_is_named_with_the_end_of_its_log_and_the_others_are_run(smoke):
    done = smoke({"bad": "data validate no/where", "good": "toyworld render {run}/videos --count 1"})
    assert done.returncode == 1
    assert "failed: bad" in done.stderr and "no/where" in done.stderr
    assert "1 of 2 passed" in done.stdout and "FAILED with exit code 2: runs/smoke/bad.log" in done.stdout


def test_what_an_earlier_run_left_is_removed_first(smoke, tmp_path):
    stale = tmp_path / "runs" / "smoke" / "one" / "run.json"
    stale.parent.mkdir(parents=True)
    stale.write_text("stale")
    assert smoke({"one": "toyworld render {run}/videos --count 1"}, "one").returncode == 0
    assert "demitasse-run-v1" in stale.read_text()


def test_a_name_that_there_is_not_is_refused_with_those_there_are(smoke):
    done = smoke({"one": "toyworld render {run}/videos --count 1"}, "two")
    assert done.returncode == 2
    assert "one" in done.stderr


def test_one_that_dies_is_named(smoke, tmp_path):
    (tmp_path / "recipes" / "demitasse.py").write_text("import os\nos.kill(os.getpid(), 9)\n")
    done = smoke({"one": "toyworld render {run}/videos --count 1"})
    assert "failed: one" in done.stderr and "Traceback" not in done.stderr
    assert re.search(r"^one +\d+\.\d +FAILED with exit code -9", done.stdout, re.M)
