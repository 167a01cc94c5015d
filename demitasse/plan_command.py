"""`demitasse plan`: what a run will cost before it starts; the stage is the one whose section the file has."""

from __future__ import annotations

import argparse
from pathlib import Path

from demitasse.config.overrides import take_overrides_anywhere
from demitasse.errors import ConfigError

ANNOTATE, TRAIN = "annotate", "train"
PLANNERS = {ANNOTATE: "annotate.plan", TRAIN: "train.planning.plan"}


def add_plan_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse plan`."""
    parser.add_argument(
        "--config", "-e", type=Path, metavar="FILE", help="a recipe with `annotate:` or `train:`, or a TAO spec"
    )
    parser.add_argument("--stage", choices=(ANNOTATE, TRAIN), help="which, if the file has both")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="as for `demitasse annotate` or `train`")
    take_overrides_anywhere(parser)
    group = parser.add_argument_group("training")
    group.add_argument("--gpu", metavar="NAME", help="say whether it fits and how long it takes: h100-80, h200, l40s …")
    group.add_argument("--gpus", type=int, metavar="N", help="so many of them (default: 1)")
    group.add_argument("--mfu", type=float, metavar="SHARE", help="of the GPUs' peak that is assumed (default: 0.3)")


def run_plan(args: argparse.Namespace) -> int:
    """Print the plan of the stage that the configuration is for.

    Raises:
        DemitasseError: for a configuration that cannot be used.
    """
    from demitasse import cli  # not above: the command line imports this module

    stage = args.stage or _stage_of(args.config)
    if stage == ANNOTATE and (args.gpu, args.gpus, args.mfu) != (None, None, None):
        raise ConfigError("--gpu, --gpus and --mfu are for training, and this plan is of annotating; leave them out")
    if stage == TRAIN:
        if args.config is None:
            raise ConfigError("--stage train needs --config, a recipe with `train:`")
        args.gpus = 1 if args.gpus is None else args.gpus
    run: int = cli.of_stage(PLANNERS[stage]).run_plan(args)
    return run


def _stage_of(config: Path | None) -> str:
    """The stage whose section a file has; TAO's specs have none of ours, and are for annotating."""
    from demitasse.config.source import read_file

    found = {} if config is None else read_file(config).content
    sections = [stage for stage in (ANNOTATE, TRAIN) if isinstance(found, dict) and stage in found]
    if len(sections) > 1:
        raise ConfigError(f"{config} has both `annotate:` and `train:`; say which to plan with --stage")
    return sections[0] if sections else ANNOTATE
