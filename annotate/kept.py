"""Media that several calls show: made once, and kept while there is room."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

from demitasse.chat.model import Image, Part, Video

Parts = tuple[Part, ...]


class Kept:
    """Parts that several calls show: made once, and kept as long as there is room. Those used last stay longest.

    Args:
        most: bytes of media.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._made: OrderedDict[str, asyncio.Future[Parts]] = OrderedDict()
        self._sizes: dict[str, int] = {}

    async def get(self, key: str, make: Callable[[], Awaitable[Parts]]) -> Parts:
        """The parts under `key`; what fails to be made is not kept."""
        if key not in self._made:
            self._made[key] = asyncio.ensure_future(make())
            self._made[key].add_done_callback(look_at)
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


def look_at(done: asyncio.Future[Any]) -> None:
    """For tasks that end: whoever waited may be gone, and asyncio would print a failure that nobody has seen."""
    if not done.cancelled():
        done.exception()
