"""Who goes first at the decode workers, and what they do before it is asked for."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from annotate.kept import look_at
from annotate.video_reasoning.reading import Sent, Span, cut_windows
from demitasse.media.pool import DecodePool


class Turns:
    """What a request waits for goes before what is done ahead of time. For one event loop.

    Args:
        workers: how many there are. One is never taken by work ahead of time, so that nobody waits for its end.
    """

    def __init__(self, workers: int) -> None:
        self._awaited = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._spare = asyncio.Semaphore(max(1, workers - 1))

    def __enter__(self) -> None:
        self._awaited += 1
        self._quiet.clear()

    def __exit__(self, *_: object) -> None:
        self._awaited -= 1
        if not self._awaited:
            self._quiet.set()

    @asynccontextmanager
    async def spare(self) -> AsyncIterator[None]:
        """A worker that nobody waits for."""
        async with self._spare:
            await self._quiet.wait()
            yield


class Cutting:
    """Windows of a video that are cut into a folder before they are asked for."""

    def __init__(
        self, pool: DecodePool, turns: Turns, path: str, spans: Sequence[Span], folder: Path, sent: Sent
    ) -> None:
        self.spans = list(spans)
        self.folder = folder
        self._begun = False
        self._task = asyncio.create_task(self._cut(pool, turns, path, sent))
        self._task.add_done_callback(look_at)

    async def _cut(self, pool: DecodePool, turns: Turns, path: str, sent: Sent) -> None:
        async with turns.spare():
            self._begun = True
            await pool.run(cut_windows, path, self.spans, self.folder, sent)

    async def end(self) -> None:
        """Wait for what has begun; what has not is called off. What failed is for the next attempt to tell."""
        if not self._begun:
            self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def drop(self) -> None:
        """Nobody will ask."""
        self._task.cancel()
        shutil.rmtree(self.folder, ignore_errors=True)
