"""Who judges: models named on the command line, or in a file.

judges:
  - model: gpt-5                      # OpenAI's own endpoint
    temperature: null                 # not sent, for models that refuse it
    max_tokens: 4096
  - model: qwen3-vl
    base_url: http://127.0.0.1:8000/v1
    json_schema: false
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from demitasse.chat.hosts import check_url, identity
from demitasse.chat.kinds import OPENAI_KINDS, kind_of
from demitasse.chat.model import ChatModel, Sampling
from demitasse.config import read_config
from demitasse.errors import ConfigError
from evaluate.judging.protocol import MAX_TOKENS, Judge

SCRIPTED = "scripted"  # as a judge: the stand-in that knows only the toy world
OPENAI_URL = "https://api.openai.com/v1"


@dataclass
class JudgeSettings:
    """One judge. Its key is named by the variable that holds it, and stands in no file."""

    model: str
    base_url: str = ""
    api_key_env: str = "OPENAI_API_KEY"
    temperature: float | None = field(default=0.0, metadata={"ge": 0})
    max_tokens: int = field(default=MAX_TOKENS, metadata={"ge": 1})
    timeout: float = field(default=120.0, metadata={"gt": 0})
    json_schema: bool | None = None  # null: as its kind takes
    images: bool | None = None
    extra_body: dict[str, Any] = field(default_factory=dict)

    @property
    def is_scripted(self) -> bool:
        """Whether it is the stand-in, in this process."""
        return self.model == SCRIPTED and not self.base_url

    @property
    def name(self) -> str:
        """As the opened model will be called; needs no key."""
        if self.is_scripted:
            return SCRIPTED
        return f"openai:{identity(check_url(self.base_url or OPENAI_URL))}/{self.model}"

    @property
    def sampling(self) -> Sampling:
        """How its words are chosen."""
        return Sampling(self.temperature, self.max_tokens, seed=0, extra=self.extra_body)

    def open(self) -> Judge:
        """The judge; its connections end with the run that uses it.

        Raises:
            ConfigError: for an address or a key that cannot be used.
        """
        return Judge(self._model(), self.sampling)

    def _model(self) -> ChatModel:
        if self.is_scripted:
            from demitasse.chat.scripted import ScriptedModel

            return ScriptedModel()
        from demitasse.chat.openai import OpenAIChat

        url = self.base_url or OPENAI_URL
        usual = OPENAI_KINDS[kind_of(check_url(url).hostname or "")]
        schema = usual.json_schema if self.json_schema is None else self.json_schema
        images = usual.images if self.images is None else self.images
        capability = replace(usual, json_schema=schema, images=images)
        return OpenAIChat(self.model, url, self.api_key_env, self.timeout, capability)


@dataclass
class JuryFile:
    """A file of judges."""

    judges: list[JudgeSettings]


def read_jury(path: Path) -> list[JudgeSettings]:
    """The judges of a file.

    Raises:
        ConfigError: naming the file, the judge and the field that cannot be used.
    """
    judges = read_config(JuryFile, path).judges
    if not judges:
        raise ConfigError(f"{path}: 'judges' is empty; name one at least, as `- model: NAME`")
    check_jury(judges, str(path))
    return judges


def check_jury(judges: Sequence[JudgeSettings], where: str) -> None:
    """Refuse judges that cannot be told apart.

    Raises:
        ConfigError: naming the judge.
    """
    names = [judge.name for judge in judges]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{where} names the judge {name} twice; to ask it several times give --repeats")
