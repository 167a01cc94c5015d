"""`demitasse annotate cotasks source=teacher`: the four CoTasks of questions about videos that nobody has annotated."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from annotate.run.arguments import run_told
from demitasse.errors import ConfigError

if TYPE_CHECKING:
    from annotate.cotasks.teacher.config import Spec
    from annotate.cotasks.teacher.pipeline import Assembled
    from annotate.run.pipeline import Run


def run_teacher(args: argparse.Namespace) -> int:
    """Annotate, and say in the last line how every question ended.

    Args:
        args: those of `add_run_arguments`.

    Returns:
        0 if all is done, 3 if something was skipped, quarantined or left out, 130 if interrupted.
    """
    from annotate.cotasks.teacher.config import Spec

    return run_told(args, "cotasks", "vlm, questions, videos", Spec, _run_of, _written)


def _run_of(spec: Spec) -> Run[Assembled]:
    from annotate.cotasks.output import RESOLVED
    from annotate.cotasks.teacher.pipeline import run_of

    if (Path(spec.results_dir) / RESOLVED).is_file():
        raise ConfigError(f"{spec.results_dir} holds CoTasks from annotation, which would be lost; name another folder")
    return run_of(spec)


def _written(folder: Path, assembled: Assembled) -> Iterator[str]:
    from annotate.cotasks.output import COTASKS, LEFT_OUT

    summary = assembled.summary
    items = ", ".join(f"{count} {task}" for task, count in summary["items"].items())
    yield f"CoTasks of {summary['done']} questions: {folder / COTASKS}; items: {items or 'none'}"
    if summary["left_out"]:
        yield f"{folder / LEFT_OUT} names each question that was left out"
