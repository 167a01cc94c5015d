"""A plan names what is absent and made by no stage, and a run does not begin at a stage that lacks its data."""

import json
from pathlib import Path

import pytest

from demitasse.errors import ConfigError
from demitasse.recipe import CHECKOUT, read_recipe, run_recipe
from demitasse.recipe.needs import absent, needs_of
from demitasse.recipe.read import has_recipe
from demitasse.recipe.words import take_apart

RECIPES = sorted((CHECKOUT / "recipes").glob("*/*.yaml"))
FILES = [file for file in RECIPES if has_recipe(file)]


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(stages, **values):
        path = tmp_path / "recipe" / "config.yaml"
        path.parent.mkdir(exist_ok=True)
        recipe = {"values": {"run": "run", **values}, "stages": stages}
        sections = {"train": {"data": {"files": ["items"]}, "model": {"path": "model"}}}
        path.write_text(json.dumps({"recipe": recipe, **sections}))
        return path

    return write


def lacking(path):
    """What is absent, by the numbers of the stages that need it."""
    recipe = read_recipe(path, [])
    words = [take_apart(command) for command in recipe.commands]
    found = absent({place: needs_of(recipe, one, place, str) for place, one in enumerate(words)})
    return {str(missing): [place + 1 for place in places] for missing, places in found.items()}


PREDICT, SELECT = "predict --model m --data there --out o", "select frames --keep 1 --data there --out o"
TRAIN, STAR = "train --config recipe/config.yaml", "annotate cotasks source=star items=i.json videos=v results_dir=o"

SECTION = "video_reasoning_annotation"
VIDEO = f"annotate video results_dir=o {SECTION}.data.video_root=there {SECTION}.vlm.backend=scripted"
QUALITY = "annotate quality there --out o filters=[judge] judge.evidence=captions judge.captions=c.jsonl"
QUALITY += " llm.backend=scripted"


@pytest.mark.parametrize(
    "stages, found",
    [
        pytest.param(["data validate a"], {"a": [1]}, id="what_a_command_reads"),
        pytest.param(["data split a b", "data validate b/train"], {"a": [1]}, id="not_what_a_stage_before_makes"),
        pytest.param(["data validate b", "data split there b"], {"b": [1]}, id="what_is_made_too_late"),
        pytest.param(["data validate a", "data stats a"], {"a": [1, 2]}, id="once_with_all_that_need_it"),
        pytest.param(["data validate there there/none"], {"there/none": [1]}, id="a_file_in_a_folder_that_is_there"),
        pytest.param(["score there", "power there/scores.jsonl x"], {"x": [2]}, id="not_what_is_written_into_an_input"),
        pytest.param([PREDICT], {"m": [1]}, id="a_students_folder"),
        pytest.param([f"{PREDICT} --endpoint http://h/v1"], {}, id="not_a_served_name"),
        pytest.param([f"{SELECT} --picker a/p"], {"a/p": [1]}, id="a_pickers_folder"),
        pytest.param([f"{SELECT} --picker org/p --picker-url http://h"], {}, id="not_a_served_picker"),
        pytest.param(["compare a there 'old one=b' --out o"], {"a": [1], "b": [1]}, id="runs_with_a_name"),
        pytest.param(["compare there there --out o --media x"], {}, id="not_what_a_page_does_without"),
        pytest.param(["compare there there --out o --published p.yaml"], {"p.yaml": [1]}, id="a_table"),
        pytest.param(["judge there --model org/m"], {}, id="not_a_judges_name"),
        pytest.param(["judge there --model m --rubric r.yaml"], {"r.yaml": [1]}, id="a_file_of_a_rubric"),
        pytest.param(["judge there --model m --profile p.yml"], {"p.yml": [1]}, id="a_file_of_a_profile"),
        pytest.param([f"{VIDEO} {SECTION}.prompts=p.yaml"], {"p.yaml": [1]}, id="a_file_of_prompts"),
        pytest.param([f"{VIDEO} {SECTION}.license=terms.yaml"], {}, id="not_a_text_that_ends_as_a_file"),
        pytest.param([f"{VIDEO} {SECTION}.prompts_module=a/p.py"], {"a/p.py": [1]}, id="a_script_of_prompts"),
        pytest.param([f"{VIDEO} {SECTION}.prices=p.yaml"], {"p.yaml": [1]}, id="a_table_of_prices"),
        pytest.param([QUALITY], {"c.jsonl": [1]}, id="captions_that_a_filter_reads"),
        pytest.param([TRAIN], {"items": [1], "model": [1]}, id="what_a_section_names"),
        pytest.param([f"{TRAIN} data.files=[there,x] model.path=there"], {"x": [1]}, id="what_the_line_says_instead"),
        pytest.param([f"{TRAIN} data.files=[run/x] model.path=there"], {"run/x": [1]}, id="what_no_stage_has_made"),
        pytest.param(["train --config no.yaml data.files=[there]"], {"no.yaml": [1]}, id="a_configuration"),
        pytest.param([STAR, "data leaks o"], {"i.json": [1], "v": [1]}, id="keys_of_annotation"),
        pytest.param(
            ["data lint there --keys k.yaml --out o", "data validate o"], {"k.yaml": [1]}, id="a_file_of_keys"
        ),
        pytest.param(["data validate s3://bucket/items"], {}, id="not_an_address"),
        pytest.param(["toyworld render o", "data validate o"], {}, id="not_what_is_rendered"),
        pytest.param(["score there --json o/a.json", "data validate o"], {}, id="not_a_folder_that_gets_a_file"),
    ],
)
def test_what_is_absent(write, tmp_path, stages, found):
    (tmp_path / "there").mkdir()
    assert lacking(write(stages)) == found


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_recipe_lacks_what_it_makes_itself(path, tmp_path):
    """A `config.yaml` lacks data and models, an experiment what `config.yaml` makes, and a smoke nothing."""
    recipe = read_recipe(path, [f"run={tmp_path}"])
    words = [take_apart(command) for command in recipe.commands]
    found = absent({place: needs_of(recipe, one, place, str) for place, one in enumerate(words)})
    assert not [one for one in found if one.is_relative_to(tmp_path)]
    assert not [one for one in found if not str(one).startswith(("data/", "models/", "runs/"))]
    if path.name in ("smoke.yaml", "toy.yaml"):
        assert not found


@pytest.mark.parametrize("name", ["ablation_resolution", "ablation_epochs"])
def test_an_experiment_is_not_begun_on_data_that_its_training_would_make_of_other_labels(name, tmp_path, monkeypatch):
    """`train --config config.yaml` makes what is missing by that file's own values, whatever `labels` is here."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "student").mkdir()
    given = ["labels=mine", "model=student", "judge=--model scripted"]
    with pytest.raises(ConfigError, match=r"stage 1 .*no stage makes: runs/av_captioning/learning/train"):
        run_recipe(CHECKOUT / "recipes" / "av_captioning" / f"{name}.yaml", given)
    assert not (tmp_path / "runs").exists()


def test_a_plan_says_what_is_absent_and_where_to_read_of_it(write, tmp_path, capsys):
    path = write(["toyworld render {run}/v --count 1", "data validate {items}", "data stats {items}"], items="my/items")
    (path.parent / "README.md").write_text("# A recipe\n\n## Data\n")
    assert run_recipe(path, [], plan_only=True) == 0
    said = capsys.readouterr().out
    assert "absent: my/items (items=…), which no stage makes and stages 2 and 3 need\n" in said
    assert said.endswith(f"see {path.parent / 'README.md'}, ## Data and ## Run, for what to get and where to put it\n")


def test_where_nothing_is_absent_nothing_is_said(write, capsys):
    path = write(["toyworld render {run}/v --count 1", "data stats {run}/v"])
    (path.parent / "README.md").write_text("## Data\n")
    run_recipe(path, [], plan_only=True)
    said = capsys.readouterr().out
    assert "absent:" not in said and "README" not in said


def test_a_run_whose_first_stage_lacks_its_data_is_not_begun(write, tmp_path):
    path = write(["data validate {items}", "toyworld render {run}/v --count 1"], items="my/items")
    with pytest.raises(ConfigError, match=r"stage 1 .*needs what is absent and no stage makes: my/items \(items=…\)"):
        run_recipe(path, [])
    assert not (tmp_path / "run").exists()


def test_a_run_whose_later_stage_lacks_its_data_is_begun_and_warned_of(write, tmp_path, capsys):
    path = write(["toyworld render {run}/v --count 1", "data validate my/items"])
    assert run_recipe(path, []) == 2
    said = capsys.readouterr().out
    assert 0 < said.index("absent: my/items") < said.index("[1/2]")
    assert (tmp_path / "run" / "v").is_dir()
    with pytest.raises(ConfigError, match="stage 2 .*is the first to run"):
        run_recipe(path, [])


def test_what_is_done_is_not_missed(write, tmp_path):
    (tmp_path / "items.json").write_text(json.dumps({"items": []}))
    path = write(["toyworld render {run}/v --count 1", "data validate {run}/v/more"])
    run_recipe(path, [], until="toyworld")
    with pytest.raises(ConfigError, match="run/v/more"):  # who should have made it has made something else
        run_recipe(path, [])


def test_the_page_is_that_of_the_recipe_which_is_extended(write, tmp_path, capsys):
    path = write(["data validate my/items"])
    (path.parent / "README.md").write_text("## Data\n")
    mine = tmp_path / "mine.yaml"
    mine.write_text(json.dumps({"recipe": {"extends": str(path)}}))
    run_recipe(mine, [], plan_only=True)
    assert f"see {Path('recipe/README.md').absolute()}" in capsys.readouterr().out
