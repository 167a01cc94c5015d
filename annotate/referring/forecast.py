"""What a plan must know of images: their boxes, what the steps would ask about them, and what that would show."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from contextlib import ExitStack

import orjson

from annotate.asking import Asker
from annotate.referring.calls import CAPTION_TOKENS, ENTRY_TOKENS, Call, calls_of, values_of
from annotate.referring.config import Spec
from annotate.referring.graph import build_steps
from annotate.referring.packs import pack_of
from annotate.referring.pictures import Pictures, open_pictures
from annotate.referring.pipeline import find_inputs
from annotate.referring.prompt_keys import used_keys
from annotate.referring.reading import sending_of
from annotate.referring.space import space_of
from annotate.referring.work import job_of, rounds_of
from annotate.run.forecast import Ask, Forecast
from annotate.run.job import Job
from annotate.run.planner import Planner
from demitasse.chat.model import Capability
from demitasse.chat.tokens import TokenRule, text_tokens
from demitasse.engine.journal import Row
from demitasse.engine.step import Fields, Record, Step
from demitasse.media.pool import DecodePool
from demitasse.prompts import Pack


def forecast(spec: Spec, pool: DecodePool) -> Forecast:
    """Work out what a run would ask.

    Args:
        spec: the configuration, checked.
        pool: measures the images that no row has measured yet.

    Raises:
        DemitasseError: for a configuration or a folder that cannot be used.
    """
    job, pack = job_of(spec), pack_of(spec.image_referring_expression)
    inputs = find_inputs(spec)
    with ExitStack() as stack:
        planner = Planner(job, pack, pool, stack, rounds_of(job))
        pictures = open_pictures(spec.image_referring_expression, pool)
        return planner.plan(inputs, _ImageOutlook(spec, job, pack, pictures, planner.askers))


class _ImageOutlook:
    def __init__(self, spec: Spec, job: Job, pack: Pack, pictures: Pictures, askers: Mapping[str, Asker]) -> None:
        self.workflow, self.job, self.pack = spec.image_referring_expression.workflow, job, pack
        self.pictures, self.askers = pictures, askers

    def steps(self, askers: Mapping[str, Asker]) -> list[Step]:
        return build_steps(self.workflow, askers, self.pictures)

    async def measured(self, record: Record) -> Row:
        return await self.pictures.step().run(record.fields)

    def left_out(self, fields: Fields, measuring: bool) -> str:
        return ""

    def ended_by(self, name: str, row: Row) -> str:
        return ""

    def alike(self, fields: Fields) -> Hashable:
        """What the prompts are made of: the picture, and all that is said of it so far."""
        told = [fields.get(name) for name in ("sha256", "boxes", "regions", "caption")]
        return orjson.dumps([told, [one["text"] for one in fields.get("expressions", [])]])

    def asks(self, name: str, fields: Fields, waits: bool) -> tuple[Sequence[Ask], Sequence[Ask]]:
        endpoint = "checker" if name in ("3", "4") and "checker" in self.askers else "vlm"
        capability = self.askers[endpoint].model.capability
        size = sending_of(capability).size(fields["width"], fields["height"])
        space = space_of(capability.boxes, size)

        def media(_: Capability, rule: TokenRule) -> float:
            return rule.image_tokens(*size)

        def ask(call: Call) -> Ask:
            (key,) = used_keys([name])
            told = self.pack.system + self.pack.render(key, values_of(name, call.entries))
            reply = ENTRY_TOKENS[name] * call.entries if call.form else CAPTION_TOKENS
            return Ask(endpoint, key, text_tokens(told + (call.form.as_json if call.form else "")), reply, media)

        fewest, most = calls_of(name, fields, space, self.workflow.boxes_per_request, waits)
        return [ask(call) for call in fewest], [ask(call) for call in most]

    def least(self, name: str, ahead: set[str], waits: bool, fewest: int) -> int:
        """If no reply could be used, so that nothing came after it."""
        return 0 if waits else fewest
