"""Writing a file whole or not at all: a kill leaves the old file or the new one, never half of either."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from demitasse.errors import DataError, DiskFullError, is_bad_place, is_disk_full


@contextmanager
def replacing(path: Path, durable: bool = True, makes_folders: bool = True) -> Iterator[Path]:
    """A path to write to; on leaving the block it becomes `path`.

    With `durable` it is on the disk when the block is left; without, which a power cut may undo, thousands of files
    that can be written anew take no longer than they must.

    Missing folders are made, unless `makes_folders` is false: what is late then does not bring back a folder that
    others have removed. After an error nothing is left behind and `path` is as it was. Two processes may
    write the same target: the last to finish wins, and readers see one whole file or the other. What a kill
    leaves behind starts with a dot and lacks the target's own suffix, so that it is no input to anything.

    Raises:
        DiskFullError: if the disk does not take it.
        DataError: if there can be no such file: a folder, a device or a pipe stands there, a file in place of a folder,
            or it is forbidden.
    """
    _check_replaceable(path)
    partial = path.parent / f".{uuid4().hex}.partial"
    try:
        if makes_folders:
            path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        if durable:
            _sync(partial)
        os.replace(partial, path)
        if durable:
            _sync(path.parent)
    except OSError as error:
        if is_disk_full(error):
            raise DiskFullError(f"{path} could not be written ({error.strerror}): make room and run again") from None
        no_place = isinstance(error, FileNotFoundError) or is_bad_place(error)
        if no_place and Path(error.filename or "") in (partial, *path.parents):
            raise DataError(f"{path} cannot be written ({error.strerror}); name another place") from None
        raise
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def write_text(path: Path, text: str, durable: bool = True) -> None:
    """Replace `path` with `text` in UTF-8 and with line feeds, as `replacing` does."""
    with replacing(path, durable) as partial, open(partial, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)


def _check_replaceable(path: Path) -> None:
    """Refuse what a file must not take the place of: for root, `/dev/null` could be replaced like any other name."""
    special = path.parent.absolute() == Path("/dev")  # /dev/stdout may lead to a file, and is none itself
    if special or (os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path))):
        raise DataError(f"{path} is a device or a pipe, and would be replaced by a file; name a file of your own")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
