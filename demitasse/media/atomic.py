"""Whole files or none: written beside the target, then moved into its place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to; on leaving the block it becomes `path`.

    The folder is made if need be. After an error nothing is left behind and `path` is as it was. Two processes
    may write the same target: the last to finish wins, and readers see one whole file or the other. What a kill
    leaves behind lacks the target's ending, so that no walk takes it for a video.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.parent / f".{uuid4().hex}.partial"
    try:
        yield partial
        _sync(partial)
        os.replace(partial, path)
        _sync(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
