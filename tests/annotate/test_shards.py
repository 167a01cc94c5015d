"""A run in shards, put together, is the run that one process would have made."""

from __future__ import annotations

import shutil
from pathlib import Path

import orjson
import pytest

from annotate.video_reasoning.pipeline import run_of
from demitasse.chat.scripted import ScriptedModel
from demitasse.cli import main
from demitasse.engine.shard import Shard
from demitasse.errors import ConfigError, DataError

NAMES = [f"camera {number}/clip.mp4" for number in range(6)]


@pytest.fixture
def fill(desk):
    """Six good videos, one that is no video, and a line of a list that names nothing."""

    def put() -> tuple[str, ...]:
        for number, name in enumerate(NAMES):
            desk.put(name, "anomaly" if number % 2 else "normal")
        (desk.videos / "text.mp4").write_text("This is no video.", encoding="utf-8")
        listed = desk.videos.parent / "list.jsonl"
        listed.write_text('{"video_path": "gone.mp4"}\n', encoding="utf-8")
        return (f"data.video_root={desk.videos}", f"data.input_jsonl_files=[{listed}]", "license=CC0-1.0")

    return put


def edited_pack(desk, folder: Path) -> Path:
    path = folder / "other.yaml"
    text = desk.pack.read_text(encoding="utf-8")
    path.write_text(text.replace("  normal_mcq: |\n", "  normal_mcq: |\n    Think twice.\n"), encoding="utf-8")
    return path


def run(desk, *overrides: str, shard: Shard | None = None, teacher=None):
    teacher = teacher or desk.teacher()
    return run_of(desk.spec(*overrides)).annotate(
        {"vlm": teacher, "llm": teacher}, progress=False, pool=desk.pool, shard=shard
    )


def test_three_shards_merged_are_one_run(desk, fill, work_in):
    given = fill()
    refuses = desk.teacher(normal_mcq="This is no answer.")
    whole = run(desk, *given, teacher=refuses)
    one, desk.out = desk.out, desk.out.with_name("sharded")
    parts = [run(desk, *given, shard=Shard(index, 3), teacher=refuses) for index in range(3)]
    assert not (desk.out / "step_4_output").exists() and all(part.assembled is None for part in parts)
    merged = run_of(desk.spec(*given)).merge()
    assert merged.summary.line() == whole.summary.line() and merged.exit_code == whole.exit_code == 3
    assert merged.assembled == whole.assembled
    assert work_in(desk.out) == work_in(one)
    assert {"quarantine.jsonl", "skipped.jsonl", "calls.jsonl", "step_4_output/mcq.json"} <= work_in(one).keys()


def test_merging_again_changes_nothing(desk, fill, work_in):
    given = fill()
    for index in range(2):
        run(desk, *given, shard=Shard(index, 2))
    first, before = run_of(desk.spec(*given)).merge(), work_in(desk.out)
    again = run_of(desk.spec(*given)).merge()
    assert work_in(desk.out) == before and again.assembled == first.assembled
    assert "2 of 2 shards: 0 new rows, 0 new replies" in again.notes


def test_a_merged_run_goes_on_in_one_process_and_in_other_shards_without_buying_anything_again(desk, fill):
    given = fill()
    for index in range(2):
        run(desk, *given, shard=Shard(index, 2))
    run_of(desk.spec(*given)).merge()
    teacher = desk.teacher()
    assert run(desk, *given, teacher=teacher).summary.done == 6
    assert teacher.asked == []
    shutil.rmtree(desk.out / "shards")
    assert sum(run(desk, *given, teacher=teacher, shard=Shard(index, 4)).summary.done for index in range(4)) == 6
    assert teacher.asked == []


def test_a_run_beside_shards_that_are_not_merged_is_refused_for_it_would_buy_again(desk, fill):
    given = fill()
    run(desk, *given, shard=Shard(0, 2))
    with pytest.raises(ConfigError, match="data merge --partial"):
        run(desk, *given)
    run_of(desk.spec(*given)).merge(partial=True)
    assert run(desk, *given).summary.done == 6


def test_a_missing_shard_is_not_passed_over_unless_asked_for(desk, fill):
    given = fill()
    run(desk, *given, shard=Shard(0, 2))
    with pytest.raises(DataError, match="1/2 never begun"):
        run_of(desk.spec(*given)).merge()
    assert not (desk.out / "calls.jsonl").exists()
    there = {name for name in NAMES if Shard(0, 2).holds(name)}
    partial = run_of(desk.spec(*given)).merge(partial=True)
    assert partial.summary.done == len(there) and partial.summary.unfinished > 0 and partial.exit_code == 3
    items = orjson.loads((desk.out / "step_4_output" / "open_qa.json").read_bytes())["items"]
    assert {item["video_id"] for item in items} == there


def test_a_question_that_failed_after_its_prompt_was_edited_is_not_exported_from_its_old_row(desk, tmp_path):
    """The old row is the last one in its journal, in the shard as in the merged folder."""
    desk.put("a.mp4")
    run(desk, shard=Shard(0, 1))
    edited = (f"prompts={edited_pack(desk, tmp_path)}",)
    run(desk, *edited, shard=Shard(0, 1), teacher=desk.teacher(normal_mcq="This is no answer."))
    merged = run_of(desk.spec(*edited)).merge()
    assert merged.summary.quarantined == 1 and merged.summary.stale == 1
    assert merged.assembled is not None and "mcq" not in merged.assembled.counts
    assert merged.assembled.counts["bcq"] == 2


def test_shards_with_other_prompts_are_not_mixed(desk, tmp_path, fill):
    given = fill()
    other = edited_pack(desk, tmp_path)
    run(desk, *given, shard=Shard(0, 2))
    run(desk, *given, f"prompts={other}", shard=Shard(1, 2))
    with pytest.raises(DataError, match="different settings or prompts"):
        run_of(desk.spec(*given)).merge()


def test_shards_may_run_at_different_speeds(desk, fill):
    given = fill()
    run(desk, *given, "workflow.max_workers=1", shard=Shard(0, 2))
    run(desk, *given, "workflow.max_workers=7", shard=Shard(1, 2))
    assert run_of(desk.spec(*given)).merge().summary.done == 6


def test_a_shard_is_no_job_for_a_cluster(desk, fill):
    with pytest.raises(ConfigError, match="choose one"):
        run(desk, *fill(), "executor=ray", shard=Shard(0, 2))


def test_the_commands_make_of_shards_what_one_command_makes(desk, fill, work_in, capsys, monkeypatch):
    given = fill()
    monkeypatch.chdir(desk.videos.parent)
    section = "video_reasoning_annotation"
    scripted = [f"{section}.{name}.backend=scripted" for name in ("vlm", "llm")]
    overrides = [*scripted, *(f"{section}.{text}" for text in given)]
    assert main(["annotate", "video", "--quiet", "results_dir=single", *overrides]) == 3
    whole = capsys.readouterr().out.replace("single", "many run")
    for index in range(2):
        monkeypatch.setenv("SLURM_ARRAY_TASK_ID", str(index))
        for name, value in (("COUNT", 2), ("MIN", 0), ("MAX", 1)):
            monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", str(value))
        main(["annotate", "video", "--quiet", "--shard", "slurm", "results_dir=many run", *overrides])
    capsys.readouterr()
    assert main(["data", "merge", "many run"]) == 3
    assert capsys.readouterr().out == whole
    here = desk.videos.parent
    assert work_in(here / "many run") == work_in(here / "single")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["annotate", "video", "--shard", "2/2", "results_dir=x"], "counted from 0", id="counting_from_1"),
        pytest.param(["annotate", "video", "--shard", "slurm"], "no task of a Slurm array", id="slurm_without_slurm"),
        pytest.param(["annotate", "video", "--partial"], "--merge was not given", id="partial_of_no_merge"),
        pytest.param(["data", "merge", "nowhere"], "nowhere/shards holds no shards", id="nothing_to_merge"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(arguments, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1 and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shard", [None, Shard(0, 1)], ids=["one_process", "a_shard"])
def test_what_a_killed_run_on_ray_has_paid_for_is_not_bought_again(desk, fill, shard):
    given = fill()
    run(desk, *given)
    left = desk.out / "shards" / "ray-0"
    left.mkdir(parents=True)
    for path in [path for path in desk.out.iterdir() if path.name != "shards"]:
        shutil.move(path, left / path.name)
    again = desk.teacher()
    run(desk, *given, shard=shard, teacher=again)
    assert again.asked == [] and not left.exists()


class Dear(ScriptedModel):
    """A teacher that is paid."""

    @property
    def name(self) -> str:
        return "openai:far.example/dear"


def test_a_shard_has_its_part_of_what_the_folders_earlier_runs_have_left(desk, fill):
    prices = desk.videos.parent / "prices.yaml"
    prices.write_text("models: [{match: dear, input: 1000000, output: 1000000}]", encoding="utf-8")
    desk.out.mkdir()
    bought = {"key": "k", "asked": Dear().name, "step": "s", "cost": 90.0, "reply": {"outcome": "success", "usage": {}}}
    (desk.out / "calls.jsonl").write_bytes(orjson.dumps(bought, option=orjson.OPT_APPEND_NEWLINE))
    given = (*fill(), f"prices={prices}", "budget_usd=100")
    halted = run(desk, *given, shard=Shard(0, 2), teacher=Dear()).summary.halted
    assert halted.startswith("the budget of $5.00 is used up: $0.0000 spent")
