"""What every question is worth, by a benchmark's script and by ours, and the figures over groups of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from evaluate.official.report import Figure
from evaluate.official.share import macro_per_cent, per_cent


@dataclass(frozen=True, slots=True)
class Tally:
    """The worth of every question, 0 to 1, by its key.

    Attributes:
        videos: what intervals are clustered by.
        ours: of every question of the references.
        official: of those that the script has in its divisor; None where the script gives no numbers at all.
        empty: what the script says of a group in which it has nothing to divide by.
        digits: how many decimals it prints.
    """

    videos: Mapping[str, str]
    ours: Mapping[str, float]
    official: Mapping[str, float] | None
    empty: float | None = None
    digits: int = 2

    def figure(self, name: str, keys: Sequence[str]) -> Figure:
        """The mean over some questions in per cent, by both."""
        ours, interval = per_cent([self.ours[key] for key in keys], [self.videos[key] for key in keys])
        return Figure(name, len(keys), self.share(keys), ours, interval, self.digits)

    def share(self, keys: Iterable[str]) -> float | None:
        """The script's mean over those of the questions that it has in its divisor, in per cent."""
        if self.official is None:
            return None
        counted = [self.official[key] for key in keys if key in self.official]
        return math.fsum(counted) * 100 / len(counted) if counted else self.empty

    def macro(self, name: str, groups: Mapping[str, Sequence[str]]) -> Figure:
        """The mean over groups of their mean, by ours alone."""
        named = [(key, group) for group, keys in groups.items() for key in keys]
        values, videos = [self.ours[key] for key, _ in named], [self.videos[key] for key, _ in named]
        ours, interval = macro_per_cent(values, [group for _, group in named], videos)
        return Figure(name, len(named), None, ours, interval, self.digits)


def grouped(keys: Iterable[str], group_of: Mapping[str, str]) -> dict[str, list[str]]:
    """The keys of every group, in the order in which the groups come."""
    groups: dict[str, list[str]] = {}
    for key in keys:
        groups.setdefault(group_of[key], []).append(key)
    return groups
