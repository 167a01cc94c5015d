"""The arguments that every `demitasse annotate` of a spec takes, and what they come to."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from demitasse.config.overrides import take_overrides_anywhere

if TYPE_CHECKING:
    from annotate.run.pipeline import Assembly, Run
    from annotate.run.spec import Experiment
    from demitasse.engine.shard import Shard

Spec = TypeVar("Spec", bound="Experiment")
Assembled = TypeVar("Assembled", bound="Assembly")


def add_run_arguments(parser: argparse.ArgumentParser, written: str, overrides: str) -> None:
    """Add them.

    Args:
        parser: of the command.
        written: what a merge writes at its end, for the help.
        overrides: the keys that most people set, for the help.
    """
    parser.add_argument(
        "--config", "-e", type=Path, metavar="FILE", help="a TAO spec, or a recipe with a section `annotate`"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--shard", metavar="i/n", help="only the i-th of n shards, counted from 0; 'slurm': this task of a Slurm array"
    )
    how.add_argument("--merge", action="store_true", help=f"unite the shards and write {written}; nothing is asked")
    parser.add_argument("--partial", action="store_true", help="with --merge: though shards are missing or unfinished")
    parser.add_argument(
        "--write-spec", type=Path, metavar="FILE", help="write a spec with every field (-: on stdout), and do no more"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help=overrides)
    take_overrides_anywhere(parser)


def check_told(args: argparse.Namespace, cls: type[Experiment]) -> None:
    """Refuse arguments and a spec that no run could begin with; nothing is looked at besides.

    Raises:
        ConfigError: naming what is wrong.
    """
    _shard_of(args)
    if not args.write_spec:
        cls.read(args.config, args.overrides)


def run_told(
    args: argparse.Namespace,
    kind: str,
    unset: str,
    cls: type[Spec],
    run_of: Callable[[Spec], Run[Assembled]],
    written: Callable[[Path, Assembled], Iterable[str]],
) -> int:
    """Do what the arguments of `add_run_arguments` say; in the last line stands how every input ended.

    Args:
        args: the arguments.
        kind: which `demitasse annotate` this is.
        unset: what is still to be set in a spec that is written, besides data and results_dir.
        cls: of its spec.
        run_of: makes a run of a spec.
        written: lines on what a run has written into its folder.

    Returns:
        0 if all is done, 3 if something was skipped, quarantined or left out, 130 if interrupted.

    Raises:
        DemitasseError: for arguments, a configuration or a folder that cannot be used.
    """
    if args.write_spec:
        return _write_spec(args, kind, cls.read_draft(args.config, args.overrides), unset)
    shard = _shard_of(args)
    run = run_of(cls.read(args.config, args.overrides))
    annotated = run.merge(args.partial) if args.merge else run.annotate(progress=not args.quiet, shard=shard)
    for note in annotated.notes:
        print(f"annotate: {note}", file=sys.stderr)
    for line in written(annotated.folder, annotated.assembled) if annotated.assembled is not None else ():
        print(line)
    print(f"{annotated.folder}: {annotated.summary.line()}")
    return annotated.exit_code


def _write_spec(args: argparse.Namespace, kind: str, draft: Experiment, unset: str) -> int:
    from annotate.write_spec import STDOUT, write_spec

    write_spec(draft, args.write_spec, f"demitasse annotate {kind}")
    stdout = args.write_spec == STDOUT
    print(
        f"{'spec' if stdout else args.write_spec}: every field with its value; set {unset}, data and results_dir, "
        "then `demitasse check`",
        file=sys.stderr if stdout else sys.stdout,
    )
    return 0


def _shard_of(args: argparse.Namespace) -> Shard | None:
    from demitasse.engine.shard import read_shard
    from demitasse.errors import ConfigError

    if args.partial and not args.merge:
        raise ConfigError("--partial says what --merge may do without, and --merge was not given")
    return read_shard(args.shard, os.environ) if args.shard else None
