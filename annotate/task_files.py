"""Task files in a run's results: written anew by every run, the same bytes for the same items, media still found."""

from __future__ import annotations

import datetime
import os
from dataclasses import dataclass, replace
from pathlib import Path

from demitasse.dataset import FORMAT, Dialect, Item, TaskFile, read, write
from demitasse.errors import DataError


@dataclass(frozen=True)
class Envelope:
    """What all task files of a run have in common."""

    media_root: str
    license: str = ""
    description_extra: str = ""
    dialect: Dialect = "tao"


@dataclass(frozen=True)
class Assembled:
    """What was written: the number of items by task, and what could not be used, as (what, why)."""

    counts: dict[str, int]
    unusable: list[tuple[str, str]]


def write_task_file(path: Path, task: str, items: list[Item], description: str, envelope: Envelope) -> None:
    """Write one task's items.

    Without items there is no file, but one that an earlier run wrote is emptied; a file that has not changed is left
    as it is, with its date.

    Raises:
        DataError: if a file that is not this task's stands in the way.
    """
    old = _own(path, task)
    if not items and old is None:
        return
    new = TaskFile(
        items,
        task=task,
        license=envelope.license,
        description=" ".join(part for part in (description, envelope.description_extra) if part),
        date=datetime.date.today().isoformat(),
        media_root=envelope.media_root,
        path=path,
    )
    if old is None or replace(new, date=old.date).to_json() != old.to_json():
        write(path, new)


def portable_root(media_root: str, folder: Path) -> str:
    """`media_root` for files in a folder of the results, such as `results/step_4_output`.

    Relative to that folder if `media_root` was given relative, or lies inside the results or beside them, so that
    both move together; otherwise the absolute path as it was given.
    """
    root, results = Path(media_root).resolve(), folder.parent.resolve()
    if Path(media_root).is_absolute() and not root.is_relative_to(results.parent):
        return media_root
    return Path(os.path.relpath(root, results / folder.name)).as_posix()


def _own(path: Path, task: str) -> TaskFile | None:
    """The task file that an earlier run wrote here; None if there is nothing."""
    if not path.exists():
        return None
    try:
        found = read(path)
    except DataError as error:
        raise DataError(f"{path} is in the way of the '{task}' items and is no {FORMAT} file; move it") from error
    if found.task != task:
        raise DataError(f"{path} holds items of the task '{found.task}', not '{task}'; move it")
    return found
