"""`demitasse annotate espresso`: from a folder of videos to questions with core frames, key items and evidence."""

from __future__ import annotations

import argparse

from annotate.run.arguments import add_run_arguments, shard_of, tell, written_spec


def add_espresso_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse annotate espresso`."""
    overrides = "results_dir=DIR video_espresso.data.video_root=DIR video_espresso.captioner.openai.base_url=URL ..."
    add_run_arguments(parser, "the items", overrides)


def run_espresso(args: argparse.Namespace) -> int:
    """Annotate, and say in the last line how every input ended.

    Returns:
        0 if all is done, 3 if something was skipped or quarantined, 130 if interrupted.
    """
    from annotate.espresso.config import read_draft, read_spec
    from annotate.espresso.items import FOLDER
    from annotate.espresso.pipeline import annotate, merge

    if args.write_spec:
        return written_spec(args, "espresso", read_draft(args.config, args.overrides), "captioner, writer")
    shard = shard_of(args)
    spec = read_spec(args.config, args.overrides)
    annotated = merge(spec, args.partial) if args.merge else annotate(spec, progress=not args.quiet, shard=shard)
    written = []
    if annotated.assembled is not None and annotated.assembled.counts:
        counts = ", ".join(f"{count} {task}" for task, count in annotated.assembled.counts.items())
        written.append(f"items: {counts}: {annotated.folder / FOLDER}")
    return tell(annotated, written)
