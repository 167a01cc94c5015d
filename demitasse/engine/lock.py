"""One run at a time in a results folder: a second one would buy the same replies again."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import orjson
from filelock import FileLock, Timeout

from demitasse.atomic import write_text
from demitasse.errors import DemitasseError


@contextmanager
def lock_results(
    results_dir: Path,
    name: str = "LOCK",
    advice: str = "wait for it, or choose another results folder",
    patience: float = 0.0,
) -> Iterator[None]:
    """Hold the folder, which is made if it is missing. The kernel lets go of it when the process ends, even by SIGKILL.

    A process may take it again while it holds it. Locks of other names stand for other files of the folder.
    `patience` is how many seconds another process is waited for.

    Raises:
        DemitasseError: naming the process that holds it.
    """
    try:
        results_dir.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        file = next(one for one in (results_dir, *results_dir.parents) if one.exists())
        raise DemitasseError(f"{file} is a file; name a folder to write to") from None
    folder = results_dir.resolve()
    lock = FileLock(folder / name, is_singleton=True, thread_local=False)
    try:
        lock.acquire(timeout=patience)
    except NotImplementedError:
        raise DemitasseError(
            f"{results_dir} lies on a filesystem without file locks, where two runs could write at once: choose "
            "another one (Lustre has them when it is mounted with -o flock)"
        ) from None
    except Timeout:
        raise DemitasseError(
            f"{results_dir} is being written by {_holder(folder / f'{name}.json')}: {advice}"
        ) from None
    try:
        _sign(folder / f"{name}.json")
        yield
    finally:
        lock.release()


def _sign(path: Path) -> None:
    owner = {"host": socket.gethostname(), "pid": os.getpid(), "since": datetime.now(UTC).isoformat(timespec="seconds")}
    write_text(path, orjson.dumps(owner).decode() + "\n")


def _holder(path: Path) -> str:
    try:
        owner = orjson.loads(path.read_bytes())
        return f"process {owner['pid']} on {owner['host']} since {owner['since']}"
    except (OSError, ValueError, KeyError):  # it has only just begun
        return "another process"
