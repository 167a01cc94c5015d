"""The videos themselves: measured once for all questions about them, and shown as frames with number and time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from annotate.cotasks.teacher.reading import measure
from annotate.espresso.config import FrameSettings
from annotate.espresso.frames import Frames
from annotate.kept import look_at
from annotate.referring.reading import Size
from demitasse.chat.model import Capability, Part, Text
from demitasse.engine.step import Fields, Step
from demitasse.media.pool import DecodePool

VERSION = 1
FILE = "media.jsonl"


@dataclass(eq=False, repr=False)
class Footage:
    """Where the frames of a question's video come from. For one run, on one event loop.

    Attributes:
        pool: the workers that touch video files.
        sampled: frames of a video.
        max_pixels: of a frame as it is sent.
    """

    pool: DecodePool
    sampled: int
    max_pixels: int
    _frames: Frames = field(init=False)
    _measured: dict[str, asyncio.Future[Fields]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._frames = Frames(self.pool, FrameSettings(max_pixels=self.max_pixels))

    def step(self) -> Step:
        """The step that measures a video, hashes its content and chooses its frames."""
        return Step("media", FILE, VERSION, self._inputs, self.measured)

    def decides(self, fields: Fields, capability: Capability) -> dict[str, Any]:
        """What a call that is shown frames depends on: which they are, and the form in which they are sent."""
        return self._frames.decides(fields, capability)

    def size(self, fields: Fields, capability: Capability) -> Size:
        """Width and height of a frame as it is sent."""
        return self._frames.size(fields, capability)

    async def shown(
        self, fields: Fields, places: Sequence[int], capability: Capability, is_labelled: bool = True
    ) -> tuple[Part, ...]:
        """Frames by their places among the sampled ones, each after a line with its number and time.

        Raises:
            ConfigError: if the endpoint takes no images.
            MediaError: if the file cannot be read, or a frame is too large in any quality.
        """
        times = [fields["sampled"][place]["time"] for place in places]
        shown = await self._frames.shown_at(fields, times, capability)
        parts: list[Part] = []
        for place, time, one in zip(places, times, shown, strict=True):
            parts += [Text(f"Frame {place + 1}, at {time:.2f} s:")] if is_labelled else []
            parts += one.parts
        return tuple(parts)

    async def measured(self, fields: Fields) -> Fields:
        """The row of a question's video.

        Raises:
            MediaError: if it cannot be read.
        """
        path = fields["path"]
        if path not in self._measured:
            self._measured[path] = asyncio.ensure_future(self.pool.run(measure, path, self.sampled))
            self._measured[path].add_done_callback(look_at)
        row = await asyncio.shield(self._measured[path])
        return {"question": fields["question"], "video": fields["video"], **row}

    def _inputs(self, fields: Fields) -> Any:
        """A file that is touched is measured again; if its content is the same, nothing after it is stale."""
        names = ("video", "size", "mtime_ns")
        return {name: fields[name] for name in names} | {"sampled": self.sampled}
