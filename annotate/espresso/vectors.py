"""Captions as vectors, for steps: made beside the event loop, and a failure that is everybody's ends the run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from demitasse.embedding.embedder import Embedder
from demitasse.engine.step import Stop
from demitasse.errors import DemitasseError


async def vectors_of(embedder: Embedder, texts: Sequence[str]) -> NDArray[np.float32]:
    """float32 [N, D], rows of length 1.

    Raises:
        Stop: if the model cannot be loaded or the endpoint fails. The next video would fare no better.
    """
    try:
        return await asyncio.to_thread(embedder.embed, texts)
    except DemitasseError as error:
        raise Stop(str(error)) from None
