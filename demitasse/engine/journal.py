"""An append-only file of JSON rows that survives kills, full disks and power cuts.

Each row is one `write` of one line to a file opened for appending. What a kill leaves of a last line is set
aside when the file is opened again, so that the next row is not glued to it. One process writes at a time; the
lock of the results folder (lock.py) sees to that.
"""

from __future__ import annotations

import asyncio
import os
import time
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, NoReturn, Self, TypeVar

import orjson

from demitasse.engine.places import Places
from demitasse.engine.step import Stop
from demitasse.errors import DataError

Row = dict[str, Any]
Key = TypeVar("Key", bound=Hashable)

SYNC_ROWS = 256  # one fsync costs as much as fifty rows; in groups it is lost in the noise
SYNC_SECONDS = 1.0
_NOT_ON_DISK = "the last rows may not be on the disk ({}): mend that and run again"
_BLOCK = 64 * 2**10
_LINE = 4 * 2**10  # most rows are shorter


class Journal(Generic[Key]):
    """Rows in a file, found by a key; of rows with equal keys the last one counts.

    The index holds what was there when the journal was opened. It grows with what is appended only if `grows`: most
    runs never ask for what they have just written, and their memory stays flat.

    Args:
        path: the file; its folders are made.
        key: the key of a row.
        grows: whether a row that is appended can be found as well, at 16 bytes a row.
        beneath: where a row is looked for that is not in the file; closed by whoever opened it.

    Attributes:
        torn: bytes of an unfinished last line that were set aside on opening.
        broken: why a row could not be written; empty as long as none failed.

    Raises:
        DataError: if a line is not a JSON object, or has no key.
    """

    def __init__(
        self, path: Path, key: Callable[[Row], Key], grows: bool = False, beneath: Rows[Key] | None = None
    ) -> None:
        self.path = path
        self.broken = ""
        self._beneath = beneath
        path.parent.mkdir(parents=True, exist_ok=True)
        self._key = key
        self._grows = grows
        self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            self.torn = _set_torn_tail_aside(path, self._fd)
            self._index = Places()
            for found, offset, _ in _keyed(path, key):
                self._index.put(found, offset)
        except BaseException:
            os.close(self._fd)
            raise
        self._size = os.fstat(self._fd).st_size
        self._unsynced = 0
        self._timer: asyncio.TimerHandle | None = None
        self._syncing: Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None  # the timer's

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __len__(self) -> int:
        """How many keys of its own can be found."""
        return len(self._index)

    def find(self, key: Key) -> Row | None:
        """The last row with this key, of those in the index; where there is none, the one beneath."""
        offset = self._index.get(key)
        row: Row | None = None if offset is None else orjson.loads(_read_line(self._fd, offset))
        if row is not None and self._key(row) == key:
            return row
        return self._beneath.find(key) if self._beneath is not None else None

    def append(self, row: Mapping[str, Any]) -> None:
        """Write one row, whole or not at all. It is sent to the disk after at most `SYNC_ROWS` rows or `SYNC_SECONDS`.

        Raises:
            Stop: if the disk does not take it; what it took is taken back.
        """
        line = orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
        try:
            written = os.write(self._fd, line)
        except OSError as error:
            self._break(f"a row could not be written ({error.strerror}): mend that and run again, nothing is lost")
        if written != len(line):
            os.ftruncate(self._fd, self._size)
            self._break(
                f"the disk took {written} of a row's {len(line)} bytes, which were taken back: make room and run again"
            )
        if self._grows:
            self._index.put(self._key(dict(row)), self._size)
        self._size += written
        self._plan_sync()

    def refuse_if_broken(self) -> None:
        """Raises `Stop` once a row could not be written."""
        if self.broken:
            raise Stop(self.broken)

    def _break(self, why: str) -> NoReturn:
        self.broken = f"{self.path}: {why}"
        raise Stop(self.broken) from None

    def sync(self) -> None:
        """Have everything on the disk before returning.

        Raises:
            Stop: if the disk fails.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        beside, self._syncing = self._syncing, None
        try:
            if beside is not None:
                beside.result()
            if self._unsynced:
                os.fsync(self._fd)
                self._unsynced = 0
        except OSError as error:
            self._break(_NOT_ON_DISK.format(error.strerror))

    def close(self) -> None:
        """Sync and close."""
        try:
            self.sync()
        finally:
            os.close(self._fd)

    def _plan_sync(self) -> None:
        self._unsynced += 1
        error = self._syncing.exception() if self._syncing is not None and self._syncing.done() else None
        if isinstance(error, OSError):
            self._break(_NOT_ON_DISK.format(error.strerror))
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # no loop, no timer: the caller closes soon
            if self._unsynced >= SYNC_ROWS:
                self.sync()
            return
        if self._unsynced >= SYNC_ROWS:
            self._sync_beside()
        elif self._timer is None or self._loop is not loop:
            self._loop = loop
            self._timer = loop.call_later(SYNC_SECONDS, self._sync_beside)

    def _sync_beside(self) -> None:
        """Begin to sync in a thread: on a busy disk it takes long, and meanwhile nobody could be asked anything."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._syncing is not None:
            if not self._syncing.done():
                return  # the next row comes back to it
            if self._syncing.exception() is not None:
                return  # nor is there a point in more of it
        self._unsynced = 0
        self._syncing = _syncers().submit(os.fsync, self._fd)


@cache
def _syncers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2, "fsync")


class Rows(Generic[Key]):
    """Journals that are only read, whoever writes them; of rows with equal keys the last one of the last file counts.

    A file that is not there has no rows, and a torn last line is left where it is.

    Args:
        paths: the files.
        key: the key of a row.

    Raises:
        DataError: if a line is not a JSON object, or has no key.
    """

    def __init__(self, paths: Sequence[Path], key: Callable[[Row], Key]) -> None:
        self._key = key
        self._paths = [path for path in paths if path.exists()]
        self._index = Places()  # as if the files were one
        self._starts: list[int] = []
        start = 0
        with ExitStack() as files:  # closed if one of them cannot be read
            self._fds = [files.enter_context(path.open("rb")).fileno() for path in self._paths]
            for path, fd in zip(self._paths, self._fds, strict=True):
                for found, offset, _ in _keyed(path, key):
                    self._index.put(found, start + offset)
                self._starts.append(start)
                start += os.fstat(fd).st_size
            self._stack = files.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def __contains__(self, key: Key) -> bool:
        return self.find(key) is not None

    def __iter__(self) -> Iterator[Row]:
        """The rows that count, in the order of the files."""
        for path, start in zip(self._paths, self._starts, strict=True):
            for offset, _, row in _scan(path):
                if self._index.get(self._key(row)) == start + offset:
                    yield row

    def find(self, key: Key) -> Row | None:
        """The row that counts."""
        place = self._index.get(key)
        if place is None:
            return None
        number = bisect_right(self._starts, place) - 1
        row: Row = orjson.loads(_read_line(self._fds[number], place - self._starts[number]))
        return row if self._key(row) == key else None


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


def _keyed(path: Path, key: Callable[[Row], Key]) -> Iterator[tuple[Key, int, int]]:
    """Key, offset and length of each whole line."""
    for number, (offset, length, row) in enumerate(_scan(path), 1):
        try:
            yield key(row), offset, length
        except (KeyError, TypeError) as error:
            raise DataError(f"{path}, line {number}: the field {error} is missing or of the wrong type") from None


def _read_line(fd: int, offset: int) -> bytes:
    """The line that begins at `offset`."""
    parts: list[bytes] = []
    while True:
        block = os.pread(fd, _LINE, offset)
        end = block.find(b"\n")
        if end >= 0 or not block:
            return b"".join([*parts, block[:end]])
        parts.append(block)
        offset += len(block)


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
