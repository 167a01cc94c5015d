"""`demitasse run`: a recipe's stages in order."""

from __future__ import annotations

import argparse
from pathlib import Path

from demitasse.config.overrides import take_overrides_anywhere
from demitasse.recipe.run import run_recipe


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse run`."""
    parser.add_argument("recipe", type=Path, help="a recipe's YAML file")
    add_values_arguments(parser)
    parser.add_argument("--plan", action="store_true", help="show which stages are done and what the others cost; stop")
    group = parser.add_argument_group("for the plan of a training")
    group.add_argument("--gpu", metavar="NAME", help="how long it takes on this one: h100-80, h200, l40s …")
    group.add_argument("--gpus", metavar="N", help="so many of them (default: 1)")


def add_values_arguments(parser: argparse.ArgumentParser) -> None:
    """What every command that runs a recipe takes."""
    parser.add_argument(
        "values", nargs="*", default=[], metavar="name=value", help="values of the recipe: run=runs/other seed=1"
    )
    take_overrides_anywhere(parser, "values")
    parser.add_argument("--until", metavar="COMMAND", help="stop after the first stage that begins so")
    parser.add_argument("--again", metavar="COMMAND", help="run the stages that begin so though they are done")
    parser.add_argument(
        "--anew",
        action="store_true",
        help="a stage of --again, and any that refuses to mix with what it made before, begins with nothing: that is "
        "moved to RUN/aside",
    )


def run_run(args: argparse.Namespace) -> int:
    """Run a recipe."""
    gpus = [word for name in ("gpu", "gpus") if (value := getattr(args, name)) for word in (f"--{name}", value)]
    return run_recipe(args.recipe, args.values, args.until, args.again, args.plan, gpus, args.anew)
