"""Texts as vectors: one protocol, and a file for each way to make them (words and letters, a model, an endpoint)."""

from demitasse.embedding.config import EmbeddingConfig, open_embedder
from demitasse.embedding.embedder import Embedder

__all__ = ["Embedder", "EmbeddingConfig", "open_embedder"]
