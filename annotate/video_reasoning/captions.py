"""Step 1a: two captions of the whole video, an account and a list of timed events."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from annotate.asking import Asker, all_of, origin, read_text
from annotate.video_reasoning.filter import mode_of
from annotate.video_reasoning.footage import Footage
from demitasse import timecode
from demitasse.engine.caller import ParseError
from demitasse.engine.step import Fields, Step

VERSION = 1
FILE = "step_1a_caption/captions.jsonl"
_TIME = r"\d+(?::\d{2}){1,2}(?:\.\d+)?"
# The form asked for, and what models make of it: `[00:03-00:05] ...`, `00:03 to 00:05: ...`.
_EVENT_LINE = re.compile(
    rf"^[ \t>*-]*[<\[(]*(?P<start>{_TIME})[>\])]*\s*(?:-|–|to|,)?\s*[<\[(]*(?P<end>{_TIME})", re.MULTILINE
)


@dataclass(frozen=True)
class Captioning:
    """Step 1a. `mode` is the run's."""

    vlm: Asker
    footage: Footage
    mode: str
    after: tuple[str, ...]

    def step(self) -> Step:
        """The step for the graph."""
        return Step("1a", FILE, VERSION, self._inputs, self._run, after=self.after)

    def _inputs(self, fields: Fields) -> Any:
        mode = fields["given_mode"] or (fields.get("mode") if self.mode == "auto" else self.mode)
        keys = () if mode is None else (f"{mode}_global_caption", f"{mode}_dense_caption")
        asked = [self.vlm.decides(key) for key in keys]
        return {"asked": asked, "mode": mode, "footage": self.footage.decides(fields, self.vlm.model.capability)}

    async def _run(self, fields: Fields) -> Fields:
        mode, length = mode_of(fields, self.mode), fields["video_length"]
        self.footage.cut_ahead(fields, self.vlm.model.capability)
        parts = await self.footage.whole(fields, self.vlm.model.capability)
        values = {"video_length": f"{length:.1f}"}
        account, events = await all_of(
            self.vlm.ask_text(f"{mode}_global_caption", values, parts),
            self.vlm.ask_text(f"{mode}_dense_caption", values, parts, lambda text: read_events(text, length)),
        )
        return {
            "video": fields["video"],
            "video_length": length,
            "mode": mode,
            "global_caption": account.value,
            "dense_caption": events.value,
            "provenance": origin(account, events),
        }


def read_events(text: str, duration: float) -> str:
    """A list of events, as it was written: at least one timed line, every time inside the video.

    Raises:
        ParseError: if it is no such list. The questions about times are made from it.
    """
    lines = list(_EVENT_LINE.finditer(read_text(text)))
    if not lines:
        raise ParseError("No line has the form <HH:MM:SS><HH:MM:SS> what happens. Write every event in that form.")
    for line in lines:
        start, end = timecode.parse(line["start"]), timecode.parse(line["end"])
        if start is None or end is None or not start <= end:
            raise ParseError(f"'{line[0].strip()}' is no span of time from a start to an end.")
        if end > math.ceil(duration):
            raise ParseError(
                f"'{line[0].strip()}' ends beyond the end of the video, which lasts {duration:.1f} seconds."
            )
    return text.strip()
