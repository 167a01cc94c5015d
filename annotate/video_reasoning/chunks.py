"""Step 1b: a caption for each window of the video, so that small movements are not lost in the whole."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from annotate.asking import Asked, Asker, all_of, origin
from annotate.video_reasoning.footage import Footage
from demitasse.chat.model import Part
from demitasse.engine.step import Fields, Step

VERSION = 1
FILE = "step_1b_chunks/chunk_captions.jsonl"
SHORTEST_TAIL = 1.0  # seconds: a shorter rest joins the window before it
NO_CHUNKS = "N/A"

Window = tuple[float, float]


def windows(duration: float, options: Sequence[float], most: int) -> list[Window]:
    """Windows that cover a video of `duration` seconds from its start to its end, as (start, end) in seconds.

    Their length is the first option that needs no more than `most` of them (TAO's rule); where none does, the
    video is cut into `most` equal ones. Nothing is left out: a rest under a second lengthens the last window.
    """
    length = next((option for option in sorted(options) if duration / option <= most), duration / most)
    count = max(1, math.ceil(duration / length - 1e-9))
    starts = [number * length for number in range(count)]
    if count > 1 and duration - starts[-1] < SHORTEST_TAIL:
        starts.pop()
    return list(zip(starts, [*starts[1:], duration], strict=True))


@dataclass(frozen=True)
class ChunkCaptioning:
    """Step 1b. `options` are window lengths in seconds, `most` is the number of windows not to be exceeded."""

    vlm: Asker
    footage: Footage
    options: tuple[float, ...]
    most: int
    after: tuple[str, ...]

    def step(self) -> Step:
        """The step for the graph."""
        return Step("1b", FILE, VERSION, self._inputs, self._run, after=self.after)

    def _inputs(self, fields: Fields) -> Any:
        return {
            "asked": self.vlm.decides(_key(fields)),
            "footage": self.footage.decides(fields, self.vlm.model.capability),
            "windows": windows(fields["video_length"], self.options, self.most),
            "row": upstream(fields),
        }

    async def _run(self, fields: Fields) -> Fields:
        cut = windows(fields["video_length"], self.options, self.most)
        shown = await self.footage.windows(fields, cut, self.vlm.model.capability)
        told = await all_of(*(self._caption(fields, *span, parts) for span, parts in zip(cut, shown, strict=True)))
        chunks = [
            {"chunk_index": number, "timestamp_start": start, "timestamp_end": end, "caption": caption.value}
            for number, ((start, end), caption) in enumerate(zip(cut, told, strict=True))
        ]
        return {**upstream(fields), "chunk_captions": chunks, "provenance": origin(*told)}

    async def _caption(self, fields: Fields, start: float, end: float, parts: tuple[Part, ...]) -> Asked[str]:
        return await self.vlm.ask_text(_key(fields), {"chunk_duration": f"{end - start:.1f}"}, parts)


def _key(fields: Fields) -> str:
    return f"{fields['mode']}_chunk_caption"


def upstream(fields: Fields) -> Fields:
    """The fields of step 1a's row, which TAO's later rows repeat."""
    return {name: fields[name] for name in ("video", "video_length", "mode", "global_caption", "dense_caption")}


def chunk_text(fields: Fields) -> str:
    """The windows' captions as prompts show them (TAO's layout), or "N/A"."""
    chunks = fields.get("chunk_captions", [])
    lines = (
        f"Chunk {one['chunk_index']} ({one['timestamp_start']:.1f}-{one['timestamp_end']:.1f}s): {one['caption']}"
        for one in chunks
    )
    return "\n\n---\n\n".join(lines) or NO_CHUNKS
