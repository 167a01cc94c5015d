"""docs/scale.md does what it says: its spec, its Slurm script and its commands are run as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from annotate.video_reasoning.config import read_spec
from demitasse.toyworld.render import render_clip

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"
SHARDS = 2


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture
def desk_with_spec(tmp_path: Path) -> Path:
    (tmp_path / "spec.yaml").write_text(blocks("yaml")[0], encoding="utf-8")
    (tmp_path / "videos").mkdir()
    for number in range(3):
        render_clip(tmp_path / "videos" / f"{number}.mp4", number)
    return tmp_path


def bash(script: str, folder: Path, **environment: str) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=folder,
        env=os.environ | {"PATH": path} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_slurm_script_and_the_merge(desk_with_spec: Path) -> None:
    script, merge, _ = blocks("bash")
    assert script.startswith("#!/bin/bash\n#SBATCH") and "SHARDS=${SHARDS:-16}" in script and "--array=0-15" in script
    for index in range(SHARDS):
        bash(script, desk_with_spec, SLURM_ARRAY_TASK_ID=str(index), SHARDS=str(SHARDS))
    told = bash(merge, desk_with_spec)
    assert "results: 3 done\n" in told and "results/step_4_output: no problems\n" in told


def test_the_settings_for_ray_are_settings(desk_with_spec: Path, monkeypatch) -> None:
    monkeypatch.chdir(desk_with_spec)
    command = blocks("bash")[2].split()
    assert command[:5] == ["demitasse", "annotate", "video", "--config", "spec.yaml"]
    given = read_spec(Path("spec.yaml"), command[5:]).video_reasoning_annotation
    assert (given.executor, given.ray.address, given.ray.workers) == ("ray", "", 2)
    Path("cluster.yaml").write_text(blocks("yaml")[0] + blocks("yaml")[1], encoding="utf-8")
    given = read_spec(Path("cluster.yaml"), []).video_reasoning_annotation
    assert (given.ray.address, given.ray.workers, given.ray.cpus_per_worker) == ("auto", 8, 4)
