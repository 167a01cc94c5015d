"""A recipe: stages in order, each one a `demitasse` command that can be typed by hand.

    demitasse run recipes/quickstart/config.yaml run=runs/elsewhere

The `recipe` section of its YAML has `stages`, a list of commands, and `values`: what `{name}` in a command stands for,
replaced by `name=value` on the command line. Other sections are read by the commands that name the file. Every
command leaves finished work alone, so a recipe that was interrupted is started again and goes on.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import time
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from demitasse.atomic import write_text
from demitasse.errors import ConfigError, DemitasseError
from demitasse.stages import CHECKOUT

QUICKSTART = CHECKOUT / "recipes" / "quickstart" / "config.yaml"
SECTION = "recipe"
SKIPPED = 3  # finished, but something was skipped or quarantined
NEEDS_STUDENT = ("train", "predict")  # the first stage of these ends the making of data
_NAME = re.compile(r"\{(\w+)\}")


@dataclass
class Recipe:
    """The `recipe` section of a recipe's file.

    Attributes:
        values: what `{name}` in a stage stands for; `run` is the folder that everything is written to;
            `recipe`, the recipe's own folder, is always there.
        stages: the commands, without the word `demitasse`.
    """

    values: dict[str, str] = field(default_factory=dict)
    stages: list[str] = field(default_factory=list)


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse run`."""
    parser.add_argument("recipe", type=Path, help="a recipe's YAML file")
    add_values_arguments(parser)


def run_run(args: argparse.Namespace) -> int:
    """Run a recipe."""
    return run_recipe(args.recipe, args.values, args.until)


def run_recipe(path: Path, overrides: list[str], until: str | None = None) -> int:
    """Run a recipe's stages; returns the exit code of the worst.

    Raises:
        ConfigError: for a recipe that cannot be read, or a value that it does not have.
    """
    recipe = read_recipe(path, overrides)
    commands = [_filled(stage, recipe.values, path) for stage in recipe.stages]
    return _run_stages(path, recipe, commands if until is None else _until(commands, until, path))


def _run_stages(path: Path, recipe: Recipe, commands: list[str]) -> int:
    began, worst, done = time.monotonic(), 0, []
    for number, command in enumerate(commands, 1):
        print(f"\n[{number}/{len(commands)}] demitasse {command}", flush=True)
        since = time.monotonic()
        code = _dispatch(command)
        done.append({"command": command, "exit_code": code, "seconds": round(time.monotonic() - since, 1)})
        if code not in (0, SKIPPED):
            print(f"stopped at stage {number}; mend what it says and start the recipe again: it goes on from there")
            return code
        worst = max(worst, code)
    _record(Path(recipe.values["run"]), path, recipe, done)
    print(f"\n{len(commands)} stages in {time.monotonic() - began:.0f} s")
    return worst


def prepare(path: Path, files: list[str]) -> None:
    """Run a recipe's stages before the first that needs a student, if `files` of its own run are not there yet.

    Raises:
        DemitasseError: if a stage fails.
    """
    from demitasse.config.source import read_file

    if SECTION not in read_file(path).content:
        return
    recipe = read_recipe(path, [])
    run = Path(recipe.values["run"])
    if all(Path(file).exists() or not Path(file).is_relative_to(run) for file in files):
        return
    print(f"{', '.join(files)}: not there yet, so the recipe's stages before training are run first")
    commands = [_filled(stage, recipe.values, path) for stage in recipe.stages]
    making = list(takewhile(lambda command: command.split()[0] not in NEEDS_STUDENT, commands))
    if _run_stages(path, recipe, making) not in (0, SKIPPED):
        raise DemitasseError(f"{path}: the stages that make the training data did not finish")


def read_recipe(path: Path, overrides: list[str]) -> Recipe:
    """Read a recipe's own keys and put `name=value` overrides in.

    Raises:
        ConfigError: if the file is no recipe, or an override names no value of it.
    """
    import yaml

    from demitasse.config import read_config

    if not path.is_file():
        raise ConfigError(f"{path}: no such file; a recipe is a YAML file with `stages`")
    with open(path, encoding="utf-8") as file:
        try:
            sections = yaml.safe_load(file)
        except yaml.YAMLError as fault:
            raise ConfigError(f"{path}: not YAML: {' '.join(str(fault).split())}") from fault
    if not isinstance(sections, dict) or SECTION not in sections:
        raise ConfigError(f"{path}: it has no section `recipe` with the stages to run")
    recipe = read_config(Recipe, path, [f"values.{override}" for override in overrides], section=SECTION)
    declared = set(sections[SECTION].get("values") or {})
    # Where the recipe lies, as short as it can be written from here: commands work from any folder.
    folder = path.resolve().parent
    here = Path.cwd()
    recipe.values["recipe"] = str(folder.relative_to(here) if folder.is_relative_to(here) else folder)
    declared.add("recipe")
    for name in recipe.values:
        if name not in declared:
            raise ConfigError(f"{path}: there is no value '{name}' to set; there are {', '.join(sorted(declared))}")
    if "run" not in declared:
        raise ConfigError(f"{path}: recipe.values needs 'run', the folder that everything is written to")
    return recipe


def add_values_arguments(parser: argparse.ArgumentParser) -> None:
    """What every command that runs a recipe takes."""
    parser.add_argument("values", nargs="*", metavar="name=value", help="values of the recipe: run=runs/other seed=1")
    parser.add_argument("--until", metavar="COMMAND", help="stop after the first stage that begins so")


def _filled(text: str, values: dict[str, str], path: Path) -> str:
    """The text with each `{name}` replaced; a value may name others."""
    for _ in range(5):  # deep enough for any sane recipe, and no endless loop for a circular one
        names = _NAME.findall(text)
        if not names:
            return text
        unknown = [name for name in names if name not in values]
        if unknown:
            raise ConfigError(f"{path}: '{{{unknown[0]}}}' stands for nothing; recipe.values has {', '.join(values)}")
        text = _NAME.sub(lambda found: values[found[1]], text)
    raise ConfigError(f"{path}: recipe.values refer to each other in a circle")


def _until(commands: list[str], until: str, path: Path) -> list[str]:
    for number, command in enumerate(commands, 1):
        if f"{command} ".startswith(f"{until} "):
            return commands[:number]
    raise ConfigError(f"{path}: no stage is '{until} …'; there are {', '.join(_first_words(commands))}")


def _first_words(commands: list[str]) -> list[str]:
    return list(dict.fromkeys(command.split()[0] for command in commands))


def _dispatch(command: str) -> int:
    """Run one command here: a stage costs no second start of Python and torch."""
    from demitasse import cli  # not above: the command line imports this module

    return cli.main(shlex.split(command))


def _record(run: Path, path: Path, recipe: Recipe, done: list[dict[str, object]]) -> None:
    """`run.json`: what was run, how long it took, and how it ended."""
    import json

    recipe_path = os.path.relpath(path, CHECKOUT) if path.resolve().is_relative_to(CHECKOUT) else path.name
    content = {"recipe": recipe_path, "values": recipe.values, "stages": done}
    write_text(run / "run.json", json.dumps(content, indent=2) + "\n")
