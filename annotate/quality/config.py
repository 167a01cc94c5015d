"""What can be set: the section `quality` of a configuration. Every number's meaning is in docs/quality.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from annotate.endpoints import Endpoint, endpoint_problems, pair_problems
from demitasse.config import read_config
from demitasse.errors import ConfigError

SECTION = "quality"
FREE = ("times", "leak", "option_length", "consistency", "duplicates", "letters")
PAID = ("blind", "judge")
FILTERS = (*FREE, *PAID)
EVIDENCE = ("video", "captions")


def _choices(*names: str) -> dict[str, Any]:
    return {"choices": names}


@dataclass
class Blind:
    """Is the answer known without the video? Dropped when right at least so many times of `tries`."""

    tries: int = field(default=5, metadata={"ge": 1})
    mcq_right: int = field(default=4, metadata={"ge": 1})
    bcq_right: int = field(default=5, metadata={"ge": 1})
    times_right: int = field(default=4, metadata={"ge": 1})
    open_right: int = field(default=4, metadata={"ge": 1})
    tiou: float = field(default=0.5, metadata={"gt": 0, "le": 1})  # from which a span counts as right
    open_answers: bool = False  # also ask open questions, and have `llm` grade what comes back
    open_score: int = field(default=4, metadata={"ge": 1, "le": 5})  # from which an open answer counts as right
    temperature: float = field(default=0.7, metadata={"ge": 0})  # of the tries; at 0 they would all be one


@dataclass
class Judge:
    """A model's grades from 1 to 5, and the lowest of each that is kept."""

    evidence: str = field(default="video", metadata=_choices(*EVIDENCE))
    captions: str = ""  # JSON Lines with `video` and texts; empty: TAO's step 2 beside the data
    correctness: int = field(default=4, metadata={"ge": 1, "le": 5})
    grounding: int = field(default=3, metadata={"ge": 1, "le": 5})
    question: int = field(default=3, metadata={"ge": 1, "le": 5})
    reasoning: int = field(default=3, metadata={"ge": 1, "le": 5})
    fps: float = field(default=2.0, metadata={"gt": 0})  # where an endpoint takes frames only
    max_frames: int = field(default=60, metadata={"ge": 1})


@dataclass
class Consistency:
    """Does the reasoning lead to the answer?"""

    tolerance: float = field(default=2.0, metadata={"ge": 0})  # seconds between a concluded and an answered time
    model: bool = False  # also have `llm` conclude from the reasoning alone


@dataclass
class OptionLength:
    """The right option stands out when it is `ratio` times as long as every other, and longer by `characters`."""

    ratio: float = field(default=1.6, metadata={"gt": 1})
    characters: int = field(default=15, metadata={"ge": 1})


@dataclass
class Letters:
    """Balance of the right letters."""

    fix: bool = False  # permute options anew where they are out of balance
    tolerance: float = field(default=0.05, metadata={"gt": 0, "lt": 1})  # of a letter's share


@dataclass
class Duplicates:
    """How alike two questions must be. Similarity is Jaccard's over runs of four characters."""

    within: float = field(default=0.8, metadata={"gt": 0, "le": 1})  # of the questions, about one video
    across: float | None = field(default=None, metadata={"gt": 0, "le": 1})  # of the whole items; null: not compared


@dataclass
class Times:
    """Times and the video's length."""

    tolerance: float = field(default=1.0, metadata={"ge": 0})  # seconds after the end that are let pass


@dataclass
class Quality:
    """The section `quality`."""

    filters: list[str] = field(default_factory=lambda: list(FREE), metadata=_choices(*FILTERS))
    flag_only: list[str] = field(default_factory=list, metadata=_choices(*FILTERS))  # whose drop does not reject
    drop_unknown: bool = False
    vlm: Endpoint = field(default_factory=Endpoint)
    llm: Endpoint = field(default_factory=Endpoint)
    max_workers: int = field(default=4, metadata={"ge": 1})  # requests in flight at each model
    prompts: str = "quality"  # a pack's name or its .yaml file
    budget_usd: float | None = field(
        default=None, metadata={"gt": 0}
    )  # never spend more, earlier runs in --out included
    prices: str = ""  # a price table; empty: annotate/prices.yaml
    blind: Blind = field(default_factory=Blind)
    judge: Judge = field(default_factory=Judge)
    consistency: Consistency = field(default_factory=Consistency)
    option_length: OptionLength = field(default_factory=OptionLength)
    letters: Letters = field(default_factory=Letters)
    duplicates: Duplicates = field(default_factory=Duplicates)
    times: Times = field(default_factory=Times)


def read_quality(path: Path | None, overrides: Sequence[str]) -> Quality:
    """Read the section `quality` of a file and overrides of its keys.

    Raises:
        ConfigError: as `read_config`, and for values that contradict each other.
    """
    config = read_config(Quality, path, overrides, SECTION)
    for problem in _problems(config):
        raise ConfigError(problem)
    return config


def needed_endpoints(config: Quality) -> dict[str, Endpoint]:
    """The endpoints that the chosen filters ask, by name; none where nothing is asked."""
    chosen = set(config.filters)
    on_video = config.judge.evidence == "video"
    names = {
        "vlm": "judge" in chosen and on_video,
        "llm": "blind" in chosen
        or ("consistency" in chosen and config.consistency.model)
        or ("judge" in chosen and not on_video),
    }
    return {name: getattr(config, name) for name, needed in names.items() if needed}


def _problems(config: Quality) -> Iterator[str]:
    if not config.filters:
        yield f"{SECTION}.filters is empty: name at least one of {', '.join(FILTERS)}"
    for name in ("filters", "flag_only"):
        chosen = getattr(config, name)
        if len(set(chosen)) < len(chosen):
            yield f"{SECTION}.{name} names one twice: {', '.join(chosen)}"
    for name in config.flag_only:
        if name not in config.filters:
            yield f"{SECTION}.flag_only names '{name}', which is not among {SECTION}.filters; add it there"
    for name in ("mcq_right", "bcq_right", "times_right", "open_right"):
        wanted = getattr(config.blind, name)
        if wanted > config.blind.tries:
            yield f"{SECTION}.blind.{name} is {wanted}, more than {SECTION}.blind.tries ({config.blind.tries})"
    for name, endpoint in needed_endpoints(config).items():
        yield from endpoint_problems(f"{SECTION}.{name}", endpoint)
    yield from pair_problems(SECTION, needed_endpoints(config))
