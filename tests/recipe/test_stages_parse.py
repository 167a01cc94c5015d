"""Every recipe's stages are commands that there are, with arguments and settings that they take."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

import pytest

from demitasse import cli, recipe
from demitasse.config import read_config
from demitasse.recipe import CHECKOUT, run_recipe
from train.config import TrainConfig

LAUNCHES = "accelerate"  # the folder of what `accelerate launch` reads
RECIPES = sorted(path for path in (CHECKOUT / "recipes").glob("*/*.yaml") if path.parent.name != LAUNCHES)


def parse(command: str) -> int:
    """Read a command's arguments and, of a training, its settings; nothing is run."""
    name, *words = shlex.split(command)
    add_arguments, _ = cli._functions(name)
    parser = argparse.ArgumentParser(prog=name)
    add_arguments(parser)
    args = parser.parse_args(words)
    if name == "train":
        read_config(TrainConfig, args.config, args.overrides, "train")
    return 0


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_stage_is_a_command_that_takes_its_arguments(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(recipe, "_dispatch", lambda command: seen.append(command) or parse(command))
    assert run_recipe(path, [f"run={tmp_path}"]) == 0
    assert len(seen) > 3
    assert not any("{" in command for command in seen)
