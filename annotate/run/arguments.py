"""The arguments that every `demitasse annotate` of a spec takes, and what they come to."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from annotate.run.pipeline import Annotated
    from demitasse.engine.shard import Shard


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
    parser.add_argument("--write-spec", type=Path, metavar="FILE", help="write a spec with every field, and do no more")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help=overrides)


def written_spec(args: argparse.Namespace, kind: str, draft: Any, endpoints: str) -> int:
    """Write the spec that was asked for, in which `endpoints` and the data are still to be set; returns 0.

    Raises:
        ConfigError: if it cannot be written.
    """
    from annotate.write_spec import write_spec

    write_spec(draft, args.write_spec, f"demitasse annotate {kind}")
    print(f"{args.write_spec}: every field with its value; set {endpoints} and data, then `demitasse check`")
    return 0


def tell(annotated: Annotated[Any], written: Sequence[str]) -> int:
    """Print what a run did: its notes, lines on what was written, and in the last line how every input ended.

    Returns:
        0 if all is done, 3 if something was skipped or quarantined, 130 if interrupted.
    """
    for note in annotated.notes:
        print(f"annotate: {note}", file=sys.stderr)
    for line in written:
        print(line)
    print(f"{annotated.folder}: {annotated.summary.line()}")
    return annotated.exit_code


def shard_of(args: argparse.Namespace) -> Shard | None:
    """The shard that was asked for.

    Raises:
        ConfigError: if there is none of that name, or the arguments contradict each other.
    """
    from demitasse.engine.shard import read_shard
    from demitasse.errors import ConfigError

    if args.partial and not args.merge:
        raise ConfigError("--partial says what --merge may do without, and --merge was not given")
    return read_shard(args.shard, os.environ) if args.shard else None
