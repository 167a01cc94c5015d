"""What decode workers do with a video: measure it, cut windows out of it, make the parts of a request."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from demitasse.chat.attach import frame_parts, video_parts
from demitasse.chat.model import Capability, Part
from demitasse.engine.step import Fields
from demitasse.media.clip import cut_clip, cut_clips, is_plain
from demitasse.media.probe import VideoInfo, content_hash, inspect, probe
from demitasse.media.sample import SamplingPolicy

Span = tuple[float, float]  # start and end in seconds


@dataclass(frozen=True)
class Sent:
    """How footage goes to an endpoint: as files up to a length, else as frames.

    Attributes:
        capability: what the endpoint takes; `max_video_seconds` is the length.
        policy: how frames are chosen.
        long_policy: the same for footage of more than `long` seconds.
        long: seconds.
    """

    capability: Capability
    policy: SamplingPolicy
    long_policy: SamplingPolicy
    long: float

    def policy_for(self, seconds: float) -> SamplingPolicy:
        """How frames are chosen from so many seconds."""
        return self.long_policy if seconds > self.long else self.policy

    def as_file(self, seconds: float) -> bool:
        """Whether so many seconds may go as a file, if its size allows it."""
        return self.capability.video and seconds <= self.capability.max_video_seconds


def measure(path: str) -> Fields:
    """Length, size and content hash of a video."""
    return _row(probe(Path(path)))


def measure_and_read(path: str, sent: Sent) -> tuple[Fields, tuple[Part, ...]]:
    """The same, and the video's parts if it is sent as it is; none if that would be more than to read it."""
    timeline = inspect(path)
    info = timeline.info
    if not (is_plain(timeline) and sent.as_file(info.duration)):
        return _row(info), ()
    return _row(info), video_parts(Path(path), info, sent.capability, sent.policy_for(info.duration))


def _row(info: VideoInfo) -> Fields:
    return {
        "video_length": info.duration,
        "width": info.width,
        "height": info.height,
        "sha256": content_hash(info.path),
    }


def whole_parts(path: str, scratch: Path, sent: Sent) -> tuple[Part, ...]:
    """A whole video, encoded anew if servers' decoders would differ about it (rotation, uneven times, other codecs)."""
    timeline = inspect(path)
    seconds = timeline.info.duration
    if is_plain(timeline) or not sent.as_file(seconds):
        return video_parts(Path(path), timeline.info, sent.capability, sent.policy_for(seconds))
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        info = cut_clip(Path(path), 0.0, seconds, Path(folder) / "whole.mp4")
        return video_parts(info.path, info, sent.capability, sent.policy_for(seconds))


def cut_windows(path: str, spans: Sequence[Span], folder: Path, sent: Sent) -> None:
    """Put the windows that go as files into `folder`, unless they are there."""
    missing = [(span, _clip(folder, span)) for span in spans if sent.as_file(span[1] - span[0])]
    missing = [(span, clip) for span, clip in missing if not clip.exists()]
    if missing:
        cut_clips(inspect(path), missing)


def window_parts(path: str, spans: Sequence[Span], folder: Path, sent: Sent) -> list[tuple[Part, ...]]:
    """The parts of each window. What lies in `folder` of them is taken from there; the folder is removed."""
    try:
        cut_windows(path, spans, folder, sent)
        return [_window_parts(path, span, folder, sent) for span in spans]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _window_parts(path: str, span: Span, folder: Path, sent: Sent) -> tuple[Part, ...]:
    start, end = span
    clip, policy = _clip(folder, span), sent.policy_for(end - start)
    if clip.exists():
        return video_parts(clip, probe(clip), sent.capability, policy)
    return frame_parts(Path(path), end - start, policy, start)


def _clip(folder: Path, span: Span) -> Path:
    return folder / f"{span[0]:.3f}-{span[1]:.3f}.mp4"
