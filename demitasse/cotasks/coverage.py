"""How many sampled frames fall into the spans that questions are about: what a frame count can show, without a model.

A question whose spans no sampled frame meets cannot be answered from what is seen. Frames are those of CoTasks' models,
`round(i * (N - 1) / (K - 1))` of N, or the middles of K equal parts, as Demitasse's own students are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from demitasse.cotasks.nextgqa import VideoSpans

ENDS, MIDDLES = "ends", "middles"
SAMPLINGS = (ENDS, MIDDLES)
LENGTHS = ((0.0, 30.0), (30.0, 60.0), (60.0, float("inf")))  # of videos, in seconds; above the first, up to the second


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of one frame count, over some questions.

    Attributes:
        frames: sampled in each video.
        questions: that have spans.
        missed: of them, those in whose spans no frame lies.
        key_frames: in the spans, in all.
    """

    frames: int
    questions: int
    missed: int
    key_frames: int

    @property
    def missed_share(self) -> float:
        """Share of questions that no frame meets; 0 if there are none."""
        return self.missed / self.questions if self.questions else 0.0

    def to_json(self) -> dict[str, Any]:
        """As numbers: share in percent, key frames a question on average."""
        mean = self.key_frames / self.questions if self.questions else 0.0
        return {
            "frames": self.frames,
            "questions": self.questions,
            "missed": self.missed,
            "missed_percent": round(100 * self.missed_share, 2),
            "mean_key_frames": round(mean, 2),
        }


def cover(
    spans: Iterable[VideoSpans], frames: int, sampling: str = ENDS, frame_counts: Mapping[str, int] | None = None
) -> Coverage:
    """The coverage of one frame count.

    Args:
        spans: of videos.
        frames: sampled in each.
        sampling: one of `SAMPLINGS`.
        frame_counts: how many frames each video has, from the questions' file. The spans' own durations are rounded to
            whole seconds, which moves the last frames by up to half a second; they serve where a video has no count.
    """
    questions = missed = found = 0
    for video in spans:
        times = frame_times(video, frames, sampling, (frame_counts or {}).get(video.video))
        for own in video.spans.values():
            inside = sum(any(start <= time <= end for start, end in own) for time in times)
            questions, missed, found = questions + 1, missed + (inside == 0), found + inside
    return Coverage(frames, questions, missed, found)


def frame_times(video: VideoSpans, frames: int, sampling: str, frame_count: int | None) -> list[float]:
    """When the sampled frames of a video are shown, in seconds."""
    length = frame_count / video.fps if frame_count and video.fps else video.duration
    if sampling == MIDDLES:
        return [(place + 0.5) * length / frames for place in range(frames)]
    if frames == 1:
        return [0.0]
    if frame_count and video.fps:
        return [int(place * (frame_count - 1) / (frames - 1) + 0.5) / video.fps for place in range(frames)]
    return [place * length / (frames - 1) for place in range(frames)]


def length_of(duration: float) -> str:
    """The group of `LENGTHS` that a video of so many seconds is in, in words."""
    return next(_length_name(lower, upper) for lower, upper in LENGTHS if duration <= upper)


def report(
    spans: Mapping[str, VideoSpans], frame_counts: Sequence[int], sampling: str, counted: Mapping[str, int]
) -> dict[str, Any]:
    """Coverage of each frame count, over all videos and by their length, as the command prints it."""
    videos = list(spans.values())
    groups = {_length_name(lower, upper): list(_of_length(videos, lower, upper)) for lower, upper in LENGTHS}
    return {
        "videos": len(videos),
        "questions": sum(len(video.spans) for video in videos),
        "sampling": sampling,
        "videos_with_frame_count": sum(video.video in counted for video in videos),
        "coverage": [cover(videos, count, sampling, counted).to_json() for count in frame_counts],
        "by_length": {
            name: [cover(group, count, sampling, counted).to_json() for count in frame_counts]
            for name, group in groups.items()
            if group
        },
    }


def _of_length(videos: Iterable[VideoSpans], lower: float, upper: float) -> Iterator[VideoSpans]:
    return (video for video in videos if lower < video.duration <= upper)


def _length_name(lower: float, upper: float) -> str:
    if not lower:
        return f"up to {upper:g} s"
    return f"over {lower:g} s" if upper == float("inf") else f"{lower:g} to {upper:g} s"
