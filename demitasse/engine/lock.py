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
def lock_results(results_dir: Path) -> Iterator[None]:
    """Hold the folder, which is made if it is missing. The kernel lets go of it when the process ends, even by SIGKILL.

    A process may take it again while it holds it.

    Raises:
        DemitasseError: naming the process that holds it.
    """
    results_dir.mkdir(parents=True, exist_ok=True)
    folder = results_dir.resolve()
    lock = FileLock(folder / "LOCK", is_singleton=True, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise DemitasseError(
            f"{results_dir} is being written by {_holder(folder)}: wait for it, or choose another results folder"
        ) from None
    try:
        _sign(folder)
        yield
    finally:
        lock.release()


def _sign(folder: Path) -> None:
    owner = {"host": socket.gethostname(), "pid": os.getpid(), "since": datetime.now(UTC).isoformat(timespec="seconds")}
    write_text(folder / "LOCK.json", orjson.dumps(owner).decode() + "\n")


def _holder(folder: Path) -> str:
    try:
        owner = orjson.loads((folder / "LOCK.json").read_bytes())
        return f"process {owner['pid']} on {owner['host']} since {owner['since']}"
    except (OSError, ValueError, KeyError):  # it has only just begun
        return "another process"
