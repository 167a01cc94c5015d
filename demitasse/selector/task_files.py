"""The dataset that a command line names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from demitasse.dataset import TaskFile, read, read_folder
from demitasse.errors import DataError


def read_task_files(paths: Sequence[Path]) -> list[TaskFile]:
    """The files, and those that lie directly in the folders.

    Raises:
        DataError: if one is not there, or is no tao-vl-reason file.
    """
    for path in paths:
        if not path.exists():
            raise DataError(f"{path}: no such file or folder; give tao-vl-reason files")
    return [file for path in paths for file in (read_folder(path) if path.is_dir() else [read(path)])]
