"""The plan of a recipe says what a stage will cost where that can be told, and never stands in the way of a run."""

import json
import subprocess
import sys

import pytest

from demitasse import cli
from demitasse.recipe import QUICKSTART, run_recipe
from demitasse.recipe.forecast import forecast
from demitasse.recipe.words import take_apart

ANNOTATE = f"annotate video --config {QUICKSTART} video_reasoning_annotation.data.video_root={{folder}}/videos"


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    assert cli.main(["toyworld", "render", str(folder / "videos"), "--count", "2"]) == 0
    return folder


def test_annotating_is_told_in_requests_tokens_and_money(clips):
    told = forecast(take_apart(f"{ANNOTATE.format(folder=clips)} results_dir={clips}/annotated"))
    assert "requests, about" in told and "tokens in and" in told and told.endswith("$0.00")


@pytest.fixture(scope="module")
def items(clips):
    """A dataset of one question about the first clip."""
    item = {"video_id": "00000.mp4", "question": "Is it?", "answer": "Yes", "reasoning": "It is.", "item_index": "1"}
    content = {
        "format": "tao-vl-reason-v1.0",
        "metadata": {"type": "annotation", "task": "bcq", "license": ""},
        "media_root": str(clips / "videos"),
        "items": [item],
    }
    (clips / "bcq.json").write_text(json.dumps(content))
    return clips / "bcq.json"


def test_a_training_is_told_in_items_steps_and_memory_and_with_a_gpu_in_time(clips, items):
    command = (
        f"train --config {QUICKSTART} model.path={QUICKSTART.parent}/base/qwen2_5_vl data.files=[{items}] "
        f"data.tasks=[] data.cache_dir={clips}/cache optim.steps=7 output_dir={clips}/student"
    )
    told = forecast(take_apart(command), ["--gpu", "h200"])
    assert told.startswith("1 items, 7 steps, 112.0 epochs; ")
    assert told.endswith("on 1 × H200")


def test_questions_to_a_student_are_counted(clips, items):
    asked = f"predict --model m --data {items} --out {clips}/out"
    assert forecast(take_apart(asked)) == "1 questions"
    assert forecast(take_apart(f"{asked} --tasks mcq")) == "0 questions"
    told = forecast(take_apart(f"{asked} --endpoint http://127.0.0.1:1/v1"))
    assert told == "1 questions, each a request to http://127.0.0.1:1/v1"


@pytest.mark.parametrize(
    "command, says",
    [
        pytest.param("annotate video video_reasoning_annotation.data.video_root=no/where", "not known: ", id="no_data"),
        pytest.param("train --config no/where.yaml", "not known: no/where.yaml", id="no_configuration"),
        pytest.param("judge --model m no/where", "not known: no/where", id="no_run"),
        pytest.param("predict --model m --data no/where.json --out x", "not known: no/where.json", id="no_file"),
        pytest.param("predict --wrong", "not known: ", id="wrong_arguments"),
        pytest.param("annotate quality --in x", "", id="what_asks_nobody_unless_told_costs_nothing"),
        pytest.param("data validate x", "", id="what_is_free"),
    ],
)
def test_what_cannot_be_foreseen_is_said_and_nothing_is_raised(command, says, capsys):
    assert forecast(take_apart(command)).startswith(says)
    assert capsys.readouterr() == ("", "")


def test_a_stage_waits_for_the_one_that_makes_what_it_reads(tmp_path, capsys):
    stages = [
        "toyworld render {run}/videos",
        "data split {run}/a {run}/data",
        "data convert {run}/data/eval {run}/daft",
        "predict --model m --data {run}/data/eval --out {run}/p",
        "judge --model scripted {run}/p",
    ]
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps({"recipe": {"values": {"run": str(tmp_path / "run")}, "stages": stages}}))
    assert run_recipe(path, [], plan_only=True) == 0
    lines = capsys.readouterr().out.splitlines()
    awaited = [line.strip() for line in lines if "not known until" in line]
    assert awaited == ["not known until stage 2 has run", "not known until stage 4 has run"]


def test_a_stage_that_only_reads_the_same_is_not_waited_for(tmp_path, capsys, monkeypatch, no_parsers):
    def dispatch(command):
        (tmp_path / "run" / "data" / "eval").mkdir(parents=True)
        return 0

    monkeypatch.setattr("demitasse.recipe.run.dispatch", dispatch)
    stages = ["data split a/b {run}/data", "data convert {run}/data/eval {run}/x", "predict --data {run}/data/eval"]
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps({"recipe": {"values": {"run": str(tmp_path / "run")}, "stages": stages}}))
    run_recipe(path, [], until="data split")
    capsys.readouterr()
    run_recipe(path, [], plan_only=True)
    assert "has run" not in capsys.readouterr().out


def test_the_plan_of_a_finished_recipe_imports_no_torch(tmp_path):
    path = tmp_path / "config.yaml"
    stages = ["toyworld render {run}/videos --count 2"]
    path.write_text(json.dumps({"recipe": {"values": {"run": str(tmp_path / "run")}, "stages": stages}}))
    assert run_recipe(path, []) == 0
    script = (
        "import sys; from demitasse import cli; code = cli.main(sys.argv[1:]); "
        "assert not {'torch', 'transformers', 'av'} & set(sys.modules); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", script, "run", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "nothing to do" in done.stdout


def test_an_interrupt_in_the_plan_ends_the_run_before_it_begins(tmp_path, capsys, monkeypatch):
    from demitasse import cli

    judging = cli.of_stage("evaluate.judging.command")

    def interrupted(args):
        raise KeyboardInterrupt

    monkeypatch.setattr(judging, "run_judge", interrupted)
    (tmp_path / "p").mkdir()
    path = tmp_path / "config.yaml"
    stages = ["toyworld render {run}/videos --count 1", f"judge {tmp_path / 'p'} --model scripted"]
    path.write_text(json.dumps({"recipe": {"values": {"run": str(tmp_path / "run")}, "stages": stages}}))
    assert cli.main(["run", str(path)]) == cli.EXIT_INTERRUPTED
    assert capsys.readouterr().err == "demitasse: interrupted; start it again to go on\n"
    assert not (tmp_path / "run").exists()


def test_words_that_a_command_does_not_take_are_no_end_of_the_plan():
    assert forecast(take_apart("judge x --nonsense 1")).startswith("not known: ")
    assert "unrecognized arguments: --nonsense" in forecast(take_apart("judge x --nonsense 1"))
