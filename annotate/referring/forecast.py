"""What a plan must know of images: their boxes, what the steps would ask about them, and what that would show."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import orjson

from annotate.asking import Asker
from annotate.referring.calls import CAPTION_TOKENS, ENTRY_TOKENS, Call, calls_of, values_of
from annotate.referring.config import Spec, Workflow
from annotate.referring.graph import build_steps
from annotate.referring.inputs import find_inputs
from annotate.referring.pictures import Pictures, open_pictures
from annotate.referring.prompt_keys import used_keys
from annotate.referring.reading import sending_of
from annotate.referring.space import space_of
from annotate.referring.work import job_of
from annotate.run.forecast import Ask, Forecast, Outlook
from annotate.run.planner import Planner
from demitasse.chat.model import Capability
from demitasse.chat.tokens import TokenRule, text_tokens
from demitasse.engine.journal import Row
from demitasse.engine.step import Fields, Record
from demitasse.media.pool import DecodePool
from demitasse.prompts import Pack


def forecast(spec: Spec, pool: DecodePool) -> Forecast:
    """Work out what a run would ask; `pool` measures what no row has measured yet.

    Raises:
        DemitasseError: for a configuration or a folder that cannot be used.
    """
    job, inputs, workflow = job_of(spec), find_inputs(spec.section.data), spec.section.workflow
    with Planner(job, pool) as planner:
        pictures = open_pictures(spec.section, pool)
        outlook = _ImageOutlook(workflow, job.pack, pictures, planner.askers)
        return planner.plan(inputs, build_steps(workflow, planner.askers, pictures), outlook)


class _ImageOutlook(Outlook):
    def __init__(self, workflow: Workflow, pack: Pack, pictures: Pictures, askers: Mapping[str, Asker]) -> None:
        self.workflow, self.pack, self.pictures, self.askers = workflow, pack, pictures, askers

    async def measured(self, record: Record) -> Row:
        return await self.pictures.step().run(record.fields)

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
