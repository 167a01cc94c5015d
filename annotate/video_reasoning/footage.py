"""The videos themselves: read, measured, cut and attached in worker processes, never on the request path."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from demitasse.chat.attach import video_parts
from demitasse.chat.model import Capability, Part
from demitasse.engine.step import Fields, Skip, Step
from demitasse.media.clip import cut_clip
from demitasse.media.pool import DecodePool
from demitasse.media.probe import content_hash, probe
from demitasse.media.sample import SamplingPolicy

VERSION = 1
FILE = "step_0_filter/media.jsonl"


@dataclass(frozen=True)
class Footage:
    """Where video parts come from.

    Attributes:
        pool: the workers that touch video files.
        policy: how frames are chosen where frames are sent.
        long_policy: the same for footage longer than `whole_up_to`.
        whole_up_to: seconds; longer footage goes as frames even to an endpoint that takes files.
        scratch: folder for clips while they are cut.
        max_length: seconds; longer videos are skipped before anything is bought. None takes all.
    """

    pool: DecodePool
    policy: SamplingPolicy
    long_policy: SamplingPolicy
    whole_up_to: float
    scratch: Path
    max_length: float | None = None

    def step(self) -> Step:
        """The step that measures a video and hashes its content, so that everything after it can be keyed."""
        return Step("media", FILE, VERSION, self._inputs, self._measure)

    def decides(self, fields: Fields, capability: Capability) -> dict[str, Any]:
        """What a call that is shown the footage depends on: its content, and the form in which it is sent."""
        policies = [asdict(self.policy), asdict(self.long_policy)]
        return {"media": fields["sha256"], "policies": policies, "sent": asdict(self._limited(capability))}

    async def whole(self, fields: Fields, capability: Capability) -> tuple[Part, ...]:
        """The video as one file, or as frames with their times.

        Raises:
            MediaError: if it cannot be read.
        """
        policy = self.long_policy if fields["video_length"] > self.whole_up_to else self.policy
        return await self.pool.run(_whole_parts, fields["path"], self._limited(capability), policy)

    async def window(self, fields: Fields, start: float, end: float, capability: Capability) -> tuple[Part, ...]:
        """The stretch from `start` to `end` (seconds), cut out and re-encoded; the file itself if that is all of it.

        Raises:
            MediaError: if it cannot be read or cut.
        """
        if start <= 0 and end >= fields["video_length"]:
            return await self.whole(fields, capability)
        policy = self.long_policy if end - start > self.whole_up_to else self.policy
        limited = self._limited(capability)
        return await self.pool.run(_window_parts, fields["path"], (start, end), self.scratch, limited, policy)

    def _limited(self, capability: Capability) -> Capability:
        return replace(capability, max_video_seconds=min(capability.max_video_seconds, self.whole_up_to))

    def _inputs(self, fields: Fields) -> Any:
        """A file that is touched is measured again; if its content is the same, nothing after it is stale."""
        return {"video": fields["video"], "size": fields["size"], "mtime_ns": fields["mtime_ns"]}

    async def _measure(self, fields: Fields) -> Fields:
        row: Fields = await self.pool.run(_measured, fields["path"])
        if self.max_length and row["video_length"] > self.max_length:
            raise Skip(f"longer than max_video_length_sec ({self.max_length:g} s)")
        return {"video": fields["video"], **row}


def _measured(path: str) -> Fields:
    info = probe(Path(path))
    return {
        "video_length": info.duration,
        "width": info.width,
        "height": info.height,
        "sha256": content_hash(Path(path)),
    }


def _whole_parts(path: str, capability: Capability, policy: SamplingPolicy) -> tuple[Part, ...]:
    return video_parts(Path(path), probe(Path(path)), capability, policy)


def _window_parts(
    path: str, span: tuple[float, float], scratch: Path, capability: Capability, policy: SamplingPolicy
) -> tuple[Part, ...]:
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        clip = Path(folder) / "clip.mp4"
        info = cut_clip(Path(path), *span, clip)
        return video_parts(clip, info, capability, policy)


async def all_of(*asked: Any) -> list[Any]:
    """The results of calls made side by side. If one fails the others still end, and are kept by their journal.

    Raises:
        BaseException: the first failure, once all have ended.
    """
    results = await asyncio.gather(*asked, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results
