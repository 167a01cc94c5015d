"""`demitasse annotate espresso`: from a folder of videos to questions with core frames, key items and evidence."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from annotate.run.arguments import add_run_arguments, check_told, run_told

if TYPE_CHECKING:
    from annotate.task_files import Assembled


def add_espresso_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse annotate espresso`."""
    overrides = "results_dir=DIR video_espresso.data.video_root=DIR video_espresso.captioner.openai.base_url=URL ..."
    add_run_arguments(parser, "the items", overrides)


def check_espresso_arguments(args: argparse.Namespace) -> None:
    """Refuse a spec that no run could begin with."""
    from annotate.espresso.config import Spec

    check_told(args, Spec)


def run_espresso(args: argparse.Namespace) -> int:
    """Annotate, and say in the last line how every input ended.

    Returns:
        0 if all is done, 3 if something was skipped or quarantined, 130 if interrupted.
    """
    from annotate.espresso.config import Spec
    from annotate.espresso.pipeline import run_of

    return run_told(args, "espresso", "captioner, writer", Spec, run_of, _written)


def _written(folder: Path, assembled: Assembled) -> Iterator[str]:
    from annotate.espresso.items import FOLDER

    if assembled.counts:
        counts = ", ".join(f"{count} {task}" for task, count in assembled.counts.items())
        yield f"items: {counts}: {folder / FOLDER}"
