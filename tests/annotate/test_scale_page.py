"""docs/scale.md does what it says: its spec, its Slurm script and its commands are run as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from annotate.video_reasoning.config import Spec
from benchmarks.scale_model import RECORD, model, parts_table, shown, table
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
    script, merge, *_ = blocks("bash")
    assert script.startswith("#!/bin/bash\n#SBATCH") and "SHARDS=${SHARDS:-16}" in script and "--array=0-15" in script
    for index in range(SHARDS):
        bash(script, desk_with_spec, SLURM_ARRAY_TASK_ID=str(index), SHARDS=str(SHARDS))
    told = bash(merge, desk_with_spec)
    assert "results: 3 done\n" in told and "results/step_4_output: no problems\n" in told


def test_the_settings_for_ray_are_settings(desk_with_spec: Path, monkeypatch) -> None:
    monkeypatch.chdir(desk_with_spec)
    command = blocks("bash")[3].split()
    assert command[:5] == ["demitasse", "annotate", "video", "--config", "spec.yaml"]
    given = Spec.read(Path("spec.yaml"), command[5:]).video_reasoning_annotation
    assert (given.executor, given.ray.address, given.ray.workers) == ("ray", "", 2)
    Path("cluster.yaml").write_text(blocks("yaml")[0] + blocks("yaml")[1], encoding="utf-8")
    given = Spec.read(Path("cluster.yaml"), []).video_reasoning_annotation
    assert (given.ray.address, given.ray.workers, given.ray.cpus_per_worker) == ("auto", 8, 4)


def test_the_commands_for_questions_are_commands(monkeypatch) -> None:
    from demitasse import cli
    from evaluate.asking.spread_arguments import spread_of

    told = []
    monkeypatch.setattr("evaluate.asking.command.run_predict", lambda args: told.append(spread_of(args)) or 0)
    setting, command = blocks("bash")[2].splitlines()
    assert setting == "SHARDS=${SHARDS:-16}"
    words = command.replace('"$SLURM_ARRAY_TASK_ID/$SHARDS"', "3/16").split()
    assert words[0] == "demitasse" and cli.main(words[1:]) == 0
    [ray] = re.findall(r"^    demitasse predict … (--executor ray.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert cli.main(["predict", "--model", "m", "--data", "d", "--out", "o", *ray.split()]) == 0
    shard, cluster = told[0].shard, told[1].cluster
    assert (str(shard), cluster.address, cluster.workers) == ("3/16", "auto", 8)
    assert (cluster.cpus_per_worker, cluster.gpus_per_worker) == (4, 1)


def test_the_tables_follow_from_what_was_measured() -> None:
    recorded = yaml.safe_load(RECORD.read_text(encoding="utf-8"))
    page = PAGE.read_text(encoding="utf-8")
    assert parts_table(recorded) in page and table(recorded) in page
    assert f"Measured {recorded['date']}" in page and recorded["command"] in page


def test_a_video_costs_its_rows_and_items_times_what_each_of_them_costs() -> None:
    recorded = yaml.safe_load(RECORD.read_text(encoding="utf-8"))
    each = {line.part: line.each for line in model(recorded)}
    assert each["`data merge` of shards"] == pytest.approx((32 + 27) * recorded["parts"]["merge"]["seconds"])
    assert each["`data validate`: memory"] == pytest.approx(12 * recorded["parts"]["validate"]["memory"])
    assert each["`annotate`: waiting, 512 in flight"] == pytest.approx(20 * 2 / 512)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        pytest.param(0.05, "$", "$0.05", id="cents"),
        pytest.param(5e6, "$", "$5,000,000", id="millions"),
        pytest.param(66450, "B", "66 kB", id="two_figures"),
        pytest.param(0.00038, "CPU s", "380 µs", id="microseconds"),
        pytest.param(60, "s", "1 min", id="a_minute"),
        pytest.param(3e8, "CPU s", "9.5 years", id="years"),
    ],
)
def test_a_quantity_is_shown_in_the_unit_in_which_it_is_read_best(value, unit, text) -> None:
    assert shown(value, unit) == text
