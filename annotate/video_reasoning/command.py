"""`demitasse annotate video`: from a folder of videos to the ten task files. A TAO experiment spec runs unchanged."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from annotate.run.arguments import add_run_arguments, check_told, run_told

if TYPE_CHECKING:
    from annotate.task_files import Assembled


def add_video_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse annotate video`."""
    overrides = "results_dir=DIR video_reasoning_annotation.data.video_root=DIR ...vlm.openai.base_url=URL ..."
    add_run_arguments(parser, "the task files", overrides)


def check_video_arguments(args: argparse.Namespace) -> None:
    """Refuse a spec that no run could begin with."""
    from annotate.video_reasoning.config import Spec

    check_told(args, Spec)


def run_video(args: argparse.Namespace) -> int:
    """Annotate, and say in the last line how every input ended.

    Returns:
        0 if all is done, 3 if something was skipped or quarantined, 130 if interrupted.
    """
    from annotate.video_reasoning.config import Spec
    from annotate.video_reasoning.pipeline import run_of

    return run_told(args, "video", "vlm, llm", Spec, run_of, _written)


def _written(folder: Path, assembled: Assembled) -> Iterator[str]:
    from annotate.video_reasoning.assemble import FOLDER

    counts = assembled.counts
    yield f"{sum(counts.values())} items in {len(counts)} files: {folder / FOLDER}"
