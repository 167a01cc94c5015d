"""Step 1c: for an anomaly, find its critical moment in the captions and look at it closely."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from annotate.asking import Asker, origin
from annotate.forms import Form
from annotate.video_reasoning.chunks import Window, chunk_text, upstream
from annotate.video_reasoning.entries import Moment
from annotate.video_reasoning.footage import Footage
from demitasse.engine.step import Fields, Step

VERSION = 1
FILE = "step_1c_highlight/highlight_captions.jsonl"
SHORTEST = 2.0  # seconds of the clip, where the video has them
_CLOCK = re.compile(r"(?<![\d:.])\d+(?::\d{2}){1,2}(?:\.\d+)?(?![\d:])")
_SECONDS = re.compile(r"(?<![\d.:])(\d+(?:\.\d+)?)\s*(?:s|secs?|seconds?)\b", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\d.:])\d+(?:\.\d+)?(?![\d:]|\.\d)")


def _moment_from_text(text: str) -> Mapping[str, Any] | None:
    """The one time that the text names: a clock time, else a number of seconds, else its only number.

    `frame 3, at 12.5 s` is 12.5 and `00:01:23` is 83; two different times are none.
    """
    for found in (_CLOCK.findall(text), _SECONDS.findall(text), _NUMBER.findall(text)):
        if found:
            return {"seconds": found[0]} if len(set(found)) == 1 else None
    return None


MOMENT = Form(
    Moment,
    "Reply with one JSON object: seconds (a number, from the start of the video).",
    "Reply with the number of seconds from the start of the video and nothing else, for example 12.5",
    _moment_from_text,
)


@dataclass(frozen=True)
class Highlighting:
    """Step 1c. `before` and `later` are the seconds shown on either side of the moment."""

    vlm: Asker
    llm: Asker
    footage: Footage
    before: float
    later: float
    after: tuple[str, ...]

    def step(self) -> Step:
        """The step for the graph; a normal video passes it by."""
        return Step("1c", FILE, VERSION, self._inputs, self._run, after=self.after, wanted=_is_anomaly)

    def _inputs(self, fields: Fields) -> Any:
        return {
            "asked": [
                self.llm.decides("highlight_timestamp_extraction", MOMENT),
                self.vlm.decides("highlight_chunk_caption"),
            ],
            "footage": self.footage.decides(fields, self.vlm.model.capability),
            "window": [self.before, self.later],
            "row": _row(fields),
        }

    async def _run(self, fields: Fields) -> Fields:
        length = fields["video_length"]
        values = {
            "video_length": f"{length:.1f}",
            "global_caption": fields["global_caption"],
            "dense_caption": fields["dense_caption"],
            "chunk_captions_str": chunk_text(fields),
        }
        found = await self.llm.ask("highlight_timestamp_extraction", values, MOMENT, length)
        start, end = around(found.value.seconds, length, self.before, self.later)
        (parts,) = await self.footage.windows(fields, [(start, end)], self.vlm.model.capability)
        times = {"anomaly_time": found.value.seconds, "start_time": start, "end_time": end, "duration": end - start}
        shown = {name: f"{seconds:.1f}" for name, seconds in times.items()}
        caption = await self.vlm.ask_text("highlight_chunk_caption", shown, parts)
        highlight = {
            "anomaly_timestamp_sec": found.value.seconds,
            "timestamp_start": start,
            "timestamp_end": end,
            "caption": caption.value,
        }
        return {**_row(fields), "highlight_chunk": highlight, "provenance": origin(found, caption)}


def around(moment: float, duration: float, before: float, later: float) -> Window:
    """The stretch around a moment, in seconds, inside the video and at least two seconds long where it can be."""
    start, end = max(0.0, moment - before), min(duration, moment + later)
    if end - start < SHORTEST:
        start = max(0.0, end - SHORTEST)
        end = min(duration, start + SHORTEST)
    return start, end


def highlight_text(fields: Fields) -> str:
    """The highlight's caption as prompts show it, under a header with its times (TAO's layout), or ""."""
    highlight = fields.get("highlight_chunk")
    if not highlight:
        return ""
    start, end = highlight["timestamp_start"], highlight["timestamp_end"]
    moment = highlight["anomaly_timestamp_sec"]
    header = f"[Highlight Chunk Caption ({start:.1f}s - {end:.1f}s, anomaly at {moment:.1f}s)]"
    return f"{header}\n{highlight['caption']}"


def _is_anomaly(fields: Fields) -> bool:
    return fields.get("mode") == "anomaly"


def _row(fields: Fields) -> Fields:
    chunks = {"chunk_captions": fields["chunk_captions"]} if "chunk_captions" in fields else {}
    return upstream(fields) | chunks
