"""`demitasse annotate video`: from a folder of videos to the ten task files. A TAO experiment spec runs unchanged."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add_video_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse annotate video`."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="a TAO spec, or a recipe with a section `annotate`")
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
    from annotate.video_reasoning.config import read_spec
    from annotate.video_reasoning.pipeline import annotate

    annotated = annotate(read_spec(args.config, args.overrides), progress=not args.quiet)
    for note in annotated.notes:
        print(f"annotate: {note}", file=sys.stderr)
    if annotated.assembled is not None:
        counts = annotated.assembled.counts
        print(f"{sum(counts.values())} items in {len(counts)} files: {annotated.folder / FOLDER}")
    print(f"{annotated.folder}: {annotated.summary.line()}")
    return annotated.exit_code
