"""The frames themselves: chosen, read and made ready to be sent in worker processes, never on the request path."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from annotate.espresso.config import FrameSettings
from annotate.espresso.reading import measure, show
from annotate.kept import Kept
from annotate.referring.pictures import Shown
from annotate.referring.reading import Sending, Size, sending_of
from demitasse.chat.model import Capability, Image, Part, Text
from demitasse.chat.wire.requests import frame_label
from demitasse.engine.step import Fields, Skip, Step
from demitasse.errors import ConfigError
from demitasse.media.pool import DecodePool
from demitasse.media.sample import SamplingPolicy

VERSION = 1
FILE = "media.jsonl"
FORM = 1  # raised when the same frame is sent in another way
KEPT_BYTES = 64 * 2**20  # of frames that were read and may be asked for again: boxes are looked for where captions were


@dataclass(eq=False, repr=False)
class Frames:
    """Where the pictures of a video's frames come from. For one run, on one event loop.

    Attributes:
        pool: the workers that touch video files.
        settings: which frames, and how large.
    """

    pool: DecodePool
    settings: FrameSettings
    _kept: Kept = field(init=False, default_factory=lambda: Kept(KEPT_BYTES))

    def step(self) -> Step:
        """The step that measures a video, hashes its content and chooses its frames."""
        return Step("media", FILE, VERSION, self._inputs, self._measure)

    def decides(self, fields: Fields, capability: Capability) -> dict[str, Any]:
        """What a call that is shown frames depends on: which they are, and the form in which they are sent."""
        numbers = [frame["frame"] for frame in fields["frames" if "frames" in fields else "sampled"]]
        sent = asdict(self._sending(capability))
        return {"media": fields["sha256"], "frames": numbers, "sent": sent, "form": FORM}

    async def shown_at(self, fields: Fields, times: Sequence[float], capability: Capability) -> list[Shown]:
        """The frames at these times, read in one pass. What was shown a while ago is still there.

        Raises:
            ConfigError: if the endpoint takes no images.
            MediaError: if the file cannot be read, or a frame is too large in any quality.
        """
        if not capability.images:
            raise ConfigError("the endpoint takes no images; choose another model")
        path, sending = fields["path"], self._sending(capability)
        batch: asyncio.Future[tuple[Image, ...]] | None = None

        async def read(index: int) -> tuple[Part, ...]:
            nonlocal batch
            batch = batch or asyncio.ensure_future(self.pool.run(show, path, times, sending))
            image = (await batch)[index]
            return Text(frame_label(times[index])), image  # frames of a video come after their times, here as anywhere

        parts = [
            await self._kept.get(f"{path}\0{sending}\0{time}", partial(read, index)) for index, time in enumerate(times)
        ]
        size = self.size(fields, capability)
        return [Shown(part, size) for part in parts]

    def size(self, fields: Fields, capability: Capability) -> Size:
        """Width and height of a frame as it is sent."""
        return self._sending(capability).size(fields["width"], fields["height"])

    def _sending(self, capability: Capability) -> Sending:
        sending = sending_of(capability)
        most = min(sending.max_pixels, self.settings.max_pixels)
        return replace(sending, min_pixels=min(sending.min_pixels, most), max_pixels=most)

    def _rate(self, video: str) -> float:
        rates = self.settings.rates
        return next((rates[pattern] for pattern in rates if fnmatchcase(video, pattern)), self.settings.fps)

    def _inputs(self, fields: Fields) -> Any:
        """A file that is touched is measured again; if its content is the same, nothing after it is stale."""
        return {
            "video": fields["video"],
            "size": fields["size"],
            "mtime_ns": fields["mtime_ns"],
            "rate": self._rate(fields["video"]),
            "frames": [self.settings.min_frames, self.settings.max_frames],
            "max_length": self.settings.max_video_length_sec,
        }

    async def _measure(self, fields: Fields) -> Fields:
        row = await self.measured(fields)
        if why := self.too_long(row):
            raise Skip(why)
        return row

    async def measured(self, fields: Fields) -> Fields:
        """The row of a video, whatever its length.

        Raises:
            MediaError: if it cannot be read.
        """
        rate = self._rate(fields["video"])
        policy = SamplingPolicy(rate, self.settings.max_frames, self.settings.min_frames, frame_multiple=1)
        row = await self.pool.run(measure, fields["path"], policy)
        return {"video": fields["video"], "rate": rate, **row}

    def too_long(self, fields: Fields) -> str:
        """Why a measured video is skipped; "" if it is not."""
        longest = self.settings.max_video_length_sec
        if longest and fields["video_length"] > longest:
            return f"longer than max_video_length_sec ({longest:g} s)"
        return ""
