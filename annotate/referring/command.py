"""`demitasse annotate image`: from images with KITTI labels to referring expressions. A TAO spec runs unchanged."""

from __future__ import annotations

import argparse

from annotate.run.arguments import add_run_arguments, shard_of, tell, written_spec


def add_image_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse annotate image`."""
    overrides = "results_dir=DIR image_referring_expression.data.image_dir=DIR ...vlm.openai.base_url=URL ..."
    add_run_arguments(parser, "the annotations", overrides)


def run_image(args: argparse.Namespace) -> int:
    """Annotate, and say in the last line how every input ended.

    Returns:
        0 if all is done, 3 if something was skipped or quarantined, 130 if interrupted.
    """
    from annotate.referring.annotations import FILE
    from annotate.referring.config import read_draft, read_spec
    from annotate.referring.items import FOLDER
    from annotate.referring.pipeline import annotate, merge

    if args.write_spec:
        return written_spec(args, "image", read_draft(args.config, args.overrides), "vlm")
    shard = shard_of(args)
    spec = read_spec(args.config, args.overrides)
    annotated = merge(spec, args.partial) if args.merge else annotate(spec, progress=not args.quiet, shard=shard)
    written = []
    if annotated.assembled is not None:
        made, items = annotated.assembled.annotations, annotated.assembled.items
        counts = f"{made.regions} regions, {made.captions} captions, {made.expressions} expressions"
        where = annotated.folder / FILE if spec.image_referring_expression.workflow.output_format != "legacy" else ""
        written.append(f"{made.images} images with {counts}" + (f": {where}" if where else ""))
        if items.counts:
            written.append(f"{sum(items.counts.values())} items: {annotated.folder / FOLDER}")
    return tell(annotated, written)
