"""What a run would ask, worked out from its configuration, its videos and what is in its results folder already.

The graph of the run itself says which rows are there and current. Where a step has none, neither have those that
come after it: their inputs are not known yet. Nothing is sent and nothing is written.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from annotate.endpoints import Endpoint, capability_of, limits_of, name_of, sampling_of
from annotate.video_reasoning.asking import Asker
from annotate.video_reasoning.calls import REPLY_TOKENS, Call, calls_of, values_for
from annotate.video_reasoning.chunks import windows
from annotate.video_reasoning.config import Spec, needed_endpoints
from annotate.video_reasoning.earlier import EarlierRows
from annotate.video_reasoning.footage import Footage
from annotate.video_reasoning.graph import build_steps
from annotate.video_reasoning.packs import pack_of
from annotate.video_reasoning.pipeline import find_inputs
from annotate.video_reasoning.reading import measure
from annotate.video_reasoning.work import footage_of, prices_of
from demitasse.chat.attach import FRAME_PIXELS
from demitasse.chat.model import Capability, ChatModel, Reply, Request, Usage
from demitasse.chat.tokens import TokenRule, text_tokens
from demitasse.engine.budget import CALLS, spent_in
from demitasse.engine.caller import Caller
from demitasse.engine.graph import PROVENANCE, Graph, row_key
from demitasse.engine.journal import Row, Rows, read_rows
from demitasse.engine.step import Fields, Record, Step
from demitasse.errors import DemitasseError, MediaError
from demitasse.media.pool import DecodePool
from demitasse.media.sample import sample_times

MODES = ("normal", "anomaly")
MEDIA = "media"


@dataclass
class StepForecast:
    """A step's calls over all videos. The first of a pair is the least, the second the most that may be expected.

    Attributes:
        models: names of those that are asked.
        current: rows that are there, and stay.
        videos: for which it would run.
        calls: if no video is rejected and no reply has to be asked for again.
        prompt, completion: tokens of them, estimated.
        dollars: of them; None if a price is not known.
    """

    models: set[str] = field(default_factory=set)
    current: int = 0
    videos: int = 0
    calls: list[int] = field(default_factory=lambda: [0, 0])
    prompt: list[float] = field(default_factory=lambda: [0.0, 0.0])
    completion: list[float] = field(default_factory=lambda: [0.0, 0.0])
    dollars: list[float] | None = field(default_factory=lambda: [0.0, 0.0])


@dataclass
class Forecast:
    """What a run would do.

    Attributes:
        steps: by name; the question types of step 3 together.
        videos: that would be worked on.
        left_out: what would not, by reason.
        alike: videos with the content of another one, whose replies are shared.
        least: requests if step 0 rejected every video that it is still to judge.
        most: requests if every reply were cut short and sent back as often as is allowed. Requests that fail and are
            sent again are not counted.
        kept: replies that are paid for and that no row of these holds: as many requests may be spared.
        spent: dollars, by earlier runs in the folder.
        most_dollars: of one request for each call, with the longest reply that is allowed; None if not known.
    """

    steps: dict[str, StepForecast] = field(default_factory=dict)
    videos: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    alike: int = 0
    least: int = 0
    most: int = 0
    kept: int = 0
    spent: float = 0.0
    most_dollars: float | None = 0.0

    @property
    def calls(self) -> tuple[int, int]:
        """The least and the most requests that are to be expected."""
        low, high = (sum(step.calls[end] for step in self.steps.values()) for end in (0, 1))
        return low, high


@dataclass(frozen=True)
class _Named:
    """A model that is not asked: its name and what it can take."""

    name: str
    capability: Capability

    async def reply(self, request: Request) -> Reply:
        raise DemitasseError("a plan asks nobody")

    async def close(self) -> None:
        """Nothing is open."""


def forecast(spec: Spec, pool: DecodePool) -> Forecast:
    """Work out what a run would ask.

    Args:
        spec: the configuration, checked.
        pool: measures the videos that no row has measured yet.

    Raises:
        DemitasseError: for a configuration or a folder that cannot be used.
    """
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        return _Planner(spec, pool, scratch, stack).plan()


class _Planner:
    def __init__(self, spec: Spec, pool: DecodePool, scratch: Path, stack: ExitStack) -> None:
        self.config, self.folder = spec.video_reasoning_annotation, Path(spec.results_dir)
        self.workflow, self.pack = self.config.workflow, pack_of(self.config)
        self.inputs, self.pool = find_inputs(spec), pool
        self.prices, self.endpoints = prices_of(self.config), needed_endpoints(self.config)
        self.footage: Footage = footage_of(self.workflow, pool, scratch)
        self.askers = {name: self._asker(endpoint) for name, endpoint in self.endpoints.items()}
        self.graph = Graph(build_steps(self.workflow, self.askers, self.footage))
        self.earlier = stack.enter_context(EarlierRows(self.workflow, [self.folder]))
        self.rows = {
            file: stack.enter_context(Rows([self.folder / file], _identity))
            for file in {step.file for step in self.graph.steps.values()}
        }
        self.usages = _Usages(self.folder / CALLS)
        self.forecast = Forecast(steps={name: StepForecast() for name in self.workflow.steps if name != "4"})
        self.seen: set[tuple[str, str]] = set()

    def plan(self) -> Forecast:
        self.forecast.left_out.update(why for _, why in self.inputs.left_out)
        self.forecast.spent = spent_in(self.folder, self.prices)
        asyncio.run(self._plan_all())
        self.forecast.kept = self.usages.unused()
        low, high = self.forecast.calls
        self.forecast.least = max(0, self.forecast.least - self.forecast.kept)
        limits = [limits_of(endpoint, 1) for endpoint in self.endpoints.values()]
        # Each reply may be cut short and asked for with more room, and what then comes may be sent back.
        self.forecast.most = high * 2 * (1 + max((limit.reasks for limit in limits), default=0))
        return self.forecast

    async def _plan_all(self) -> None:
        """All videos, as many of them measured at once as there are workers."""
        left = iter(self.inputs.records)

        async def work() -> None:
            for record in left:
                await self._plan_one(record)

        await asyncio.gather(*(work() for _ in range(self.pool.size)))

    async def _plan_one(self, record: Record) -> None:
        why = self.earlier.missing(record)
        if why is None:
            record = Record(record.id, record.fields | self.earlier.fields_of(record))
            try:
                rows = await self._measured(record)
            except MediaError as error:
                why = error.reason
        if why is None:
            length = {**record.fields, **rows.get(MEDIA, {})}["video_length"]
            longest = self.workflow.max_video_length_sec
            if longest and length > longest and MEDIA in self.graph.steps:
                why = f"longer than max_video_length_sec ({longest:g} s)"
        if why is not None:
            self.forecast.left_out[why] += 1
            return
        self._plan_steps(record, rows, length)

    async def _measured(self, record: Record) -> dict[str, Row]:
        step = self.graph.steps.get(MEDIA)
        if step is None:
            return {}
        row = self._current(step, record, {})
        if row is None:
            row = {"video": record.id, **await self.pool.run(measure, record.fields["path"])}
        return {MEDIA: row}

    def _plan_steps(self, record: Record, rows: dict[str, Row], length: float) -> None:
        """Go through the graph as a run would, and note the calls of what it would have to do."""
        self.forecast.videos += 1
        ahead: set[str] = set()
        for name, step in self.graph.steps.items():
            if name == MEDIA:
                continue
            row = None if ahead & self._before(step) else self._current(step, record, rows)
            if row is not None:
                rows[name] = row
                self._of(name).current += 1
                self.usages.use(row)
            else:
                ahead.add(name)
            if name == "0" and row is not None and not row["is_valid"]:
                self.forecast.left_out["not usable in the teacher's judgement (step 0)"] += 1
                self.forecast.videos -= 1
                return
        fields = self.graph.merged(record, rows)
        modes = self._modes(fields)
        alike = (fields.get("sha256", record.id), "|".join(modes))
        if alike in self.seen:
            self.forecast.alike += bool(ahead)
            return
        self.seen.add(alike)
        self._note(ahead, fields, modes, length)

    def _note(self, ahead: set[str], fields: Fields, modes: Sequence[str], length: float) -> None:
        for name in ahead:
            classified = self.workflow.mode == "auto" and fields["given_mode"] is None
            by_mode = [
                [(call, mode) for call in calls_of(name, self.workflow, length, mode, classified)] for mode in modes
            ]
            step = self._of(name)
            step.videos += any(by_mode)
            for end, calls in enumerate((min(by_mode, key=len), max(by_mode, key=len))):
                step.calls[end] += len(calls)
                for call, mode in calls:
                    self._price(name, step, call, mode, end, fields, length)
            if "0" not in ahead or name == "0":
                self.forecast.least += 1 if name == "0" else len(min(by_mode, key=len))

    def _price(
        self, name: str, step: StepForecast, call: Call, mode: str, end: int, fields: Fields, length: float
    ) -> None:
        asker = self.askers[call.endpoint]
        price = self.prices.find(asker.model.name)
        prompt = self._text(asker, call, mode, length)
        if call.seconds is not None:
            prompt += self._media(asker, call.seconds, fields, price.tokens if price else TokenRule())
        usual = self.usages.mean(call.prompt) or REPLY_TOKENS[name.split("/")[0]]
        completion = min(usual, asker.sampling.max_tokens)
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

    def _text(self, asker: Asker, call: Call, mode: str, length: float) -> float:
        chunks = len(windows(length, self.workflow.chunk_duration_options, self.workflow.max_chunks))
        values = values_for(length, chunks if "1b" in self.workflow.steps else 0, mode)
        told = self.pack.system + self.pack.render(call.prompt, values)
        return text_tokens(told + (call.form.as_json if call.form else ""))

    def _media(self, asker: Asker, seconds: float, fields: Fields, rule: TokenRule) -> float:
        whole = min(asker.model.capability.max_video_seconds, self.footage.whole_up_to)
        if asker.model.capability.video and seconds <= whole:
            return seconds * rule.video_second
        policy = self.footage.long_policy if seconds > self.footage.whole_up_to else self.footage.policy
        width, height = fields["width"], fields["height"]
        scale = min(1.0, (FRAME_PIXELS / (width * height)) ** 0.5)
        return len(sample_times(seconds, policy)) * rule.image_tokens(width * scale, height * scale)

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

    def _modes(self, fields: Fields) -> tuple[str, ...]:
        named = fields["given_mode"] or (fields.get("mode") if self.workflow.mode == "auto" else self.workflow.mode)
        return (named,) if named else MODES

    def _of(self, name: str) -> StepForecast:
        return self.forecast.steps[name.split("/")[0]]

    def _asker(self, endpoint: Endpoint) -> Asker:
        model: ChatModel = _Named(name_of(endpoint), capability_of(endpoint))
        return Asker(cast(Caller, None), model, sampling_of(endpoint), self.pack)  # it is never asked


class _Usages:
    """What the replies in a results folder took, by prompt, and which of them no current row holds."""

    def __init__(self, calls: Path) -> None:
        self._keys: set[str] = set()
        self._completions: defaultdict[str, list[int]] = defaultdict(list)
        for row in read_rows(calls) if calls.exists() else ():
            self._keys.add(row["key"])
            if row["reply"]["usage"]["completion"]:
                self._completions[row["step"]].append(row["reply"]["usage"]["completion"])

    def mean(self, prompt: str) -> float | None:
        """Tokens of a reply to a prompt; None if there was none."""
        counted = self._completions.get(prompt)
        return sum(counted) / len(counted) if counted else None

    def use(self, row: Row) -> None:
        """A row's replies are no longer free for others."""
        self._keys -= set(row.get(PROVENANCE, {}).get("requests", ()))

    def unused(self) -> int:
        """Replies that no row holds."""
        return len(self._keys)


def _identity(row: Row) -> tuple[Any, str]:
    return row["video"], row.get(PROVENANCE, {}).get("part", "")
