"""An event loop whose time passes only while nothing else can run, and then at once.

What waits for seconds takes none of them, and a machine that stands still for a moment changes nothing. For code
without sockets and threads: these need the real time.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Leaping(selectors.DefaultSelector):
    """Does not wait: whoever would have waited is told that the time has passed."""

    slept = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "everyone waits, and nothing will ever come"
        self.slept += timeout
        return super().select(0)


class IdleLoop(asyncio.SelectorEventLoop):
    """The loop; its `time` is what has been waited for in it."""

    def __init__(self) -> None:
        self._idle = _Leaping()
        super().__init__(self._idle)

    def time(self) -> float:
        return 1000 + self._idle.slept


def run_idle(work: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, on an `IdleLoop`."""
    with asyncio.Runner(loop_factory=IdleLoop) as runner:
        return runner.run(work)
