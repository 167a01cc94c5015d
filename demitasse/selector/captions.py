"""What is on each sampled frame of each video: the file `captions.jsonl`, a line of JSON a video.

    {"video": "00042.mp4", "frames": [{"time": 0.5, "frame": 2, "caption": "Nothing."}, …]}

It is what `demitasse annotate espresso` keeps of its own captions, too; other fields of a row are passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from demitasse.dataset.schema import shown
from demitasse.errors import DataError

CAPTIONS = "captions.jsonl"


@dataclass(frozen=True, slots=True)
class VideoCaptions:
    """A video's captions: `times` (seconds, ascending) and `captions`, as many of each."""

    video: str
    times: tuple[float, ...]
    captions: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The row of `captions.jsonl`."""
        frames = [{"time": time, "caption": caption} for time, caption in zip(self.times, self.captions, strict=True)]
        return {"video": self.video, "frames": frames}


def read_captions(path: Path) -> dict[str, VideoCaptions]:
    """Captions by video.

    Raises:
        DataError: if the file cannot be read, a row is no captioned video, or a video is there twice.
    """
    read: dict[str, VideoCaptions] = {}
    for number, line in enumerate(_lines(path), 1):
        where = f"{path}, line {number}"
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as fault:
            raise DataError(f"{where} is no JSON ({fault}); write the file again") from fault
        one = _video(row, where)
        if one.video in read:
            raise DataError(f"{where}: video {one.video} is there twice; remove one of the two lines")
        read[one.video] = one
    return read


def captions_at(known: VideoCaptions, times: Sequence[float]) -> VideoCaptions:
    """The captions of the frames nearest to `times`: a captioner may have looked more often than is asked now."""
    nearest = (min(range(len(known.times)), key=lambda place: abs(known.times[place] - time)) for time in times)
    return VideoCaptions(known.video, tuple(times), tuple(known.captions[place] for place in nearest))


def _lines(path: Path) -> Iterable[bytes]:
    try:
        return path.read_bytes().splitlines()
    except OSError as fault:
        raise DataError(f"{path} cannot be read: {fault.strerror}") from fault


def _video(row: Any, where: str) -> VideoCaptions:
    match row:
        case {"video": str(video), "frames": [_, *_] as frames}:
            read = sorted(_frame(frame, f"{where}: frames[{place}]") for place, frame in enumerate(frames))
            return VideoCaptions(video, tuple(time for time, _ in read), tuple(caption for _, caption in read))
    raise DataError(f"{where} is {shown(row)}, not a 'video' with a list of captioned 'frames'")


def _frame(frame: Any, where: str) -> tuple[float, str]:
    match frame:
        case {"time": int() | float() as time, "caption": str(caption)}:
            return float(time), caption
    raise DataError(f"{where} is {shown(frame)}, not a 'time' in seconds with its 'caption'")
