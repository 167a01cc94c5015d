"""When a request is sent again, and after how long."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from demitasse.chat.model import Reply
from demitasse.engine.limits import Limits, is_throttled

# A request that is turned away so often, each time while others are answered, is turned away for what it is: OpenAI
# answers 429 to one that is larger than the tokens of a minute.
TURNED_AWAY = 8


async def send_patiently(
    send: Callable[[], Awaitable[Reply]], limits: Limits, answered: Callable[[], int]
) -> tuple[Reply, int]:
    """Send until the reply is final or the attempts are used up; returns the last reply and the number of attempts.

    Being told to wait is no failed attempt, and needs no wait here: the gate lets nobody in until the pause is over,
    and ends the run when patience is.

    Args:
        send: one attempt.
        limits: how often to try.
        answered: how many requests to the same models have been answered so far, this one aside.
    """
    attempts = failures = turned_away = 0
    seen = answered()
    while True:
        reply = await send()
        attempts += 1
        if not reply.retryable:
            return reply, attempts
        if is_throttled(reply):
            turned_away += answered() > seen
            seen = answered()
            if turned_away >= TURNED_AWAY:
                return reply, attempts
            continue
        failures += 1
        if failures >= limits.attempts:
            return reply, attempts
        # A random time, so that not all come back at once.
        await asyncio.sleep(random.uniform(0, min(limits.longest_wait, limits.first_wait * 2 ** (failures - 1))))
