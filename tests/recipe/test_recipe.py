"""Recipes: values fill the commands, mistakes are named, stages run in order and stop at the first failure."""

import json

import pytest

from demitasse import recipe
from demitasse.errors import ConfigError
from demitasse.recipe import QUICKSTART, prepare, read_recipe, run_recipe


def write(tmp_path, stages, **values):
    path = tmp_path / "config.yaml"
    content = {"recipe": {"values": {"run": str(tmp_path / "run"), **values}, "stages": stages}, "other": {"kept": 1}}
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def dispatched(monkeypatch):
    """The commands that were run; one that has the word `fail` in it exits with 2, `skip` with 3."""
    commands = []

    def run(command):
        commands.append(command)
        return 2 if "fail" in command else 3 if "skip" in command else 0

    monkeypatch.setattr(recipe, "_dispatch", run)
    return commands


def test_values_fill_the_commands_and_may_name_each_other(tmp_path, dispatched):
    path = write(tmp_path, ["a {video}", "b {run}"], video="{run}/v")
    assert run_recipe(path, []) == 0
    assert dispatched == [f"a {tmp_path}/run/v", f"b {tmp_path}/run"]


def test_a_value_can_be_replaced_on_the_command_line(tmp_path, dispatched):
    run_recipe(write(tmp_path, ["a {seed}"], seed="0"), ["seed=7"])
    assert dispatched == ["a 7"]


def test_the_recipes_own_folder_is_found_from_any_folder(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert read_recipe(QUICKSTART, []).values["recipe"] == str(QUICKSTART.parent)
    monkeypatch.chdir(QUICKSTART.parents[2])
    assert read_recipe(QUICKSTART, []).values["recipe"] == "recipes/quickstart"


def test_a_value_that_the_recipe_does_not_have_is_refused_with_those_it_has(tmp_path):
    with pytest.raises(ConfigError, match="'sead'.*run, seed"):
        read_recipe(write(tmp_path, [], seed="0"), ["sead=1"])


def test_a_name_without_a_value_is_refused_before_anything_runs(tmp_path, dispatched):
    with pytest.raises(ConfigError, match=r"\{nothing\}"):
        run_recipe(write(tmp_path, ["a", "b {nothing}"]), [])
    assert dispatched == []


def test_values_in_a_circle_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="circle"):
        run_recipe(write(tmp_path, ["a {x}"], x="{y}", y="{x}"), [])


def test_a_failing_stage_stops_the_recipe_and_gives_its_exit_code(tmp_path, dispatched):
    assert run_recipe(write(tmp_path, ["one", "fail", "three"]), []) == 2
    assert dispatched == ["one", "fail"]


def test_a_stage_that_skipped_something_does_not_stop_the_recipe_but_marks_it(tmp_path, dispatched):
    assert run_recipe(write(tmp_path, ["skip", "two"]), []) == 3
    assert dispatched == ["skip", "two"]


def test_until_stops_after_the_first_stage_that_begins_so(tmp_path, dispatched):
    run_recipe(write(tmp_path, ["data validate x", "data split x", "train"]), [], until="data split")
    assert dispatched == ["data validate x", "data split x"]
    with pytest.raises(ConfigError, match="no stage is 'data spl"):
        run_recipe(write(tmp_path, ["data split x"]), [], until="data spl")


def test_run_json_tells_each_stage_with_its_time_and_exit_code(tmp_path, dispatched):
    run_recipe(write(tmp_path, ["one", "skip"]), [])
    stages = json.loads((tmp_path / "run" / "run.json").read_text())["stages"]
    assert [(stage["command"], stage["exit_code"]) for stage in stages] == [("one", 0), ("skip", 3)]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[1, 2]", id="a_list"),
        pytest.param("train: {}", id="no_recipe_section"),
        pytest.param("recipe: {stages: [", id="not_yaml"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused_by_name(tmp_path, text):
    path = tmp_path / "odd.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"odd\.yaml"):
        read_recipe(path, [])


def test_training_makes_its_recipes_data_first_and_only_where_it_is_missing(tmp_path, dispatched):
    path = write(tmp_path, ["make data", "data split x", "data convert x y", "predict base", "train"])
    prepare(path, [str(tmp_path / "run" / "data")])
    assert dispatched == ["make data", "data split x", "data convert x y"]
    (tmp_path / "run" / "data").mkdir(parents=True, exist_ok=True)
    prepare(path, [str(tmp_path / "run" / "data")])
    prepare(path, [str(tmp_path / "elsewhere")])
    assert len(dispatched) == 3


def test_every_stage_of_the_quickstart_is_a_command_with_known_arguments(capsys):
    """Each command line is parsed by the command's own parser, as `demitasse` would."""
    import argparse
    import shlex

    from demitasse.cli import COMMANDS, _functions
    from demitasse.recipe import _filled

    read = read_recipe(QUICKSTART, [])
    assert len(read.stages) > 8
    for stage in read.stages:
        name, *rest = shlex.split(_filled(stage, read.values, QUICKSTART))
        parser = argparse.ArgumentParser(exit_on_error=False)
        assert name in COMMANDS
        _functions(name)[0](parser)
        parser.parse_args(rest)
