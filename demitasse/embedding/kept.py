"""Vectors that were paid for, kept under the hash of what was asked, so that no text is paid for twice."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from demitasse.atomic import replacing


class KeptVectors:
    """Vectors by what decides them: the embedder's name and the text.

    A file each, written whole or not at all, so that any number of processes may share the folder. A file that
    cannot be read counts as missing.

    Args:
        folder: where; None keeps them in memory alone.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._known: dict[str, NDArray[np.float32]] = {}

    def find(self, name: str, text: str) -> NDArray[np.float32] | None:
        """float32 [D]; None if there is none yet."""
        key = _key(name, text)
        if key not in self._known and self._folder is not None:
            try:
                self._known[key] = np.load(self._path(self._folder, key), allow_pickle=False)
            except (OSError, ValueError, EOFError):
                return None
        return self._known.get(key)

    def keep(self, name: str, text: str, vector: NDArray[np.float32]) -> None:
        """Keep one.

        Raises:
            DiskFullError: if the disk does not take it.
        """
        key = _key(name, text)
        self._known[key] = vector
        if self._folder is not None:
            with replacing(self._path(self._folder, key), durable=False) as partial, open(partial, "wb") as file:
                np.save(file, vector)

    def _path(self, folder: Path, key: str) -> Path:
        return folder / key[:2] / f"{key}.npy"


def _key(name: str, text: str) -> str:
    return hashlib.sha256(f"{name}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()
