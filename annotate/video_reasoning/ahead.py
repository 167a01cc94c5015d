"""Who goes first at the decode workers, and what of their work is kept until it is asked for."""

from __future__ import annotations

import asyncio
import shutil
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from annotate.video_reasoning.reading import Sent, Span, cut_windows
from demitasse.chat.model import Image, Part, Video
from demitasse.media.pool import DecodePool

Parts = tuple[Part, ...]


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
        self._task.add_done_callback(_look_at)

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


class Kept:
    """Parts that several calls show: made once, and kept as long as there is room. Those used last stay longest.

    Args:
        most: bytes of footage.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._made: OrderedDict[str, asyncio.Future[Parts]] = OrderedDict()
        self._sizes: dict[str, int] = {}

    async def get(self, key: str, make: Callable[[], Awaitable[Parts]]) -> Parts:
        """The parts under `key`; what fails to be made is not kept."""
        if key not in self._made:
            self._made[key] = asyncio.ensure_future(make())
            self._made[key].add_done_callback(_look_at)
        self._made.move_to_end(key)
        making = self._made[key]
        try:
            parts = await asyncio.shield(making)  # one who no longer waits does not take it from the others
        except BaseException:
            if making.done():
                self._made.pop(key, None)
            raise
        self._note(key, parts)
        return parts

    def put(self, key: str, parts: Parts) -> None:
        """Keep parts that came by the way."""
        self._made[key] = asyncio.get_running_loop().create_future()
        self._made[key].set_result(parts)
        self._note(key, parts)

    def _note(self, key: str, parts: Parts) -> None:
        self._sizes[key] = sum(len(part.data) for part in parts if isinstance(part, (Image, Video)))
        self._make_room()

    def _make_room(self) -> None:
        while sum(self._sizes.values()) > self._most:
            key = next(key for key in self._made if key in self._sizes)
            del self._made[key], self._sizes[key]


def _look_at(done: asyncio.Future[Any]) -> None:
    """Whoever waited may be gone: without this asyncio would print a failure that nobody has seen."""
    if not done.cancelled():
        done.exception()
