"""What can be set of an embedder, and how it is opened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from demitasse.config.setting import setting
from demitasse.errors import ConfigError

if TYPE_CHECKING:
    from demitasse.embedding.embedder import Embedder

LEXICAL, SENTENCE, ENDPOINT = "lexical", "sentence", "endpoint"


@dataclass
class EmbeddingConfig:
    """How texts are compared. VideoEspresso compares captions by BAAI/bge-m3."""

    backend: str = setting(
        LEXICAL,
        "lexical: words and letters, no model, knows no synonyms; sentence: a model of sentence-transformers in this "
        "process; endpoint: a server's /v1/embeddings",
        choices=(LEXICAL, SENTENCE, ENDPOINT),
    )
    model: str = setting("BAAI/bge-m3", "for sentence (a name or a folder) and endpoint (as the server calls it)")
    base_url: str = setting("", "of the endpoint, such as http://127.0.0.1:8000/v1")
    api_key_env: str = setting("OPENAI_API_KEY", "the variable that holds the endpoint's key; loopback needs none")
    dimensions: int | None = setting(
        None, "lexical: places that words are hashed to; endpoint: asked for; null: 1024, and the model's own", ge=16
    )
    batch: int = setting(64, "texts that are given to the model or the endpoint at once", ge=1, le=2048)
    timeout: float = setting(60, "seconds for a reply of the endpoint", gt=0)
    device: str = setting("auto", "of a sentence model; auto: a GPU where there is one")
    cache: str = setting("", "a folder for what the endpoint was paid for; empty: where the caller keeps it")


def open_embedder(config: EmbeddingConfig, cache: Path | None = None) -> Embedder:
    """The embedder that a configuration names.

    Args:
        config: its settings.
        cache: where an endpoint's vectors are kept if the settings name no folder; None keeps them in memory alone.

    Raises:
        ConfigError: if its model or address cannot be used, or what it needs is not installed. A key is looked for
            when it is first needed, `check_key` does so before.
    """
    for problem in embedding_problems("embedding", config):
        raise ConfigError(problem)
    if config.backend == SENTENCE:
        from demitasse.embedding.sentence import SentenceEmbedder

        return SentenceEmbedder(config.model, config.device, config.batch)
    if config.backend == ENDPOINT:
        from demitasse.embedding.endpoint import EndpointEmbedder
        from demitasse.embedding.kept import KeptVectors

        folder = Path(config.cache) if config.cache else cache
        return EndpointEmbedder(
            config.model,
            config.base_url,
            KeptVectors(folder),
            api_key_env=config.api_key_env,
            dimensions=config.dimensions,
            batch=config.batch,
            timeout=config.timeout,
        )
    from demitasse.embedding.lexical import DIMENSIONS, LexicalEmbedder

    return LexicalEmbedder(config.dimensions or DIMENSIONS)


def embedding_problems(key: str, config: EmbeddingConfig) -> Iterator[str]:
    """What is missing before an embedder can be opened, in one sentence each; `key` is its place in the spec."""
    if config.backend == ENDPOINT and not config.base_url:
        yield f"{key}.base_url is not set: say where the embeddings are served, such as http://127.0.0.1:8000/v1"
    if config.backend != LEXICAL and not config.model:
        yield f"{key}.model is not set: name the model that makes the embeddings"


def check_key(config: EmbeddingConfig) -> None:
    """Refuse to begin what a missing key would end.

    Raises:
        ConfigError: if the variable that should hold the endpoint's key is not set.
    """
    if config.backend == ENDPOINT:
        from demitasse.chat.hosts import read_key

        read_key((config.api_key_env,), config.base_url)
