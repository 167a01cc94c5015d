"""The filters that ask a model, with everything they need to ask it: endpoints, prompts, footage, limits, money."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from annotate.asking import Asker
from annotate.endpoints import limits_of, sampling_of
from annotate.quality.blind import BlindFilter
from annotate.quality.captions import read_captions
from annotate.quality.config import Quality
from annotate.quality.entry import Entry
from annotate.quality.examine import ConsistencyFilter
from annotate.quality.grade import AnswerGrader, load_rubric
from annotate.quality.judge import JudgeFilter
from annotate.quality.media import Evidence
from annotate.quality.prompts import Desk
from annotate.quality.verdict import Verdict
from annotate.run.models import prices_of
from annotate.video_reasoning.footage import Footage
from demitasse.chat.model import ChatModel
from demitasse.dataset import TaskFile
from demitasse.engine.budget import Spending, open_purse
from demitasse.engine.caller import Caller, open_caller
from demitasse.engine.limits import Limits
from demitasse.engine.step import Fields, Step
from demitasse.media.pool import DecodePool
from demitasse.media.sample import SamplingPolicy
from demitasse.prompts import Pack

LONGEST_WHOLE = 60.0  # seconds of video that are sent as a file; longer ones go as frames
FEWEST_FRAMES = 4


class PaidFilter(Protocol):
    """A filter that asks a model."""

    def step(self) -> Step:
        """The engine's step."""
        ...

    def settled(self, entry: Entry) -> Verdict | None:
        """The verdict on an item that the model need not be asked about."""
        ...


@dataclass(frozen=True)
class Watched:
    """A filter's step that runs only for items that are open to it, and leaves in `faults` why it failed."""

    name: str
    filter: PaidFilter
    faults: dict[tuple[str, str], str]

    def step(self) -> Step:
        """The step for the graph. A record's field `open_to` names the filters that have to ask about it."""
        inner = self.filter.step()
        return Step(inner.name, inner.file, inner.version, inner.inputs, self._run, wanted=self._wanted, merge=False)

    def _wanted(self, fields: Fields) -> bool:
        return self.name in fields["open_to"]

    async def _run(self, fields: Fields) -> Fields:
        try:
            return await self.filter.step().run(fields)
        except Exception as error:
            self.faults[fields["item"], self.name] = str(error)
            raise


@dataclass(frozen=True)
class Office:
    """Where models are asked: the folder of their replies, who they are, and how they are spoken to."""

    config: Quality
    folder: Path
    models: Mapping[str, ChatModel]
    pack: Pack
    pool: DecodePool

    @property
    def limits(self) -> dict[str, Limits]:
        """By the models' names."""
        config = self.config
        return {model.name: limits_of(getattr(config, name), config.max_workers) for name, model in self.models.items()}

    @contextmanager
    def open_caller(self) -> Iterator[Caller]:
        """A caller that keeps to the endpoints' limits and to the budget.

        Raises:
            ConfigError: if there is a budget and a model without a price.
        """
        config, limits = self.config, self.limits
        prices = prices_of(config.prices, {name: getattr(config, name) for name in self.models})
        purse = open_purse(prices, config.budget_usd, self.folder, sorted(limits))
        with open_caller(self.folder, by_model=limits, budget=Spending(prices, purse)) as caller:
            yield caller

    def filters(self, caller: Caller, files: Sequence[TaskFile]) -> dict[str, PaidFilter]:
        """The chosen filters that ask a model, by name."""
        config, chosen = self.config, self.config.filters
        filters: dict[str, PaidFilter] = {}
        if "consistency" in chosen and config.consistency.model:
            filters["consistency"] = ConsistencyFilter(self._desk("llm", caller, self.pack))
        if "blind" in chosen:
            grader = AnswerGrader(self._desk("llm", caller, load_rubric()))
            filters["blind"] = BlindFilter(self._desk("llm", caller, self.pack), grader, config.blind)
        if "judge" in chosen:
            filters["judge"] = self._judge(caller, files)
        return filters

    def _judge(self, caller: Caller, files: Sequence[TaskFile]) -> JudgeFilter:
        judge = self.config.judge
        on_video = judge.evidence == "video"
        captions: Callable[[Entry], str | None] = _none if on_video else read_captions(judge.captions, files)
        desk = self._desk("vlm" if on_video else "llm", caller, self.pack)
        return JudgeFilter(desk, judge, self._evidence(), captions)

    def _desk(self, name: str, caller: Caller, pack: Pack) -> Desk:
        return Desk(Asker(caller, self.models[name], sampling_of(getattr(self.config, name)), pack))

    def _evidence(self) -> Evidence:
        judge = self.config.judge
        policy = SamplingPolicy(judge.fps, judge.max_frames, min(FEWEST_FRAMES, judge.max_frames), frame_multiple=1)
        scratch = self.folder / ".clips"
        shutil.rmtree(scratch, ignore_errors=True)  # what a kill has left; the folder is locked by now
        scratch.mkdir(parents=True)
        return Evidence(Footage(self.pool, policy, policy, LONGEST_WHOLE, scratch))


def _none(_: Entry) -> None:
    return None
