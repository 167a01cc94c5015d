"""Step 2: which frames say something new, and which of them are asked about together.

Redundancy is looked for as VideoEspresso does: a frame is compared with the last one that was kept, the top of the
stack, and the newcomer is dropped if it is too much like it. So a slow change is noticed as soon as it has come far
enough, and what was seen a while ago counts as new when it comes back. The paper's threshold, the number of captions
in a group, and how a remainder is grouped, are not published.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotate.espresso.vectors import vectors_of
from demitasse.embedding.embedder import Embedder
from demitasse.engine.caller import provenance
from demitasse.engine.step import Fields, Step

VERSION = 1
FILE = "step_2_groups/groups.jsonl"
FEWEST = 2  # frames of a group: a question has to need several


@dataclass(frozen=True)
class Kept:
    """What was kept of a row of captions; all numbers are places in it.

    Attributes:
        places: kept, ascending; never empty where there was a caption.
        dropped: place, the kept one that it is too much like, and their cosine.
        similarities: of each caption to the last one kept before it; None for the first.
    """

    places: list[int]
    dropped: list[tuple[int, int, float]]
    similarities: list[float | None]


@dataclass(frozen=True)
class Thinning:
    """Step 2: `kept`, `dropped` and `groups` of a row hold places in the `frames` of step 1."""

    embedder: Embedder
    similarity: float
    size: int
    after: tuple[str, ...]

    def step(self) -> Step:
        """The step for the graph."""
        return Step("2", FILE, VERSION, self._inputs, self._run, after=self.after)

    def _inputs(self, fields: Fields) -> Any:
        return {
            "captions": [frame["caption"] for frame in fields["frames"]],
            "embedder": self.embedder.name,
            "similarity": self.similarity,
            "size": self.size,
        }

    async def _run(self, fields: Fields) -> Fields:
        vectors = await vectors_of(self.embedder, [frame["caption"] for frame in fields["frames"]])
        kept = without_redundancy(vectors, self.similarity)
        return {
            "video": fields["video"],
            "kept": kept.places,
            "dropped": [{"place": place, "of": of, "similarity": near} for place, of, near in kept.dropped],
            "similarities": kept.similarities,
            "groups": grouped(kept.places, self.size),
            "provenance": provenance() | {"embedder": self.embedder.name},
        }


def without_redundancy(vectors: NDArray[np.float32], threshold: float) -> Kept:
    """Drop each row whose cosine to the last kept one reaches the threshold.

    Args:
        vectors: float32 [N, D], rows of length 1, in order of time.
        threshold: above 0; at 1 equal rows alone are dropped.
    """
    kept = Kept([], [], [])
    for place, vector in enumerate(vectors):
        last = kept.places[-1] if kept.places else None
        near = None if last is None else round(float(vectors[last] @ vector), 4)  # as it is written, and float's noise
        kept.similarities.append(near)
        if last is None or near is None or near < threshold:
            kept.places.append(place)
        else:
            kept.dropped.append((place, last, near))
    return kept


def grouped(places: Sequence[int], size: int) -> list[list[int]]:
    """Consecutive places in groups of at most `size`, as equal as can be, so that no group is a mere remainder.

    A group is never of one place, even if another one then has to be larger than `size`; a single place makes none.
    """
    if len(places) < FEWEST:
        return []
    count = min(-(-len(places) // size), len(places) // FEWEST)
    bounds = [len(places) * number // count for number in range(count + 1)]
    return [list(places[start:end]) for start, end in zip(bounds, bounds[1:], strict=False)]
