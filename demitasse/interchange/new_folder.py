"""A folder that is written whole or not at all, and the media in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from demitasse.atomic import replacing
from demitasse.errors import DataError

Media = Literal["copy", "link"]


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder to fill; on leaving the block it becomes `out`.

    After an error or a kill there is no `out`, but what was copied stays beside it, and the next try goes on there.

    Raises:
        DataError: if `out` holds something, or is no folder.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} is not empty; give a folder that is not there yet")
    partial = out.parent / f".{out.name}.partial"
    yield partial
    if out.is_dir():
        out.rmdir()
    os.replace(partial, out)


def put_medium(source: Path, target: Path, media: Media) -> None:
    """Copy a file, or link to it. A whole copy from before is not made again."""
    if target.is_symlink() or target.exists():
        if media == "copy" and not target.is_symlink() and target.stat().st_size == source.stat().st_size:
            return
        target.unlink()
    target.parent.mkdir(parents=True, exist_ok=True)
    if media == "link":
        target.symlink_to(source)
        return
    with replacing(target) as half:
        shutil.copyfile(source, half)


def remove_others(folder: Path, wanted: set[str]) -> None:
    """Take away what an interrupted export of another dataset left; `wanted` are paths under `folder` with "/"."""
    for path in sorted(folder.rglob("*")):
        is_file = path.is_symlink() or path.is_file()
        if is_file and path.relative_to(folder).as_posix() not in wanted:
            path.unlink()
