"""Step 1: a caption of each chosen frame, from its own picture alone.

A frame whose caption was refused or is of no use stays in the row, with the reason, and out of what follows: a few
blocked frames of a long video do not undo the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from annotate.asking import Asked, Asker
from annotate.espresso.attempts import attempt_all, made_by
from annotate.espresso.prompt_keys import FRAME_CAPTION
from demitasse.engine.step import Fields, Step, Unusable

if TYPE_CHECKING:
    from annotate.espresso.frames import Frames
    from annotate.referring.pictures import Shown

VERSION = 1
FILE = "step_1_captions/captions.jsonl"


@dataclass(frozen=True)
class Captioning:
    """Step 1: `frames` of a row are {frame, time, caption}, in order of time; all steps count by places in it."""

    captioner: Asker
    frames: Frames
    after: tuple[str, ...]

    def step(self) -> Step:
        """The step for the graph."""
        return Step("1", FILE, VERSION, self._inputs, self._run, after=self.after)

    def _inputs(self, fields: Fields) -> Any:
        return {
            "asked": self.captioner.decides(FRAME_CAPTION),
            "shown": self.frames.decides(fields, self.captioner.model.capability),
        }

    async def _run(self, fields: Fields) -> Fields:
        sampled = fields["sampled"]
        times = [frame["time"] for frame in sampled]
        shown = await self.frames.shown_at(fields, times, self.captioner.model.capability)
        outcomes = await attempt_all([self._ask(fields, *one) for one in zip(times, shown, strict=True)])
        told = list(zip(sampled, outcomes, strict=True))
        without = [{**frame, "reason": str(said)} for frame, said in told if isinstance(said, Unusable)]
        if len(without) == len(sampled):
            raise Unusable(f"no frame got a caption: {without[0]['reason']}")
        return {
            "video": fields["video"],
            "frames": [{**frame, "caption": said.value} for frame, said in told if not isinstance(said, Unusable)],
            "without_caption": without,
            "provenance": made_by(self.captioner, outcomes),
        }

    async def _ask(self, fields: Fields, time: float, shown: Shown) -> Asked[str]:
        values = {"time": f"{time:.2f}", "video_length": f"{fields['video_length']:.1f}"}
        return await self.captioner.ask_text(FRAME_CAPTION, values, shown.parts)
