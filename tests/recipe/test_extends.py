"""A recipe that extends another takes its values and stages, and nothing else of it."""

import json
import textwrap

import pytest
import yaml

from demitasse.errors import ConfigError
from demitasse.recipe import read_recipe
from demitasse.stages import CHECKOUT

BASE = {"values": {"run": "runs/base", "steps": "900", "spec": "{recipe}/config.yaml"}, "stages": ["train {steps}"]}


@pytest.fixture
def write(tmp_path):
    """Write a recipe's section into a file; JSON is YAML."""

    def writes(name, section):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"recipe": section}))
        return path

    return writes


def test_stages_come_from_the_extended_file_with_before_ahead_of_them(write):
    write("config.yaml", BASE)
    smoke = write("smoke.yaml", {"extends": "config.yaml", "before": ["toyworld render {run}"]})
    assert read_recipe(smoke, []).commands == ["toyworld render runs/base", "train 900"]


def test_its_own_values_win_and_it_may_add_some(write):
    write("config.yaml", BASE)
    smoke = write(
        "smoke.yaml", {"extends": "config.yaml", "values": {"steps": "6", "clips": "9"}, "before": ["a {clips}"]}
    )
    assert read_recipe(smoke, []).commands == ["a 9", "train 6"]


def test_the_command_line_sets_inherited_values_too(write):
    write("config.yaml", BASE)
    smoke = write("smoke.yaml", {"extends": "config.yaml", "values": {"clips": "9"}})
    recipe = read_recipe(smoke, ["steps=1", "run=elsewhere"])
    assert recipe.commands == ["train 1"]
    assert str(recipe.run) == "elsewhere"
    with pytest.raises(ConfigError, match="no value 'setps'.*clips.*steps"):
        read_recipe(smoke, ["setps=1"])


def test_the_folder_of_the_recipe_is_that_of_the_file_that_is_run(write):
    write("general/config.yaml", {**BASE, "stages": ["annotate --config {spec}"]})
    own = write("traffic/config.yaml", {"extends": "../general/config.yaml"})
    assert read_recipe(own, []).commands == [f"annotate --config {own}"]


def test_what_is_extended_may_extend_another(write):
    write("a.yaml", BASE)
    write("b.yaml", {"extends": "a.yaml", "values": {"steps": "2"}, "before": ["b"]})
    recipe = read_recipe(write("c.yaml", {"extends": "b.yaml", "before": ["c"]}), [])
    assert recipe.commands == ["c", "b", "train 2"]
    assert [path.name for path in recipe.files] == ["c.yaml", "b.yaml", "a.yaml"]


@pytest.mark.parametrize(
    "section, says",
    [
        pytest.param({"extends": "absent.yaml"}, r"odd\.yaml: recipe\.extends is absent\.yaml", id="file_absent"),
        pytest.param({"extends": "odd.yaml"}, "circle", id="itself"),
        pytest.param({"extends": "round.yaml"}, "circle", id="in_a_circle"),
        pytest.param({"extends": "plain.yaml"}, r"plain\.yaml.*no section `recipe`", id="no_recipe"),
        pytest.param({"extends": "config.yaml", "stages": ["a"]}, "both `stages` and `extends`", id="both"),
        pytest.param({"values": {"run": "x"}}, "no `stages`", id="neither"),
        pytest.param({"stages": ["b"], "before": ["a"]}, "`before`", id="before_nothing"),
        pytest.param({"stages": []}, "`stages` is empty", id="no_stages"),
        pytest.param({"extend": "config.yaml"}, "unknown key 'extend'.*'extends'", id="misspelt"),
    ],
)
def test_what_cannot_be_extended_is_said_in_a_sentence(write, tmp_path, section, says):
    write("config.yaml", BASE)
    write("round.yaml", {"extends": "odd.yaml"})
    (tmp_path / "plain.yaml").write_text("train: {}\n")
    with pytest.raises(ConfigError, match=says):
        read_recipe(write("odd.yaml", section), [])


def test_a_file_of_ones_own_can_name_all_that_lies_beside_the_one_it_extends(write, tmp_path):
    page = (CHECKOUT / "docs/recipes.md").read_text().split("# mine/drives.yaml\n")[1].split("\n    demitasse run")[0]
    section = yaml.safe_load(textwrap.dedent(page))["recipe"]
    own = write("mine/drives.yaml", {**section, "extends": str(CHECKOUT / "recipes/av_captioning/config.yaml")})
    recipe = read_recipe(own, [])
    assert recipe.commands[0].startswith("data lint mine/drives --keys recipes/av_captioning/keys.yaml")
    assert recipe.commands[-1].endswith("--published recipes/av_captioning/published.yaml")
    assert not [command for command in recipe.commands if str(tmp_path) in command]
