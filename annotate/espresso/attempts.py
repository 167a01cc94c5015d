"""Calls about several things of one video: what a model has answered unusably about one does not undo the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

from annotate.asking import Asked, Asker, origin
from demitasse.engine.caller import provenance
from demitasse.engine.step import Fields, Unusable

Value = TypeVar("Value")
Outcome = Asked[Value] | Unusable


async def attempt_all(calls: Sequence[Awaitable[Asked[Value]]]) -> list[Outcome[Value]]:
    """Each call's reply, or why it cannot be used. All of them end, and are kept by their journal.

    Raises:
        BaseException: the first failure of another kind: it may pass, and the video is done when it has.
    """
    outcomes: list[Outcome[Value]] = []
    for result in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(result, BaseException) and not isinstance(result, Unusable):
            raise result
        outcomes.append(result)
    return outcomes


def made_by(asker: Asker, outcomes: Sequence[Outcome[Any]]) -> Fields:
    """A row's provenance. There is one where nothing had to be asked, too."""
    asked = [one for one in outcomes if isinstance(one, Asked)]
    return origin(*asked) if asked else provenance() | {"pack": asker.pack.name, "templates": {}}
