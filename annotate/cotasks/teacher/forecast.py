"""What a plan must know of questions: their videos' frames, what the steps would ask, and what that would show."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import orjson

from annotate.asking import Asker
from annotate.cotasks.teacher import replies
from annotate.cotasks.teacher.config import Spec, TeacherCoTasks
from annotate.cotasks.teacher.footage import Footage
from annotate.cotasks.teacher.graph import build_steps
from annotate.cotasks.teacher.inputs import read_inputs
from annotate.cotasks.teacher.prompt_keys import KEYS
from annotate.cotasks.teacher.vocabulary import VOCABULARIES
from annotate.cotasks.teacher.work import footage_of, job_of
from annotate.forms import Form
from annotate.referring.space import space_of
from annotate.run.forecast import Ask, Forecast, Outlook
from annotate.run.planner import Planner
from demitasse.chat.model import Capability
from demitasse.chat.tokens import TokenRule, text_tokens
from demitasse.engine.journal import Row
from demitasse.engine.step import Fields, Record
from demitasse.media.pool import DecodePool
from demitasse.prompts import Pack

# Tokens that a reply takes, before any was counted: a handful of entities and some facts about them.
REPLY_TOKENS = {"1": 120, "2": 100, "3": 250, "4": 250}
_ENTITIES = "text" * 50  # of about the length that a list of them has
_FORMS: Mapping[str, Form[Any]] = {"1": replies.MOMENTS, "3": replies.RELATIONS, "4": replies.EVENTS}


def forecast(spec: Spec, pool: DecodePool) -> Forecast:
    """Work out what a run would ask; `pool` measures what no row has measured yet.

    Raises:
        DemitasseError: for a configuration or a folder that cannot be used.
    """
    job, inputs, config = job_of(spec), read_inputs(spec), spec.section
    with Planner(job, pool) as planner:
        footage = footage_of(config, pool)
        outlook = _TeacherOutlook(config, job.pack, footage, planner.askers)
        return planner.plan(inputs, build_steps(config, planner.askers, footage), outlook)


class _TeacherOutlook(Outlook):
    def __init__(self, config: TeacherCoTasks, pack: Pack, footage: Footage, askers: Mapping[str, Asker]) -> None:
        self.config, self.pack, self.footage, self.askers = config, pack, footage, askers

    async def measured(self, record: Record) -> Row:
        return await self.footage.measured(record.fields)

    def alike(self, fields: Fields) -> Hashable:
        """What the prompts are made of: the video, the question, and all that is said of it so far."""
        told = [fields.get(name) for name in ("sha256", "asked", "key_frames", "entities", "sightings")]
        return orjson.dumps(told)

    def asks(self, name: str, fields: Fields, waits: bool) -> tuple[Sequence[Ask], Sequence[Ask]]:
        """Before step 1 has been answered a question may need no entity at all, or the most frames."""
        shown = self._shown(name, fields)
        if "key_frames" in fields:
            calls = shown[0] if len(fields["entities"]) >= _least_entities(name) else 0
            asks = [self._ask(name, fields, shown[1])] * calls
            return asks, asks
        ask = self._ask(name, fields, shown[1])
        return [ask] * (name == "1"), [ask] * shown[0]

    def _shown(self, name: str, fields: Fields) -> tuple[int, int]:
        """How many calls a step makes, at most, and how many frames each shows."""
        sampled = len(fields["sampled"])
        key_frames = len(fields.get("key_frames", ())) or min(sampled, self.config.max_key_frames)
        return {"1": (1, sampled), "2": (key_frames, 1), "3": (1, key_frames), "4": (1, sampled)}[name]

    def _ask(self, name: str, fields: Fields, frames: int) -> Ask:
        key, capability = KEYS[name], self.askers["vlm"].model.capability
        form = _FORMS.get(name) or replies.places_form(space_of(capability.boxes))
        told = self.pack.system + self.pack.render(key, self._values(fields)) + form.as_json

        def media(capability: Capability, rule: TokenRule) -> float:
            return frames * rule.image_tokens(*self.footage.size(fields, capability))

        return Ask("vlm", key, text_tokens(told), REPLY_TOKENS[name], media)

    def _values(self, fields: Fields) -> dict[str, str]:
        words = VOCABULARIES[self.config.vocabulary]
        return {
            "blocks": fields["asked"] + _ENTITIES,
            "categories": words.told(words.categories),
            "predicates": words.told(words.actions),
            **dict.fromkeys(("most", "count", "video_length", "time"), "00.00"),
        }


def _least_entities(name: str) -> int:
    """Entities without which a step asks nothing."""
    return {"1": 0, "2": 1, "3": 2, "4": 1}[name]
