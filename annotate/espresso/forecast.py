"""What a plan must know of videos: their frames, what the steps would ask about them, and what that would show."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence

import orjson

from annotate.asking import Asker
from annotate.espresso import prompt_keys
from annotate.espresso.calls import FORMS, Amounts, amounts_of, counts_of, prompts_of, reply_tokens, values_of
from annotate.espresso.config import Spec, VideoEspresso
from annotate.espresso.frames import Frames
from annotate.espresso.graph import build_steps
from annotate.espresso.inputs import find_inputs
from annotate.espresso.work import embedder_of, job_of
from annotate.run.forecast import Ask, Forecast, Outlook
from annotate.run.planner import Planner
from demitasse.chat.model import Capability
from demitasse.chat.tokens import TokenRule, text_tokens
from demitasse.engine.journal import Row
from demitasse.engine.step import Fields, Record
from demitasse.media.pool import DecodePool
from demitasse.prompts import Pack

SEES = ("1", "6")


def forecast(spec: Spec, pool: DecodePool) -> Forecast:
    """Work out what a run would ask; `pool` measures what no row has measured yet.

    Raises:
        DemitasseError: for a configuration or a folder that cannot be used.
    """
    job, inputs, config = job_of(spec), find_inputs(spec.section.data), spec.section
    with Planner(job, pool) as planner:
        frames = Frames(pool, config.frames)
        steps = build_steps(config, planner.askers, frames, embedder_of(spec))
        return planner.plan(inputs, steps, _EspressoOutlook(config, job.pack, frames, planner.askers))


class _EspressoOutlook(Outlook):
    def __init__(self, config: VideoEspresso, pack: Pack, frames: Frames, askers: Mapping[str, Asker]) -> None:
        self.config, self.pack, self.frames, self.askers = config, pack, frames, askers

    async def measured(self, record: Record) -> Row:
        return await self.frames.measured(record.fields)

    def left_out(self, fields: Fields, measuring: bool) -> str:
        return self.frames.too_long(fields)

    def alike(self, fields: Fields) -> Hashable:
        """What the prompts are made of: the video, and all that is said of it so far."""
        told = [fields.get(name) for name in ("sha256", "sampled", "frames", "groups", "questions", "evidence")]
        return orjson.dumps(told)

    def asks(self, name: str, fields: Fields, waits: bool) -> tuple[Sequence[Ask], Sequence[Ask]]:
        amounts = amounts_of(fields, self.config)
        fewest, most = counts_of(name, fields, amounts, self.config)
        each = list(self._each(name, fields, amounts)) if most else []
        return each * fewest, each * most

    def least(self, name: str, ahead: set[str], waits: bool, fewest: int) -> int:
        """If no reply could be used, so that nothing came after it. A second look at boxes comes after the first."""
        return 0 if waits else fewest // 2 if name == "6" and self.config.boxes.min_agreement > 0 else fewest

    def _each(self, name: str, fields: Fields, amounts: Amounts) -> Iterator[Ask]:
        """The calls about one frame, group or question."""
        values, form = values_of(name, self.config, amounts), FORMS.get(name)
        for key in prompts_of(name, self.config):
            told = self.pack.system + self.pack.render(key, values) + (form.as_json if form else "")
            endpoint = self._endpoint(name, key)

            def media(capability: Capability, rule: TokenRule) -> float:
                return rule.image_tokens(*self.frames.size(fields, capability))

            reply = reply_tokens(name, self.config, amounts)
            yield Ask(endpoint, key, text_tokens(told), reply, media if name in SEES else None)

    def _endpoint(self, name: str, key: str) -> str:
        if name in ("4", "9") and "checker" in self.askers:
            return "checker"
        if key == prompt_keys.BOXES and "detector" in self.askers:
            return "detector"
        return "captioner" if name in SEES else "writer"
