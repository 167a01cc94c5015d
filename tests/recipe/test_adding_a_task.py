"""docs/adding_a_task.md is true: its diffs apply to this tree, and the task that they add works from end to end."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "adding_a_task.md").read_text(encoding="utf-8")
SCRIPTED = "video_reasoning_annotation.{0}.backend=scripted"
COMMANDS = [
    ["toyworld", "render", "videos", "--count", "3"],
    [
        *("annotate", "video", "--quiet", "results_dir=annotated", "video_reasoning_annotation.data.video_root=videos"),
        *(SCRIPTED.format("vlm"), SCRIPTED.format("llm"), "video_reasoning_annotation.workflow.mode=auto"),
        *("video_reasoning_annotation.workflow.qa_types=[event_duration]", "video_reasoning_annotation.license=none"),
    ],
    ["data", "validate", "annotated/step_4_output"],
]
RUN = "import sys, json; from demitasse import cli; sys.exit(max(map(cli.main, json.loads(sys.argv[1]))))"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the packages with the page's diffs in it."""
    if shutil.which("git") is None:
        pytest.skip("git applies the diffs")
    tree = tmp_path_factory.mktemp("tree")
    for folder in ("annotate", "demitasse", "evaluate", "prompts", "train"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for diff in blocks("diff"):
        applied = subprocess.run(
            ["git", "apply", "-"], cwd=tree, input=diff, capture_output=True, text=True,
            env=os.environ | {"GIT_CEILING_DIRECTORIES": str(tree.parent)},
        )  # fmt: skip
        assert applied.returncode == 0, f"docs/adding_a_task.md is out of date: {applied.stderr}"
    return tree


def run(tree, *words):
    environment = os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([sys.executable, *words], cwd=tree, capture_output=True, text=True, env=environment)


def test_its_diffs_change_this_tree_alone(tree):
    changed = {path for diff in blocks("diff") for path in re.findall(r"^\+\+\+ b/(\S+)$", diff, re.MULTILINE)}
    assert len(changed) > 15
    assert all((tree / path).is_file() for path in changed)


def test_the_scripted_teacher_writes_the_new_task_and_its_file_is_sound(tree):
    done = run(tree, "-c", RUN, json.dumps(COMMANDS))
    assert done.returncode == 0, done.stderr
    assert "no problems" in done.stdout
    content = json.loads((tree / "annotated" / "step_4_output" / "event_duration.json").read_text())
    assert [item["answer"].split()[1] for item in content["items"]] == ["seconds"] * 3


def test_the_tests_that_it_shows_pass(tree):
    (tree / "test_new.py").write_text(blocks("python")[0])
    done = run(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_new.py")
    assert done.returncode == 0, done.stdout
    assert "10 passed" in done.stdout
