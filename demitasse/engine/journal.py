"""An append-only file of JSON rows that survives kills, full disks and power cuts.

Each row is one `write` of one line to a file opened for appending. What a kill leaves of a last line is set
aside when the file is opened again, so that the next row is not glued to it. One process writes at a time; the
lock of the results folder (lock.py) sees to that.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import orjson

from demitasse.engine.step import Stop
from demitasse.errors import DataError

Row = dict[str, Any]
Key = TypeVar("Key", bound=Hashable)

SYNC_ROWS = 256  # one fsync costs as much as fifty rows; in groups it is lost in the noise
SYNC_SECONDS = 1.0
_BLOCK = 64 * 2**10


class Journal(Generic[Key]):
    """Rows in a file, found by a key; of rows with equal keys the last one counts.

    The index holds what was there when the journal was opened. It grows with what is appended only if `grows`: most
    runs never ask for what they have just written, and their memory stays flat.

    Args:
        path: the file; its folders are made.
        key: the key of a row.
        grows: whether a row that is appended can be found as well, at about 200 bytes a row.

    Attributes:
        torn: bytes of an unfinished last line that were set aside on opening.

    Raises:
        DataError: if a line is not a JSON object, or has no key.
    """

    def __init__(self, path: Path, key: Callable[[Row], Key], grows: bool = False) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._key = key
        self._grows = grows
        self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            self.torn = _set_torn_tail_aside(path, self._fd)
            self._index = _index(path, key)
        except BaseException:
            os.close(self._fd)
            raise
        self._size = os.fstat(self._fd).st_size
        self._unsynced = 0
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None  # the timer's

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __len__(self) -> int:
        """How many keys can be found."""
        return len(self._index)

    def find(self, key: Key) -> Row | None:
        """The last row with this key, of those in the index."""
        place = self._index.get(key)
        if place is None:
            return None
        row: Row = orjson.loads(os.pread(self._fd, place[1], place[0]))
        return row

    def append(self, row: Mapping[str, Any]) -> None:
        """Write one row, whole or not at all. It is on the disk after at most `SYNC_ROWS` rows or `SYNC_SECONDS`.

        Raises:
            Stop: if the disk does not take it; what it took is taken back.
        """
        line = orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
        try:
            written = os.write(self._fd, line)
        except OSError as error:
            raise Stop(
                f"{self.path}: a row could not be written ({error.strerror}); nothing before it is lost"
            ) from None
        if written != len(line):
            os.ftruncate(self._fd, self._size)
            raise Stop(
                f"{self.path}: the disk took {written} of a row's {len(line)} bytes, which were taken back; "
                "make room and run again"
            )
        if self._grows:
            self._index[self._key(dict(row))] = (self._size, written)
        self._size += written
        self._plan_sync()

    def sync(self) -> None:
        """Have everything on the disk before returning.

        Raises:
            Stop: if the disk fails.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._unsynced:
            return
        self._unsynced = 0
        try:
            os.fsync(self._fd)
        except OSError as error:
            raise Stop(f"{self.path}: the last rows may not be on the disk ({error.strerror})") from None

    def close(self) -> None:
        """Sync and close."""
        try:
            self.sync()
        finally:
            os.close(self._fd)

    def _plan_sync(self) -> None:
        self._unsynced += 1
        if self._unsynced >= SYNC_ROWS:
            self.sync()
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # no loop, no timer: the caller closes soon
            return
        if self._timer is None or self._loop is not loop:
            self._loop = loop
            self._timer = loop.call_later(SYNC_SECONDS, self.sync)


def read_rows(path: Path) -> Iterator[Row]:
    """The whole rows of a journal in the order they were written; a torn last line is left out.

    Raises:
        DataError: naming the line that is not a JSON object.
    """
    for _, _, row in _scan(path):
        yield row


def _scan(path: Path) -> Iterator[tuple[int, int, Row]]:
    """Offset, length and row of each whole line."""
    offset = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError:
                row = None
            if not isinstance(row, dict):
                raise DataError(f"{path}, line {number}: not a JSON object; mend or remove that line and run again")
            yield offset, len(line), row
            offset += len(line)


def _index(path: Path, key: Callable[[Row], Key]) -> dict[Key, tuple[int, int]]:
    index: dict[Key, tuple[int, int]] = {}
    for number, (offset, length, row) in enumerate(_scan(path), 1):
        try:
            index[key(row)] = (offset, length)
        except (KeyError, TypeError) as error:
            raise DataError(f"{path}, line {number}: the field {error} is missing or of the wrong type") from None
    return index


def _set_torn_tail_aside(path: Path, fd: int) -> int:
    """Move what follows the last line's end to a file beside the journal; return its length."""
    size = os.fstat(fd).st_size
    end = _end_of_last_line(fd, size)
    if end == size:
        return 0
    aside = path.with_name(f"{path.name}.torn-{time.time_ns()}")
    aside.write_bytes(os.pread(fd, size - end, end))
    os.ftruncate(fd, end)
    os.fsync(fd)
    return size - end


def _end_of_last_line(fd: int, size: int) -> int:
    end = size
    while end > 0:
        start = max(0, end - _BLOCK)
        newline = os.pread(fd, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0
