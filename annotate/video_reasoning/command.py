"""`demitasse annotate video`: from a folder of videos to the ten task files. A TAO experiment spec runs unchanged."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def add_video_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse annotate video`."""
    parser.add_argument(
        "--config", "-e", type=Path, metavar="FILE", help="a TAO spec, or a recipe with a section `annotate`"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--shard", metavar="i/n", help="only the i-th of n shards, counted from 0; 'slurm': this task of a Slurm array"
    )
    how.add_argument("--merge", action="store_true", help="unite the shards and write the task files; nothing is asked")
    parser.add_argument("--partial", action="store_true", help="with --merge: though shards are missing or unfinished")
    parser.add_argument("--write-spec", type=Path, metavar="FILE", help="write a spec with every field, and do no more")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="key=value",
        help="results_dir=DIR video_reasoning_annotation.data.video_root=DIR ...vlm.openai.base_url=URL ...",
    )


def run_video(args: argparse.Namespace) -> int:
    """Annotate, and say in the last line how every input ended.

    Returns:
        0 if all is done, 3 if something was skipped or quarantined, 130 if interrupted.
    """
    from annotate.video_reasoning.assemble import FOLDER
    from annotate.video_reasoning.config import read_draft, read_spec
    from annotate.video_reasoning.pipeline import annotate, merge
    from annotate.write_spec import write_spec
    from demitasse.engine.shard import read_shard
    from demitasse.errors import ConfigError

    if args.write_spec:
        write_spec(read_draft(args.config, args.overrides), args.write_spec, "demitasse annotate video")
        print(f"{args.write_spec}: every field with its value; set vlm, llm and data, then `demitasse check`")
        return 0
    if args.partial and not args.merge:
        raise ConfigError("--partial says what --merge may do without, and --merge was not given")
    shard = read_shard(args.shard, os.environ) if args.shard else None
    spec = read_spec(args.config, args.overrides)
    if args.merge:
        annotated = merge(spec, args.partial)
    else:
        annotated = annotate(spec, progress=not args.quiet, shard=shard)
    for note in annotated.notes:
        print(f"annotate: {note}", file=sys.stderr)
    if annotated.assembled is not None:
        counts = annotated.assembled.counts
        print(f"{sum(counts.values())} items in {len(counts)} files: {annotated.folder / FOLDER}")
    print(f"{annotated.folder}: {annotated.summary.line()}")
    return annotated.exit_code
