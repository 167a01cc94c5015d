"""`demitasse annotate`: teachers write data about your videos."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add_annotate_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse annotate`."""
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    video = kinds.add_parser(
        "video",
        help="captions, descriptions and ten tasks of questions with reasoning, from a folder of videos",
        description="Video reasoning annotation: TAO's steps 0 to 4. A TAO experiment spec runs unchanged.",
    )
    video.add_argument("--config", type=Path, metavar="FILE", help="a TAO spec, or a recipe with a section `annotate`")
    video.add_argument("--quiet", action="store_true", help="no progress bar")
    video.add_argument(
        "overrides",
        nargs="*",
        metavar="key=value",
        help="results_dir=DIR video_reasoning_annotation.data.video_root=DIR ...vlm.openai.base_url=URL ...",
    )


def run_annotate(args: argparse.Namespace) -> int:
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
