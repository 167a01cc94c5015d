"""Vectors from a model of sentence-transformers in this process, such as BAAI/bge-m3, which VideoEspresso uses.

The package is no dependency of ours: it is used where it is installed.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from demitasse.errors import ConfigError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class SentenceEmbedder:
    """One model; its weights are loaded with the first texts, and one thread at a time uses them.

    Args:
        model: its name on the Hugging Face hub, or its folder.
        device: "auto" takes a GPU where there is one.
        batch: texts at once.

    Raises:
        ConfigError: if sentence-transformers is not installed.
    """

    def __init__(self, model: str, device: str = "auto", batch: int = 64) -> None:
        if find_spec("sentence_transformers") is None:
            raise ConfigError(
                "embedding backend sentence needs sentence-transformers: run pip install sentence-transformers, or "
                "set backend to lexical or endpoint"
            )
        self._model, self._device, self._batch = model, device, batch
        self._lock = threading.Lock()

    @cached_property
    def name(self) -> str:
        """The model's name, of a folder with its content's hash: "sentence:BAAI/bge-m3"."""
        folder = Path(self._model)
        if not folder.is_dir():
            return f"sentence:{self._model}"
        from demitasse.student.weights import model_hash

        return f"sentence:{folder.resolve().name}@{model_hash(folder)[:12]}"

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32 [N, D], rows of length 1; texts longer than the model takes are cut, as the model does.

        Raises:
            ConfigError: if the model cannot be loaded.
        """
        if not texts:
            return np.zeros((0, 0), np.float32)
        with self._lock:
            rows = self._loaded.encode(
                list(texts), batch_size=self._batch, normalize_embeddings=True, show_progress_bar=False
            )
        return np.asarray(rows, np.float32)

    @cached_property
    def _loaded(self) -> SentenceTransformer:
        from sentence_transformers import SentenceTransformer

        try:
            return SentenceTransformer(self._model, device=None if self._device == "auto" else self._device)
        except (OSError, ValueError, RuntimeError) as error:  # not found, not a model, not a device
            told = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ConfigError(
                f"embedding.model {self._model} cannot be loaded ({told}): give a model's folder, or a name on the hub"
            ) from None
