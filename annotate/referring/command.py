"""`demitasse annotate image`: from images with KITTI labels to referring expressions. A TAO spec runs unchanged."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from annotate.run.arguments import add_run_arguments, check_told, run_told

if TYPE_CHECKING:
    from annotate.referring.pipeline import Made


def add_image_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse annotate image`."""
    overrides = "results_dir=DIR image_referring_expression.data.image_dir=DIR ...vlm.openai.base_url=URL ..."
    add_run_arguments(parser, "the annotations", overrides)


def check_image_arguments(args: argparse.Namespace) -> None:
    """Refuse a spec that no run could begin with."""
    from annotate.referring.config import Spec

    check_told(args, Spec)


def run_image(args: argparse.Namespace) -> int:
    """Annotate, and say in the last line how every input ended.

    Returns:
        0 if all is done, 3 if something was skipped or quarantined, 130 if interrupted.
    """
    from annotate.referring.config import Spec
    from annotate.referring.pipeline import run_of

    return run_told(args, "image", "vlm", Spec, run_of, _written)


def _written(folder: Path, made: Made) -> Iterator[str]:
    from annotate.referring.annotations import FILE
    from annotate.referring.items import FOLDER

    found, items = made.annotations, made.items
    counts = f"{found.regions} regions, {found.captions} captions, {found.expressions} expressions"
    where = f": {folder / FILE}" if (folder / FILE).exists() else ""  # there is none where only TAO's files are wanted
    yield f"{found.images} images with {counts}{where}"
    if items.counts:
        yield f"{sum(items.counts.values())} items: {folder / FOLDER}"
