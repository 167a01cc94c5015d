"""Every recipe's folder is what a reader expects: a recipe, its smoke, a page, and stages that their commands take."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import pytest

from demitasse import cli
from demitasse.config import read_config
from demitasse.recipe import CHECKOUT, read_recipe
from demitasse.recipe.read import has_recipe
from train.config import TrainConfig

NOT_RECIPES = {"accelerate", "slurm", "__pycache__"}  # how to launch a training
FOLDERS = sorted(path for path in (CHECKOUT / "recipes").iterdir() if path.is_dir() and path.name not in NOT_RECIPES)
FILES = [file for folder in FOLDERS for file in sorted(folder.glob("*.yaml")) if has_recipe(file)]
HEADINGS = ["Data", "Run", "Cost", "Published and ours", "What the source leaves out", "Smoke"]
OURS = ("annotate/", "benchmarks/", "demitasse/", "docs/", "evaluate/", "prompts/", "recipes/", "tests/", "train/")
MADE_OR_GOT = ("runs/", "models/")  # what a run writes, and weights, which go by their published names
COMMANDS = ("demitasse ", "python ", "accelerate ", "make ", "sbatch ")
_SETS = re.compile(r"^[\w.]+=")

each_folder = pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)


def page_of(folder: Path) -> str:
    return (folder / "README.md").read_text(encoding="utf-8")


def commands_in(page: str) -> list[str]:
    """The commands of a page's blocks, with the lines that a backslash continues."""
    fenced = re.findall(r"^```\w*\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    indented = re.findall(r"(?:^ {4}.*\n?)+", page, re.MULTILINE)
    lines = "\n".join(fenced + indented).replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip().startswith(COMMANDS)]


def paths_in(command: str) -> list[str]:
    words = [_SETS.sub("", word).strip("[]") for word in shlex.split(command, comments=True)]
    parts = [part for word in words for part in word.split(",")]
    return [part for part in parts if "/" in part and "://" not in part and not re.search(r"[{}<>$*…]", part)]


@each_folder
def test_a_recipe_has_a_configuration_a_smoke_and_a_page(folder: Path) -> None:
    assert [name for name in ("config.yaml", "smoke.yaml", "README.md") if not (folder / name).is_file()] == []


@each_folder
def test_its_smoke_runs_the_stages_of_its_configuration_and_writes_elsewhere(folder: Path) -> None:
    full, smoke = (read_recipe(folder / name, []) for name in ("config.yaml", "smoke.yaml"))
    assert len(smoke.files) > 1  # it extends: nothing is copied
    assert smoke.stages[-len(full.stages) :] == full.stages
    assert smoke.run != full.run


@each_folder
def test_its_page_has_the_agreed_headings_in_order(folder: Path) -> None:
    found = re.findall(r"^## (.+)$", page_of(folder), re.MULTILINE)
    assert [heading for heading in found if heading in HEADINGS] == HEADINGS


@each_folder
def test_every_file_that_its_commands_name_is_there_or_is_said_to_be_data(folder: Path) -> None:
    page = page_of(folder)
    commands = commands_in(page)
    assert any(command.startswith("demitasse run") for command in commands)
    data = page.partition("## Data")[2].partition("\n## ")[0]
    absent = [
        path
        for path in dict.fromkeys(path for command in commands for path in paths_in(command))
        if not (CHECKOUT / path).exists()
        and not path.startswith(MADE_OR_GOT)
        and (path.startswith(OURS) or not any(part in data for part in (path, str(Path(path).parent))))
    ]
    assert absent == []


@each_folder
def test_its_page_tells_how_to_run_its_smoke(folder: Path) -> None:
    assert f"recipes/{folder.name}/smoke.yaml" in page_of(folder).partition("## Smoke")[2]


@each_folder
def test_every_command_of_its_page_takes_its_arguments(folder: Path) -> None:
    """Settings of a training among them, and the values of a recipe; nothing is run."""
    for command in map(with_braces_expanded, commands_in(page_of(folder))):
        words = shlex.split(command, comments=True)
        if words[0] == "demitasse":
            parse(shlex.join(words[1:]))
        elif "train/sft.py" in words:
            parse(shlex.join(["train", *words[words.index("train/sft.py") + 1 :]]))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_stage_is_a_command_that_takes_its_arguments(path: Path, tmp_path: Path) -> None:
    recipe = read_recipe(path, [f"run={tmp_path}"])
    assert len(recipe.stages) >= 1
    for command in recipe.commands:
        assert "{" not in command.replace("{}", "")
        parse(command)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_value_with_a_space_in_it_breaks_no_stage(path: Path) -> None:
    recipe = read_recipe(path, [])
    spaced = [
        f"{name}={value} of mine" for name, value in recipe.values.items() if name not in {"recipe", *recipe.several}
    ]
    assert list(map(count, read_recipe(path, spaced).commands)) == list(map(count, recipe.commands))


def with_braces_expanded(command: str) -> str:
    """`models/{A,B}.json` as a shell would put it: two words."""
    return re.sub(
        r"(\S*)\{([^{}\s]*,[^{}\s]*)\}(\S*)",
        lambda found: " ".join(f"{found[1]}{part}{found[3]}" for part in found[2].split(",")),
        command,
    )


def count(command: str) -> int:
    return len(shlex.split(command))


def parse(command: str) -> None:
    """Read a command's arguments and, of a training, its settings; nothing is run."""
    name, *words = shlex.split(command)
    add_arguments, _ = cli._functions(name)
    parser = argparse.ArgumentParser(prog=name)
    add_arguments(parser)
    args = parser.parse_args(words)
    if name == "train":
        read_config(TrainConfig, args.config, args.overrides, "train")
    if name == "run":
        recipe = read_recipe(args.recipe, args.values)
        assert not args.until or any(stage.startswith(args.until) for stage in recipe.commands), args.until
