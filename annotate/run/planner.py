"""Going through a run's records as the run would, and asking nobody.

The graph of the run itself says which rows are there and current. Where a step has none, neither have those that
come after it: their inputs are not known yet. Nothing is sent and nothing is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self, cast

from annotate.asking import Asker
from annotate.endpoints import Endpoint, capability_of, limits_of, name_of, sampling_of
from annotate.run.earlier import EarlierRows
from annotate.run.forecast import Ask, Forecast, Outlook, StepForecast
from annotate.run.inputs import Inputs
from annotate.run.job import Job
from annotate.run.models import prices_of
from annotate.run.usages import Usages
from demitasse.chat.model import Capability, ChatModel, Reply, Request, Usage
from demitasse.chat.tokens import TokenRule
from demitasse.engine.budget import CALLS, spent_in
from demitasse.engine.caller import Caller
from demitasse.engine.graph import PROVENANCE, Graph, row_key
from demitasse.engine.journal import Row, Rows
from demitasse.engine.step import Fields, Quarantine, Record, Step
from demitasse.errors import DemitasseError, MediaError
from demitasse.media.pool import DecodePool

MEDIA = "media"


@dataclass(frozen=True)
class _Named:
    """A model that is not asked: its name and what it can take."""

    name: str
    capability: Capability

    async def reply(self, request: Request) -> Reply:
        raise DemitasseError("a plan asks nobody")

    async def close(self) -> None:
        """Nothing is open."""


class Planner:
    """Goes through the records as a run would, and asks nobody.

    Args:
        job: settings and steps.
        pool: its size says how many records are measured at once.
    """

    def __init__(self, job: Job, pool: DecodePool) -> None:
        self.job, self.pool = job, pool
        self.prices = prices_of(job.section.prices, job.endpoints)
        self.rounds = job.rounds
        self.askers = {name: self._asker(endpoint) for name, endpoint in job.endpoints.items()}
        self.usages = Usages(job.results_dir / CALLS, self.rounds)
        self.forecast = Forecast(job.kind)
        self.seen: set[Hashable] = set()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.earlier = self._stack.enter_context(EarlierRows(self.job, [self.job.results_dir]))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def plan(self, inputs: Inputs, steps: Sequence[Step], outlook: Outlook) -> Forecast:
        """What a run of these steps over the inputs would do; they have been built with the planner's `askers`.

        Raises:
            DemitasseError: if a journal is damaged.
        """
        self.outlook, folder = outlook, self.job.results_dir
        self.graph = Graph(steps)
        self.rows = {
            file: self._stack.enter_context(Rows([folder / file], self._identity))
            for file in {step.file for step in self.graph.steps.values()}
        }
        found = self.forecast
        found.steps = {_whole(name): StepForecast() for name in self.graph.steps if name != MEDIA}
        found.left_out.update(why for _, why in inputs.left_out)
        found.spent = spent_in(folder, self.prices)
        asyncio.run(self._plan_all(inputs))
        found.kept = self.usages.unused()
        found.least = max(0, found.least - found.kept)
        limits = [limits_of(endpoint, 1) for endpoint in self.job.endpoints.values()]
        # Each reply may be cut short and asked for with more room, and what then comes may be sent back.
        found.most = found.calls[1] * 2 * (1 + max((limit.reasks for limit in limits), default=0))
        return found

    async def _plan_all(self, inputs: Inputs) -> None:
        """All records, as many of them measured at once as there are workers."""
        left = iter(inputs.records)

        async def work() -> None:
            for record in left:
                await self._plan_one(record)

        await asyncio.gather(*(work() for _ in range(self.pool.size)))

    async def _plan_one(self, record: Record) -> None:
        why = self.earlier.missing(record) or ""
        if not why:
            record = self.earlier.completed(record)
            try:
                rows = await self._measured(record)
                why = self.outlook.left_out(self.graph.merged(record, rows), MEDIA in self.graph.steps)
            except MediaError as error:
                why = error.reason
            except Quarantine as error:
                why = str(error)
        if why:
            self.forecast.left_out[why] += 1
            return
        self._plan_steps(record, rows)

    async def _measured(self, record: Record) -> dict[str, Row]:
        step = self.graph.steps.get(MEDIA)
        if step is None:
            return {}
        row = self._current(step, record, {})
        return {MEDIA: row if row is not None else await self.outlook.measured(record)}

    def _plan_steps(self, record: Record, rows: dict[str, Row]) -> None:
        """Go through the graph as a run would, and note the calls of what it would have to do."""
        ahead: dict[str, bool] = {}  # step -> whether it waits for another one that is ahead
        for name, step in self.graph.steps.items():
            if name == MEDIA:
                continue
            waits = not ahead.keys().isdisjoint(self._before(step))
            row = None if waits else self._current(step, record, rows)
            if row is None:
                ahead[name] = waits
                continue
            rows[name] = row
            self._of(name).current += 1
            self.usages.use(row)
            if why := self.outlook.ended_by(name, row):
                self.forecast.left_out[why] += 1
                return
        self.forecast.records += 1
        fields = self.graph.merged(record, rows)
        alike = self.outlook.alike(fields)
        if alike in self.seen:
            self.forecast.alike += bool(ahead)
            return
        self.seen.add(alike)
        for name, waits in ahead.items():
            self._note(name, fields, set(ahead), waits)

    def _note(self, name: str, fields: Fields, ahead: set[str], waits: bool) -> None:
        step, ends = self._of(name), self.outlook.asks(name, fields, waits)
        step.records += any(ends)
        for end, asks in enumerate(ends):
            step.calls[end] += len(asks)
            for ask in asks:
                self._price(step, ask, end)
        self.forecast.least += self.outlook.least(name, ahead, waits, len(ends[0]))

    def _price(self, step: StepForecast, ask: Ask, end: int) -> None:
        asker = self.askers[ask.endpoint]
        price = self.prices.find(asker.model.name)
        prompt = ask.text
        if ask.media is not None:
            rule = price.tokens if price else TokenRule()
            prompt += ask.media(asker.model.capability, rule.read_at(asker.sampling.fps))
        completion = min(self.usages.mean(ask.prompt) or ask.reply, asker.sampling.max_tokens)
        step.models.add(asker.model.name)
        step.prompt[end] += prompt
        step.completion[end] += completion
        if price is None:
            step.dollars = self.forecast.most_dollars = None
            return
        if step.dollars is not None:
            step.dollars[end] += price.cost(Usage(int(prompt), int(completion)))
        if end == 1 and self.forecast.most_dollars is not None:
            self.forecast.most_dollars += price.cost(Usage(int(prompt), asker.sampling.max_tokens))

    def _current(self, step: Step, record: Record, rows: Mapping[str, Row]) -> Row | None:
        """The row that a run would take over: it is there, and made from the same inputs."""
        view = self.graph.view(step, record, rows)
        if not step.wanted(view):
            return {}
        row = self.rows[step.file].find((record.id, step.part))
        return row if row is not None and row.get(PROVENANCE, {}).get("key") == row_key(step, view) else None

    def _before(self, step: Step) -> set[str]:
        found = set(step.after)
        for name in step.after:
            found |= self._before(self.graph.steps[name])
        return found

    def _of(self, name: str) -> StepForecast:
        return self.forecast.steps[_whole(name)]

    def _identity(self, row: Row) -> tuple[str, str]:
        return row[self.job.kind], row.get(PROVENANCE, {}).get("part", "")

    def _asker(self, endpoint: Endpoint) -> Asker:
        model: ChatModel = _Named(name_of(endpoint), capability_of(endpoint))
        nobody = cast(Caller, None)  # it is never asked
        return Asker(nobody, model, sampling_of(endpoint), self.job.pack, self.rounds)


def _whole(name: str) -> str:
    """The step that a part belongs to: `3/mcq` to `3`."""
    return name.split("/")[0]
