"""From an endpoint's settings to a chat model."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from annotate.video_reasoning.config import Endpoint
from demitasse.chat.model import Capability, ChatModel, Sampling

OPENAI_KEY = "OPENAI_API_KEY"


def open_teacher(name: str, endpoint: Endpoint) -> ChatModel:
    """The model that an endpoint names. `name` ("vlm", "llm") tells keys given in the configuration apart.

    Raises:
        ConfigError: if the address or the key cannot be used.
    """
    if endpoint.backend == "scripted":
        from demitasse.chat.scripted import ScriptedModel

        return ScriptedModel()
    from demitasse.chat.openai import OPENAI_HOST, OpenAIChat

    config = endpoint.openai
    base_url = config.base_url or f"https://{OPENAI_HOST}/v1"
    takes_video = urlsplit(base_url).hostname != OPENAI_HOST if config.video is None else config.video
    return OpenAIChat(
        config.model_name,
        base_url,
        api_key_env=_key_variable(name, config.api_key),
        timeout=config.timeout,
        capability=Capability(video=takes_video, json_schema=config.json_schema),
    )


def _key_variable(name: str, key: str) -> str:
    """Name of the variable that holds the key. One from the configuration is put there: it stays in this process."""
    if not key:
        return OPENAI_KEY
    variable = f"DEMITASSE_{name.upper()}_API_KEY"
    os.environ[variable] = key
    return variable


def sampling_of(endpoint: Endpoint) -> Sampling:
    """How replies are generated. The stand-in's do not depend on it."""
    if endpoint.backend == "scripted":
        return Sampling()
    return Sampling(temperature=endpoint.openai.temperature, max_tokens=endpoint.openai.max_tokens)
