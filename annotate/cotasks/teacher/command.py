"""`demitasse annotate cotasks source=teacher`: the four CoTasks of questions about videos that nobody has annotated."""

from __future__ import annotations

import argparse
from pathlib import Path

from annotate.run.arguments import shard_of, tell, written_spec
from demitasse.errors import ConfigError


def run_teacher(args: argparse.Namespace) -> int:
    """Annotate, and say in the last line how every question ended.

    Args:
        args: those of `add_run_arguments`.

    Returns:
        0 if all is done, 3 if something was skipped, quarantined or left out, 130 if interrupted.
    """
    from annotate.cotasks.output import COTASKS, LEFT_OUT, RESOLVED
    from annotate.cotasks.teacher.config import read_draft, read_spec
    from annotate.cotasks.teacher.pipeline import annotate, merge

    if args.write_spec:
        return written_spec(args, "cotasks", read_draft(args.config, args.overrides), "vlm, questions, videos")
    shard = shard_of(args)
    spec = read_spec(args.config, args.overrides)
    if (Path(spec.results_dir) / RESOLVED).is_file():
        raise ConfigError(f"{spec.results_dir} holds CoTasks from annotation, which would be lost; name another folder")
    annotated = merge(spec, args.partial) if args.merge else annotate(spec, progress=not args.quiet, shard=shard)
    written = []
    if annotated.assembled is not None:
        summary = annotated.assembled.summary
        items = ", ".join(f"{count} {task}" for task, count in summary["items"].items())
        written.append(
            f"CoTasks of {summary['done']} questions: {annotated.folder / COTASKS}; items: {items or 'none'}"
        )
        if summary["left_out"]:
            written.append(f"{annotated.folder / LEFT_OUT} names each question that was left out")
    return tell(annotated, written)
