"""What `coverage.py` draws from: videos with unlike numbers of questions, and scores that are alike within a video."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

Chance = np.random.Generator
Array = NDArray[np.float64]
VIDEOS = 50
ICC = 0.3
CUTS = np.array([-1.2, -0.5, 0.3, 1.1])  # of a normal value into scores from 1 to 5


def uneven(chance: Chance, videos: int = VIDEOS) -> NDArray[np.int64]:
    """1 to 20 questions a video."""
    return chance.integers(1, 21, videos)


def geometric(chance: Chance, videos: int = VIDEOS) -> NDArray[np.int64]:
    """8 questions a video on average, most with few and some with forty."""
    return chance.geometric(0.12, videos)


def lopsided(chance: Chance, videos: int = VIDEOS) -> NDArray[np.int64]:
    """A handful of videos has most of the questions."""
    return np.maximum(1, np.round(chance.lognormal(1.2, 1.2, videos))).astype(np.int64)


def giants(chance: Chance, videos: int = VIDEOS) -> NDArray[np.int64]:
    """Three videos with 60 questions, and the others with one to six."""
    return np.concatenate([np.full(3, 60), chance.integers(1, 7, videos - 3)])


def rare_giants(chance: Chance, videos: int = VIDEOS) -> NDArray[np.int64]:
    """Of 50 videos one with 200 questions, on average, and the others with one to six."""
    return np.where(chance.random(videos) < 0.02, 200, chance.integers(1, 7, videos))


def pareto(chance: Chance, videos: int = VIDEOS) -> NDArray[np.int64]:
    """A heavy tail: up to 150 questions a video."""
    return np.clip(np.round(2 * chance.pareto(1.3, videos) + 1), 1, 150).astype(np.int64)


def singles(chance: Chance, videos: int = VIDEOS) -> NDArray[np.int64]:
    """One question a video, and two of one video."""
    return np.concatenate([[2], np.ones(videos - 1, np.int64)])


Sizes = Callable[..., NDArray[np.int64]]


def of_videos(sizes: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[str]]:
    """Each question's video, as a number and as a name."""
    places = np.repeat(np.arange(len(sizes)), sizes)
    return places, [f"v{place}" for place in places]


def latent(chance: Chance, places: NDArray[np.int64], icc: float = ICC) -> Array:
    """Normal values of mean 0 and variance 1, alike within a video."""
    shared = chance.normal(size=places.max() + 1)[places]
    return np.sqrt(icc) * shared + np.sqrt(1 - icc) * chance.normal(size=len(places))


def scored(values: Array) -> Array:
    """Scores from 1 to 5."""
    return 1.0 + np.searchsorted(CUTS, values)


def mean_score(shift: float = 0.0) -> float:
    """The true mean of `scored` values that are shifted so far."""
    return 1 + float(norm.sf(CUTS - shift).sum())
