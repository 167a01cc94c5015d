"""A control: each question is put about another item's video of the same run, and never about its own."""

from __future__ import annotations

import random
from collections.abc import Iterable

from demitasse.errors import DataError


def others(media: Iterable[str], seed: int, what: str = "video") -> dict[str, str]:
    """For each medium another one, each shown in one other's place: a circle in an order that the seed decides.

    Args:
        media: content hashes, in any order and as often as there are questions; equal ones are one medium.
        seed: of the order.
        what: they are, for the message.

    Raises:
        DataError: if there is one medium only.
    """
    order = sorted(set(media))
    if len(order) == 1:
        raise DataError(f"--frames shuffled needs a second {what} to show in place of the one that there is")
    random.Random(seed).shuffle(order)
    return dict(zip(order, [*order[1:], *order[:1]], strict=True))
