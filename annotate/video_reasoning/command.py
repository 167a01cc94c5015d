"""`demitasse annotate video`: from a folder of videos to the ten task files. A TAO experiment spec runs unchanged."""

from __future__ import annotations

import argparse

from annotate.run.arguments import add_run_arguments, shard_of, tell, written_spec


def add_video_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse annotate video`."""
    overrides = "results_dir=DIR video_reasoning_annotation.data.video_root=DIR ...vlm.openai.base_url=URL ..."
    add_run_arguments(parser, "the task files", overrides)


def run_video(args: argparse.Namespace) -> int:
    """Annotate, and say in the last line how every input ended.

    Returns:
        0 if all is done, 3 if something was skipped or quarantined, 130 if interrupted.
    """
    from annotate.video_reasoning.assemble import FOLDER
    from annotate.video_reasoning.config import read_draft, read_spec
    from annotate.video_reasoning.pipeline import annotate, merge

    if args.write_spec:
        return written_spec(args, "video", read_draft(args.config, args.overrides), "vlm, llm")
    shard = shard_of(args)
    spec = read_spec(args.config, args.overrides)
    annotated = merge(spec, args.partial) if args.merge else annotate(spec, progress=not args.quiet, shard=shard)
    written = []
    if annotated.assembled is not None:
        counts = annotated.assembled.counts
        written.append(f"{sum(counts.values())} items in {len(counts)} files: {annotated.folder / FOLDER}")
    return tell(annotated, written)
