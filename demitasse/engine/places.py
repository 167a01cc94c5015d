"""Where things are, by a key, in 16 bytes each: a dict would take more than ten times as much for a million keys."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray

_RECENT = 4096  # keys in the dict, before they are sorted in with the others …
_PART = 64  # … or so large a part of the others, for each sorting copies them all


class Places:
    """A map from keys to whole numbers that keeps the keys' hashes only, in a sorted array.

    Among a million keys two have the same hash once in thirty million runs: who must be sure compares the key with
    what is found at the place.
    """

    def __init__(self) -> None:
        self._recent: dict[int, int] = {}
        self._hashes: NDArray[np.int64] = np.empty(0, np.int64)  # ascending
        self._places: NDArray[np.int64] = np.empty(0, np.int64)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def get(self, key: Hashable) -> int | None:
        """The place of a key, None if it has none."""
        number = hash(key)
        place = self._recent.get(number)
        if place is not None:
            return place
        index = int(np.searchsorted(self._hashes, number))
        if index < len(self._hashes) and self._hashes[index] == number:
            return int(self._places[index])
        return None

    def put(self, key: Hashable, place: int) -> None:
        """Give a key its place, in the stead of an earlier one."""
        self._count += self.get(key) is None
        self._recent[hash(key)] = place
        if len(self._recent) >= max(_RECENT, len(self._hashes) // _PART):
            self._sort_in()

    def _sort_in(self) -> None:
        hashes = np.fromiter(self._recent.keys(), np.int64)
        order = np.argsort(hashes)
        hashes, places = hashes[order], np.fromiter(self._recent.values(), np.int64)[order]
        self._recent = {}
        at = np.searchsorted(self._hashes, hashes)
        known = at < len(self._hashes)
        known[known] = self._hashes[at[known]] == hashes[known]
        self._places[at[known]] = places[known]
        # One array after the other, so that no more than one of them is there twice.
        self._hashes = np.insert(self._hashes, at[~known], hashes[~known])
        self._places = np.insert(self._places, at[~known], places[~known])
