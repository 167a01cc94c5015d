"""Stand-ins for the engine's tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from demitasse.chat.model import Capability, Outcome, Reply, Request, Text, Usage


class Teacher:
    """Answers with what `say` returns, counts what it was asked and how much of it at once."""

    def __init__(self, say: Callable[[Request], str | Reply], delay: float = 0.0, name: str = "teacher") -> None:
        self.say = say
        self.delay = delay
        self.name = name
        self.capability = Capability()
        self.asked: list[Request] = []
        self.in_flight = 0
        self.peak = 0
        self.closed = False

    async def reply(self, request: Request) -> Reply:
        self.asked.append(request)
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        await asyncio.sleep(self.delay)
        self.in_flight -= 1
        said = self.say(request)
        return said if isinstance(said, Reply) else Reply(Outcome.SUCCESS, said, model="real", usage=Usage(10, 5, 2, 1))

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def teacher() -> type[Teacher]:
    return Teacher


@pytest.fixture
def request_for() -> Callable[[str], Request]:
    return lambda text: Request("greet", (Text(text),), system="Be brief.")
