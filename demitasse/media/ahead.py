"""Decodes videos into the frame cache before anybody waits for them, several at once, each in a process of its own.

Nothing is decoded twice: what lies in the cache is left alone, so a run that was interrupted goes on where it ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from demitasse.errors import MediaError
from demitasse.media.cache import FrameCache, Outline
from demitasse.media.pool import DecodePool
from demitasse.media.sample import SamplingPolicy, VideoBudget

HEADERS = 8  # files whose headers are read at once: that mostly waits for the disk

Tell = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which frames of a video, and in which cache: what `FrameCache.frames` is asked for."""

    cache: FrameCache
    policy: SamplingPolicy
    max_pixels: int | None = None
    budget: VideoBudget | None = None

    def outline(self, path: Path) -> Outline:
        """Size and times, without decoding; MediaError for a video that cannot be read."""
        return self.cache.outline(path, self.policy, self.max_pixels, self.budget)


@dataclass(slots=True)
class Stock:
    """What there is of some videos, and what is still to be decoded.

    Attributes:
        cached: those that lie in the cache.
        missing: those that do not, with the size and times that they will have.
        bad: those that cannot be read, and why.
    """

    cached: dict[Path, Outline] = field(default_factory=dict)
    missing: dict[Path, Outline] = field(default_factory=dict)
    bad: dict[Path, str] = field(default_factory=dict)

    @property
    def to_come(self) -> int:
        """Bytes that decoding the missing ones adds."""
        return sum(one.nbytes for one in self.missing.values())


def take_stock(paths: Iterable[Path], wanted: Wanted, tell: Tell = lambda _: None) -> Stock:
    """Read the videos' headers; `tell` is called with 1 for each."""

    def look(path: Path) -> Outline | str:
        try:
            return wanted.outline(path)
        except MediaError as fault:
            return fault.reason

    stock, unique = Stock(), list(dict.fromkeys(paths))
    with ThreadPoolExecutor(HEADERS) as threads:
        for path, found in zip(unique, threads.map(look, unique), strict=True):
            tell(1)
            if isinstance(found, str):
                stock.bad[path] = found
            else:
                (stock.cached if found.cached else stock.missing)[path] = found
    return stock


def decode_ahead(paths: Sequence[Path], wanted: Wanted, workers: int, tell: Tell = lambda _: None) -> dict[Path, str]:
    """Decode videos into the cache; returns those that could not be, and why. `tell` is called with 1 for each.

    Raises:
        DataError: if the cache folder takes no more.
    """
    bad: dict[Path, str] = {}
    # Left in this order: the pool fails the calls in flight, and only then are the threads waited for.
    with ThreadPoolExecutor(workers) as threads, DecodePool(workers) as pool:

        def decode(path: Path) -> str:
            try:
                pool.run_sync(_decode, path, wanted)
            except MediaError as fault:
                return fault.reason
            return ""

        for path, reason in zip(paths, threads.map(decode, paths), strict=True):
            tell(1)
            if reason:
                bad[path] = reason
    return bad


def _decode(path: Path, wanted: Wanted) -> None:
    wanted.cache.frames(path, wanted.policy, wanted.max_pixels, wanted.budget)
