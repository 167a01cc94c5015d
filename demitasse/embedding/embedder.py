"""What makes vectors of texts, as everything that compares texts sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Embedder(Protocol):
    """Makes vectors whose dot product says how alike two texts are. May be called from several threads.

    Dot products of different ways are not comparable: of unrelated captions a neural model's are about 0.4, the
    lexical way's about 0. A threshold belongs to one way.
    """

    @property
    def name(self) -> str:
        """What decides the vectors, fit for a row's provenance: the way, the model, its version."""
        ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32 [N, D], rows of length 1, in the order of the texts; N may be 0. Same text, same row.

        Raises:
            DemitasseError: if the model or the endpoint cannot be used.
        """
        ...
