"""Vectors from a server's /v1/embeddings, asked through the real `openai` client, which waits and tries again."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
import openai
from numpy.typing import NDArray

from demitasse.chat.hosts import check_url, identity, is_loopback, read_key, without_key
from demitasse.chat.wire.completions import one_line
from demitasse.embedding.kept import KeptVectors
from demitasse.errors import DataError

RETRIES = 5  # with the client's own growing pauses, and the server's Retry-After where it gives one


class EndpointEmbedder:
    """One model behind one base URL.

    Args:
        model: as the server calls it.
        base_url: up to and including the version, without user, query or fragment.
        kept: vectors that are there already; new ones are added as soon as they come.
        api_key_env: the variable that holds the key; a server on this machine needs none.
        dimensions: asked for, of models that can be cut short; None leaves the model's own.
        batch: texts in one request.
        timeout: seconds for a reply.

    Raises:
        ConfigError: for an address that cannot be used.
    """

    def __init__(
        self,
        model: str,
        base_url: str,
        kept: KeptVectors,
        api_key_env: str = "OPENAI_API_KEY",
        dimensions: int | None = None,
        batch: int = 64,
        timeout: float = 60.0,
    ) -> None:
        self._url = check_url(base_url)
        self._model, self._dimensions, self._batch, self._kept = model, dimensions, batch, kept
        self._base_url, self._key_variable, self._timeout = base_url, api_key_env, timeout
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The address, the model and the dimensions that are asked for: "endpoint:api.example.com/bge-m3:512"."""
        return f"endpoint:{identity(self._url)}/{self._model}" + (f":{self._dimensions}" if self._dimensions else "")

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32 [N, D], rows of length 1. What is kept is not asked for; equal texts are asked for once.

        Raises:
            ConfigError: if its key is not set.
            DataError: if the server fails, again and again, or sends no such vectors.
        """
        if not texts:
            return np.zeros((0, 0), np.float32)
        with self._lock:  # a text that two threads need is paid for once
            new = [text for text in dict.fromkeys(texts) if self._kept.find(self.name, text) is None]
            for start in range(0, len(new), self._batch):
                batch = new[start : start + self._batch]
                for text, vector in zip(batch, self._ask(batch), strict=True):
                    self._kept.keep(self.name, text, vector)
            rows = [self._kept.find(self.name, text) for text in texts]
        return np.stack([row for row in rows if row is not None])

    def _ask(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        # Servers refuse an empty text, and it must have a vector all the same.
        sent = [text if text.strip() else "-" for text in texts]
        try:
            answer = self._client.embeddings.create(
                model=self._model, input=sent, encoding_format="float", dimensions=self._dimensions or openai.omit
            )
            return list(self._read(answer, len(texts)))
        except openai.OpenAIError as error:
            raise DataError(f"{self.name} made no embeddings: {self._told(error)}") from None

    def _read(self, answer: openai.types.CreateEmbeddingResponse, count: int) -> Iterator[NDArray[np.float32]]:
        """The vectors in the order of the texts, whatever the order of the reply.

        Raises:
            DataError: if some are missing, or are no vectors that have a direction.
        """
        try:
            found = {one.index: np.asarray(one.embedding, np.float64) for one in answer.data}
        except (TypeError, ValueError, AttributeError):
            found = {}
        for place in range(count):
            vector = found.get(place)
            length = 0.0 if vector is None or vector.ndim != 1 else float(np.linalg.norm(vector))
            if vector is None or not 0 < length < np.inf:
                raise DataError(f"{self.name} sent no usable embedding for text {place + 1} of {count} in a request")
            yield (vector / length).astype(np.float32)

    @cached_property
    def _client(self) -> openai.OpenAI:
        return openai.OpenAI(
            api_key=self._key,
            base_url=self._base_url,
            max_retries=RETRIES,
            timeout=self._timeout,
            # no proxy can reach our loopback
            http_client=openai.DefaultHttpxClient(trust_env=not is_loopback(self._url.hostname or "")),
        )

    @cached_property
    def _key(self) -> str:
        return read_key((self._key_variable,), self._base_url)

    def _told(self, error: openai.OpenAIError) -> str:
        """What went wrong on one line, without the key, which servers repeat."""
        return one_line(without_key(str(error).encode(), self._key).decode("utf-8", "replace"))
