"""A figure that is a ratio of sums over items, so that an item with ten boxes counts for ten."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Figure:
    """What each item's detail adds above and below the line.

    `is_signed` says that it is told from -1 to 1 in the place of 0 to 1, as a correlation is.
    """

    label: str
    above: Callable[[Json], float]
    below: Callable[[Json], float]
    is_signed: bool = False

    def told(self, share: float) -> float:
        """A share from 0 to 1 as it is told."""
        return 2 * share - 1 if self.is_signed else share

    def told_width(self, difference: float) -> float:
        """A difference of two shares, or half an interval's width, as it is told."""
        return 2 * difference if self.is_signed else difference
