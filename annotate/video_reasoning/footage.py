"""The videos themselves: read, measured, cut and attached in worker processes, never on the request path.

Calls that are shown the same footage share one reading of it, the windows of a video are cut in one pass, and they
are cut ahead, while the first calls about the video are still waited for.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from annotate.kept import Kept
from annotate.video_reasoning.ahead import Cutting, Turns
from annotate.video_reasoning.reading import Sent, Span, measure, measure_and_read, whole_parts, window_parts
from demitasse.chat.model import Capability, Part
from demitasse.engine.step import Fields, Skip, Step
from demitasse.media.pool import DecodePool
from demitasse.media.sample import SamplingPolicy

P = ParamSpec("P")
R = TypeVar("R")

VERSION = 1
FILE = "step_0_filter/media.jsonl"
KEPT_BYTES = 64 * 2**20  # of footage that was read and may be asked for again: step 1a shows what step 0 showed


@dataclass(eq=False, repr=False)
class Footage:
    """Where video parts come from. For one run, on one event loop.

    Attributes:
        pool: the workers that touch video files.
        policy: how frames are chosen where frames are sent.
        long_policy: the same for footage longer than `whole_up_to`.
        whole_up_to: seconds; longer footage goes as frames even to an endpoint that takes files.
        scratch: folder for clips from when they are cut until they are sent.
        max_length: seconds; longer videos are skipped before anything is bought. None takes all.
        shown_to: who will be shown the whole video, which is then read along with its being measured.
        windows_of: the windows that a video of so many seconds will be asked for; None if it will not be.
    """

    pool: DecodePool
    policy: SamplingPolicy
    long_policy: SamplingPolicy
    whole_up_to: float
    scratch: Path
    max_length: float | None = None
    windows_of: Callable[[float], Sequence[Span]] | None = None
    shown_to: Capability | None = None
    _kept: Kept = field(init=False, default_factory=lambda: Kept(KEPT_BYTES))
    _ahead: dict[str, Cutting] = field(init=False, default_factory=dict)
    _turns: Turns = field(init=False)

    def __post_init__(self) -> None:
        self._turns = Turns(self.pool.size)

    def step(self) -> Step:
        """The step that measures a video and hashes its content, so that everything after it can be keyed."""
        return Step("media", FILE, VERSION, self._inputs, self._measure)

    def decides(self, fields: Fields, capability: Capability) -> dict[str, Any]:
        """What a call that is shown the footage depends on: its content, and the form in which it is sent."""
        policies = [asdict(self.policy), asdict(self.long_policy)]
        return {"media": fields["sha256"], "policies": policies, "sent": asdict(self._sent(capability).capability)}

    async def whole(self, fields: Fields, capability: Capability) -> tuple[Part, ...]:
        """The video as one file, or as frames with their times.

        Raises:
            MediaError: if it cannot be read.
        """
        path, sent = fields["path"], self._sent(capability)
        return await self._kept.get(path, lambda: self._now(whole_parts, path, self.scratch, sent))

    async def windows(self, fields: Fields, spans: Sequence[Span], capability: Capability) -> list[tuple[Part, ...]]:
        """Stretches of the video, each cut out and re-encoded; the file itself if that is all of it.

        Raises:
            MediaError: if it cannot be read or cut.
        """
        if self._is_whole(fields, spans):
            return [await self.whole(fields, capability)]
        path = fields["path"]
        cutting = self._ahead.pop(path) if path in self._ahead and self._ahead[path].spans == list(spans) else None
        folder = cutting.folder if cutting else self._folder()
        if cutting:
            await cutting.end()
        return await self._now(window_parts, path, list(spans), folder, self._sent(capability))

    def cut_ahead(self, fields: Fields, capability: Capability) -> None:
        """Begin to cut the windows that the video will be asked for, as far as no one waits for something else."""
        spans = list(self.windows_of(fields["video_length"])) if self.windows_of else []
        path, sent = fields["path"], self._sent(capability)
        files = any(sent.as_file(end - start) for start, end in spans)
        if files and path not in self._ahead and not self._is_whole(fields, spans):
            self._ahead[path] = Cutting(self.pool, self._turns, path, spans, self._folder(), sent)

    def forget(self, fields: Fields) -> None:
        """Remove what was cut ahead for nothing: the video has come to its end without it."""
        cutting = self._ahead.pop(fields["path"], None)
        if cutting:
            cutting.drop()

    def _is_whole(self, fields: Fields, spans: Sequence[Span]) -> bool:
        return len(spans) == 1 and spans[0][0] <= 0 and spans[0][1] >= fields["video_length"]

    def _folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self.scratch))

    def _sent(self, capability: Capability) -> Sent:
        seconds = min(capability.max_video_seconds, self.whole_up_to)
        return Sent(replace(capability, max_video_seconds=seconds), self.policy, self.long_policy, self.whole_up_to)

    async def _now(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        with self._turns:
            return await self.pool.run(function, *args, **kwargs)

    def _inputs(self, fields: Fields) -> Any:
        """A file that is touched is measured again; if its content is the same, nothing after it is stale."""
        return {
            "video": fields["video"],
            "size": fields["size"],
            "mtime_ns": fields["mtime_ns"],
            "max_length": self.max_length,
        }

    async def _measure(self, fields: Fields) -> Fields:
        path = fields["path"]
        if self.shown_to is None:
            row = await self._now(measure, path)
        else:
            row, parts = await self._now(measure_and_read, path, self._sent(self.shown_to))
            if parts:
                self._kept.put(path, parts)
        if self.max_length and row["video_length"] > self.max_length:
            raise Skip(f"longer than max_video_length_sec ({self.max_length:g} s)")
        return {"video": fields["video"], **row}
