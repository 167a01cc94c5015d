"""Before many ask a judge at once: whether it takes our key. A wrong one costs a call, not one for each place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol, runtime_checkable

from demitasse.chat.model import ChatModel

SECONDS = 10.0  # for the list of models, which is told at once or not at all


@runtime_checkable
class _Lists(Protocol):
    """A model behind an endpoint that may be asked for its models."""

    async def served(self) -> list[str]: ...


class Door:
    """Lets everyone in if the judge tells our key its models; else one at a time until it has answered one.

    The list costs nothing and no time. Not every endpoint has it, and some refuse it to keys that may ask, so a refusal
    alone stops nothing.
    """

    def __init__(self, model: ChatModel) -> None:
        self._model = model
        self._looked = self._open = False
        self._alone = asyncio.Lock()

    @asynccontextmanager
    async def enter(self) -> AsyncIterator[None]:
        """Wait until one may ask; who leaves without an error has been answered."""
        if not self._open:
            async with self._alone:
                if not self._looked:
                    self._looked, self._open = True, await tells_models(self._model)
                if not self._open:
                    yield
                    self._open = True
                    return
        yield


async def tells_models(model: ChatModel) -> bool:
    """Whether an endpoint lists its models to our key; a model in this process has no key to refuse."""
    if not isinstance(model, _Lists):
        return True
    try:
        async with asyncio.timeout(SECONDS):
            return bool(await model.served())
    except TimeoutError:
        return False
