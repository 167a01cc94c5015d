"""Who of several processes says what went wrong: the first for all, and any other what it alone has met.

Each leaves its sentence where the others can read it, in the store by which torch brought them together. A process
that sees the others go away can so say why, where torch would only know that a connection was closed.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from datetime import timedelta
from typing import Any

PATIENCE = timedelta(seconds=5)  # for the first process to come to the same end
_KEY = "demitasse/fault"


def tell(said: str) -> None:
    """Say on stderr what ended this process, unless the first process says the same."""
    rank = _rank()
    _leave(said)
    if rank == 0:
        print(f"error: {said}", file=sys.stderr)
    elif not _first_says(said):
        print(f"error: process {rank} of {os.environ.get('WORLD_SIZE', '?')}: {said}", file=sys.stderr)


def leave(said: str) -> None:
    """Let the others know what ended this process, and say nothing: a traceback will."""
    _leave(said)


def told_by_others() -> str:
    """Which other process went wrong and what it said, as a sentence; empty if none did."""
    store = _store()
    if store is None:
        return ""
    with suppress(RuntimeError):
        for rank in range(int(os.environ.get("WORLD_SIZE", "1"))):
            if rank != _rank() and store.check([f"{_KEY}/{rank}"]):
                return f"stopped, because process {rank} went wrong: {store.get(f'{_KEY}/{rank}').decode()}"
    return ""


def _leave(said: str) -> None:
    store = _store()
    if store is not None:
        with suppress(RuntimeError):  # it is gone with the process that kept it
            store.set(f"{_KEY}/{_rank()}", said)


def _first_says(said: str) -> bool:
    """Whether the first process says the same; before they are brought together, the first of each machine says it."""
    store = _store()
    if store is None:
        return os.environ.get("LOCAL_RANK", os.environ.get("RANK")) != "0"
    try:
        store.wait([f"{_KEY}/0"], PATIENCE)
        return bool(store.get(f"{_KEY}/0").decode() == said)
    except RuntimeError:  # it has not come to an end, or is gone
        return False


def _store() -> Any:
    """What the processes share; None before they are brought together, and where there is one."""
    distributed = getattr(sys.modules.get("torch"), "distributed", None)
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return None
    return distributed.distributed_c10d._get_default_store()


def _rank() -> int:
    return int(os.environ.get("RANK", "0"))
