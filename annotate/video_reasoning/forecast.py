"""What a plan must know of videos: how long they are, what the steps would ask, and what that would show."""

from __future__ import annotations

import tempfile
from collections.abc import Hashable, Sequence
from pathlib import Path

from annotate.run.forecast import Ask, Forecast, Outlook
from annotate.run.planner import Planner
from annotate.video_reasoning.calls import REPLY_TOKENS, Call, calls_of, values_for
from annotate.video_reasoning.chunks import windows
from annotate.video_reasoning.config import Spec, Workflow
from annotate.video_reasoning.footage import Footage
from annotate.video_reasoning.graph import build_steps
from annotate.video_reasoning.inputs import find_inputs
from annotate.video_reasoning.reading import measure
from annotate.video_reasoning.work import footage_of, job_of
from demitasse.chat.attach import FRAME_PIXELS
from demitasse.chat.model import Capability
from demitasse.chat.tokens import TokenRule, text_tokens
from demitasse.engine.journal import Row
from demitasse.engine.step import Fields, Record
from demitasse.media.pool import DecodePool
from demitasse.media.sample import sample_times
from demitasse.prompts import Pack

MODES = ("normal", "anomaly")


def forecast(spec: Spec, pool: DecodePool) -> Forecast:
    """Work out what a run would ask; `pool` measures what no row has measured yet.

    Raises:
        DemitasseError: for a configuration or a folder that cannot be used.
    """
    job, inputs = job_of(spec), find_inputs(spec.section.data)
    with Planner(job, pool) as planner, tempfile.TemporaryDirectory() as scratch:
        footage = footage_of(spec.section.workflow, pool, Path(scratch))
        steps = build_steps(spec.section.workflow, planner.askers, footage)
        return planner.plan(inputs, steps, _VideoOutlook(spec.section.workflow, job.pack, footage))


class _VideoOutlook(Outlook):
    def __init__(self, workflow: Workflow, pack: Pack, footage: Footage) -> None:
        self.workflow, self.pack, self.footage = workflow, pack, footage

    async def measured(self, record: Record) -> Row:
        return {"video": record.id, **await self.footage.pool.run(measure, record.fields["path"])}

    def left_out(self, fields: Fields, measuring: bool) -> str:
        longest = self.workflow.max_video_length_sec
        if longest and measuring and fields["video_length"] > longest:
            return f"longer than max_video_length_sec ({longest:g} s)"
        return ""

    def ended_by(self, name: str, row: Row) -> str:
        if name == "0" and row and not row["is_valid"]:
            return "not usable in the teacher's judgement (step 0)"
        return ""

    def alike(self, fields: Fields) -> Hashable:
        return fields.get("sha256", fields["video"]), self._modes(fields)

    def asks(self, name: str, fields: Fields, waits: bool) -> tuple[Sequence[Ask], Sequence[Ask]]:
        """In the mode that makes the fewest calls, and in the one that makes the most."""
        length, classified = fields["video_length"], self.workflow.mode == "auto" and fields["given_mode"] is None
        by_mode = [
            [self._ask(name, call, mode, fields) for call in calls_of(name, self.workflow, length, mode, classified)]
            for mode in self._modes(fields)
        ]
        return min(by_mode, key=len), max(by_mode, key=len)

    def least(self, name: str, ahead: set[str], waits: bool, fewest: int) -> int:
        """If step 0 rejected every video that it is still to judge."""
        if name == "0":
            return 1
        return 0 if "0" in ahead else fewest

    def _ask(self, name: str, call: Call, mode: str, fields: Fields) -> Ask:
        seconds = call.seconds

        def media(capability: Capability, rule: TokenRule) -> float:
            return 0.0 if seconds is None else self._media(capability, seconds, fields, rule)

        text = self._text(call, mode, fields["video_length"])
        return Ask(call.endpoint, call.prompt, text, REPLY_TOKENS[name.split("/")[0]], media)

    def _text(self, call: Call, mode: str, length: float) -> float:
        chunks = len(windows(length, self.workflow.chunk_duration_options, self.workflow.max_chunks))
        values = values_for(length, chunks if "1b" in self.workflow.steps else 0, mode)
        told = self.pack.system + self.pack.render(call.prompt, values)
        return text_tokens(told + (call.form.as_json if call.form else ""))

    def _media(self, capability: Capability, seconds: float, fields: Fields, rule: TokenRule) -> float:
        whole = min(capability.max_video_seconds, self.footage.whole_up_to)
        if capability.video and seconds <= whole:
            return seconds * rule.video_second
        policy = self.footage.long_policy if seconds > self.footage.whole_up_to else self.footage.policy
        width, height = fields["width"], fields["height"]
        scale = min(1.0, (FRAME_PIXELS / (width * height)) ** 0.5)
        return len(sample_times(seconds, policy)) * rule.image_tokens(width * scale, height * scale)

    def _modes(self, fields: Fields) -> tuple[str, ...]:
        named = fields["given_mode"] or (fields.get("mode") if self.workflow.mode == "auto" else self.workflow.mode)
        return (named,) if named else MODES
