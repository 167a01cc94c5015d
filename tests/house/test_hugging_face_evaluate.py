"""Hugging Face's `evaluate` and ours live in one environment: ours in our processes, theirs everywhere else."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEMITASSE = Path(sys.executable).with_name("demitasse")
THEIRS = "import evaluate, sys; assert evaluate.load; print(evaluate.__file__)"


def python(code, cwd):
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module", autouse=True)
def theirs_is_installed():
    import importlib.metadata

    assert importlib.metadata.version("evaluate")


def test_elsewhere_import_evaluate_is_hugging_faces(tmp_path):
    found = python(THEIRS, tmp_path)
    assert found.returncode == 0, found.stderr
    assert "site-packages" in found.stdout and not Path(found.stdout.strip()).is_relative_to(ROOT / "evaluate")


def test_importing_demitasse_does_not_change_whose_it_is(tmp_path):
    found = python(
        "import demitasse.cli, demitasse.dataset, importlib.util as u; print(u.find_spec('evaluate').origin)", tmp_path
    )
    assert "site-packages" in found.stdout, found.stderr


def test_after_use_checkout_the_stages_are_ours(tmp_path):
    code = (
        "from demitasse.stages import use_checkout; use_checkout()\n"
        "import annotate, evaluate, train\n"
        "print(annotate.__file__, evaluate.__file__, train.__file__, sep='\\n')"
    )
    found = python(code, tmp_path)
    assert found.returncode == 0, found.stderr
    assert found.stdout.split() == [str(ROOT / stage / "__init__.py") for stage in ("annotate", "evaluate", "train")]


def test_spawned_processes_see_ours_too(tmp_path):
    script = tmp_path / "spawns.py"
    script.write_text(
        "import multiprocessing as mp\n"
        "def whose(_):\n"
        "    import evaluate\n"
        "    return evaluate.__file__\n"
        "if __name__ == '__main__':\n"
        "    from demitasse.stages import use_checkout\n"
        "    use_checkout()\n"
        "    with mp.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.map(whose, [0])[0])\n"
    )
    found = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert found.stdout.strip() == str(ROOT / "evaluate" / "__init__.py"), found.stderr


def test_where_theirs_is_already_loaded_we_say_so_and_touch_nothing(tmp_path):
    code = (
        "import sys, types\n"
        "theirs = types.ModuleType('evaluate'); theirs.__file__ = '/elsewhere/evaluate/__init__.py'\n"
        "sys.modules['evaluate'] = theirs; before = list(sys.path)\n"
        "from demitasse.errors import DemitasseError\n"
        "from demitasse.stages import use_checkout\n"
        "try: use_checkout()\n"
        "except DemitasseError as fault: print(fault)\n"
        "assert sys.path == before"
    )
    found = python(code, tmp_path)
    assert found.returncode == 0, found.stderr
    assert "already imported from /elsewhere/evaluate" in found.stdout


@pytest.mark.parametrize("command", ["--help", "predict --help", "score --help", "data --help"])
def test_our_commands_work_from_any_folder(tmp_path, command):
    (tmp_path / "evaluate").mkdir()  # not even a folder of that name misleads them
    found = subprocess.run([DEMITASSE, *command.split()], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stderr
    assert "usage: demitasse" in found.stdout
