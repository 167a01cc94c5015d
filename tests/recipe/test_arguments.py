"""What a stage's command would refuse is refused before anything runs, with the file, the stage and what to write."""

import json

import pytest

from demitasse import cli
from demitasse.errors import ConfigError
from demitasse.recipe import run_recipe

FIRST = "toyworld render {run}/videos --count 1"


@pytest.fixture
def write(tmp_path):
    def write(stages, name="config.yaml", sections=None, **section):
        path = tmp_path / name
        given = {"values": {"run": str(tmp_path / "run")} | section.pop("values", {}), **section}
        path.write_text(json.dumps({"recipe": {**given, **({"stages": stages} if stages else {})}, **(sections or {})}))
        return path

    return write


def refused(path, *overrides):
    """The sentence; nothing has been run or written."""
    with pytest.raises(ConfigError) as fault:
        run_recipe(path, list(overrides))
    assert not (path.parent / "run").exists()
    return str(fault.value)


PREDICT = "predict --data d --out o"
QUALITY = "annotate quality {run}/a --out {run}/b"
TRAIN = "train --config {recipe}/config.yaml"


@pytest.mark.parametrize(
    "stage, said",
    [
        pytest.param("predikt --model m", "there is no command 'predikt'; did you mean 'predict'", id="a_command"),
        pytest.param("data splt a b", "invalid choice: 'splt' (choose from 'validate', 'stats'", id="a_subcommand"),
        pytest.param(f"{PREDICT} --modle m", "no --modle; did you mean --mode or --model?", id="an_option"),
        pytest.param(
            "data split a b --sead 1",
            "there is no --sead; did you mean --eval or --seed?",
            id="an_option_of_a_subcommand",
        ),
        pytest.param("judge {run}/a --jury x", "there is no --jury", id="an_option_like_none"),
        pytest.param("predict --model m --data d", "arguments are required: --out", id="a_lacking_option"),
        pytest.param("data split a b --seed x", "--seed: invalid int value: 'x'", id="a_value_of_the_wrong_type"),
        pytest.param("data split a b c", "unrecognized arguments: c", id="a_word_too_many"),
        pytest.param("predict --help", "there is no --help", id="help_which_would_end_the_recipe"),
        pytest.param(f"{PREDICT} --model m --seed 1", "--seed changes nothing", id="what_the_command_checks"),
        pytest.param("judge {run}/a", "name a judge with --model", id="a_judge_that_nobody_named"),
        pytest.param(
            "gaps {run}/a --out {run}/b --files 0", "--files and --fewest-videos 1 or more", id="no_files_to_find"
        ),
        pytest.param(f"{QUALITY} filter=[leak]", "unknown key 'filter'", id="a_key_of_filters"),
        pytest.param("annotate cotasks source=nextqa results_dir=a", "needs questions", id="a_lacking_key"),
        pytest.param("annotate video results_dir=a", "nothing to annotate: set", id="a_spec_without_data"),
        pytest.param("check video_reasoning_annotation.vln=x", "unknown key", id="a_key_of_what_is_only_checked"),
        pytest.param(f"{TRAIN} optim.step=5", "'optim.steps'", id="a_key_of_training"),
        pytest.param(f"{TRAIN} optim.steps=many", "optim.steps", id="a_value_of_training"),
    ],
)
def test_a_late_stage_is_refused_before_the_first_runs(write, stage, said):
    path = write([FIRST, stage], sections={"train": {}})
    told = refused(path)
    assert said in told
    assert told.startswith(f"{path}: stage 2, `{stage}`, would be refused: ")


def test_a_stage_of_before_is_named_with_the_file_that_it_stands_in(write):
    write([FIRST], "full.yaml")
    path = write(None, extends="full.yaml", before=["toyworld render {run}/more --count 1", "toyworld rendre {run}/x"])
    assert refused(path).startswith(f"{path}: stage 2, `toyworld rendre {{run}}/x`")
    path = write(None, "third.yaml", extends="config.yaml")
    assert refused(path).startswith(f"{path.parent / 'config.yaml'}: stage 2, ")


def test_a_word_that_stands_in_a_value_is_told_with_the_value(write):
    path = write([FIRST, "predict --model m --data d --out o {*asked}"], values={"asked": "--max-frmes 8"})
    told = refused(path)
    assert "`predict --model m --data d --out o {*asked}`" in told
    assert told.endswith(
        "there is no --max-frmes; did you mean --max-frames or --min-frames? (it stands in the value 'asked')"
    )


def test_no_secret_is_told(write):
    path = write([FIRST, "predict --model m --data d --out o --api-token sk-secret"])
    assert "sk-secret" not in refused(path)
    path = write([FIRST, "annotate video x.api_key=sk-secret --confg y"])
    assert "sk-secret" not in refused(path)


def test_a_long_command_is_cut(write):
    assert f"`data split {'x' * 78}…`" in refused(write([f"data split {'x' * 200} b --sead 1"]))


def test_what_an_earlier_stage_writes_is_not_read_before(write):
    later = "annotate video --config {run}/gaps/spec.yaml results_dir={run}/more"
    path = write([FIRST, "gaps {run}/a --out {run}/gaps", later])
    assert run_recipe(path, [], plan_only=True) == 0


def test_settings_in_the_runs_folder_are_left_for_their_turn(write, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "spec.yaml").write_text("nothing: right")
    path = write([FIRST, "annotate video --config {run}/spec.yaml results_dir={run}/more"])
    assert run_recipe(path, [], plan_only=True) == 0


def test_a_stage_after_the_last_is_not_looked_at(write):
    path = write([FIRST, "data splt a b"])
    assert run_recipe(path, [], until="toyworld render", plan_only=True) == 0


def test_a_plan_refuses_as_a_run_does(write, capsys):
    path = write([FIRST, "data splt a b"])
    assert cli.main(["run", str(path), "--plan"]) == 2
    assert "would be refused" in capsys.readouterr().err


def test_a_done_stage_is_not_read_again(write, monkeypatch):
    path = write([FIRST])
    assert run_recipe(path, []) == 0
    monkeypatch.setattr("demitasse.recipe.run.needs_of", lambda *_: pytest.fail("it is done"))
    assert run_recipe(path, []) == 0
