"""A scripted teacher that stops answering where a test is to meet a run in its middle, however slow either is."""

from __future__ import annotations

import asyncio
import math

from demitasse.chat.model import Reply, Request
from demitasse.chat.scripted import ScriptedModel


class HeldTeacher(ScriptedModel):
    """Answers `most` requests; those after them wait until it is raised."""

    def __init__(self) -> None:
        super().__init__()
        self.most: float = math.inf
        self.asked = 0

    async def reply(self, request: Request) -> Reply:
        self.asked += 1
        mine = self.asked
        while mine > self.most:
            await asyncio.sleep(0.01)
        return await super().reply(request)

    def hold_after(self, more: int) -> None:
        """Answer so many more than were asked until now."""
        self.most = self.asked + more

    def let_go(self) -> None:
        """Answer everything."""
        self.most = math.inf
