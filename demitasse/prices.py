"""What models cost: a table in a file that a person keeps, in dollars per million tokens.

    models:
      - match: gpt-4o-mini*      # the model's name; with the endpoint before it: openai:loopback/gpt-4o-mini
        input: 0.15
        output: 0.60
        cached: 0.075            # of the input, what the endpoint had in its cache; left out: as input
        batch: 0.5               # share of these prices that batch jobs cost; left out: half

The first entry that matches counts. What runs on this machine is free unless an entry names the endpoint.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

from demitasse.chat.hosts import LOOPBACK
from demitasse.chat.model import Usage
from demitasse.chat.tokens import TokenRule
from demitasse.config import read_config

MILLION = 1_000_000
_FREE = ("scripted*", "local:*", f"*:{LOOPBACK}/*")  # the stand-in, a model in this process, servers on this machine


@dataclass
class Entry:
    """A row of the table. Dollars per million tokens."""

    match: str
    input: float = field(metadata={"ge": 0})
    output: float = field(metadata={"ge": 0})
    cached: float | None = field(default=None, metadata={"ge": 0})
    batch: float = field(default=0.5, metadata={"gt": 0, "le": 1})  # of all of these, for what goes in batch jobs
    long_from: int | None = field(default=None, metadata={"ge": 0})  # tokens of a prompt above which it costs more
    long_input: float | None = field(default=None, metadata={"ge": 0})
    long_output: float | None = field(default=None, metadata={"ge": 0})
    image_tokens: float | None = field(default=None, metadata={"gt": 0})  # of one image of any size
    image_pixels: float | None = field(default=None, metadata={"gt": 0})  # that make one token
    video_tokens: float | None = field(default=None, metadata={"gt": 0})  # of a second of video sent whole


@dataclass
class Table:
    """A price file."""

    models: list[Entry]


@dataclass(frozen=True, slots=True)
class Price:
    """Of one model, in dollars per million tokens, and how it counts media."""

    input: float
    output: float
    cached: float
    long_from: float = math.inf  # tokens of a prompt, above which all of the request costs what follows
    long_input: float = 0.0
    long_output: float = 0.0
    tokens: TokenRule = TokenRule()
    batch: float = 1.0  # share of all of these that batch jobs cost

    def in_batches(self) -> Price:
        """Of the same model in batch jobs."""
        names = ("input", "output", "cached", "long_input", "long_output")
        return replace(self, batch=1.0, **{name: self.batch * getattr(self, name) for name in names})

    def cost(self, usage: Usage) -> float:
        """Dollars. Cached tokens are part of the prompt's, reasoning is part of the completion's."""
        fresh = usage.prompt - usage.cached
        if usage.prompt > self.long_from:
            return (usage.prompt * self.long_input + usage.completion * self.long_output) / MILLION
        return (fresh * self.input + usage.cached * self.cached + usage.completion * self.output) / MILLION


FREE = Price(0.0, 0.0, 0.0)


class Prices:
    """A price table. `source` names it in messages, `batched` the models that are asked in batch jobs."""

    def __init__(
        self, entries: list[Entry], source: str = "the price table", batched: Iterable[str] = frozenset()
    ) -> None:
        self.source = source
        self._batched = frozenset(batched)
        self._entries = [(entry.match, _price(entry)) for entry in entries]
        self._found: dict[str, Price | None] = {}

    def find(self, model: str) -> Price | None:
        """The price of a model by its name in keys ("openai:api.openai.com/gpt-4o"); None if nobody gave one."""
        if model not in self._found:
            price = self._look_up(model)
            self._found[model] = price.in_batches() if price is not None and model in self._batched else price
        return self._found[model]

    def cost(self, model: str, usage: Usage) -> float | None:
        """Dollars; None for a model without a price."""
        price = self.find(model)
        return None if price is None else price.cost(usage)

    def _look_up(self, model: str) -> Price | None:
        free = any(fnmatchcase(model, pattern) for pattern in _FREE)
        for pattern, price in self._entries:
            if ":" in pattern and fnmatchcase(model, pattern):
                return price
            if not free and fnmatchcase(_bare(model), pattern):  # names hold colons too: qwen3:8b
                return price
        return FREE if free else None


def load_prices(path: Path, batched: Iterable[str] = frozenset()) -> Prices:
    """Read a price file; `batched` are the models that are asked in batch jobs.

    Raises:
        ConfigError: naming the file, the entry and the field that cannot be used.
    """
    return Prices(read_config(Table, path, []).models, str(path), batched)


def _bare(model: str) -> str:
    """The model's own name: behind the host, or behind the kind of endpoint where there is no host."""
    head, slash, rest = model.partition("/")
    return rest if slash else head.partition(":")[2] or head


def _price(entry: Entry) -> Price:
    usual = TokenRule()
    return Price(
        input=entry.input,
        output=entry.output,
        cached=entry.input if entry.cached is None else entry.cached,
        long_from=math.inf if entry.long_from is None else entry.long_from,
        long_input=entry.input if entry.long_input is None else entry.long_input,
        long_output=entry.output if entry.long_output is None else entry.long_output,
        tokens=TokenRule(
            entry.image_pixels or usual.image_pixels, entry.image_tokens, entry.video_tokens or usual.video_second
        ),
        batch=entry.batch,
    )
