"""Small studies with videos of unlike size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

Study = tuple[np.ndarray, list[str]]


@pytest.fixture
def study() -> Callable[..., Study]:
    """Values of mean 0, alike within a video, and each value's video."""

    def make(seed: int, clusters: int = 30, most: int = 6) -> Study:
        chance = np.random.default_rng(seed)
        sizes = chance.integers(1, most, clusters)
        names = [f"v{index}" for index, size in enumerate(sizes) for _ in range(size)]
        effects = np.repeat(chance.normal(0, 1, clusters), sizes)
        return effects + chance.normal(0, 1, len(names)), names

    return make
