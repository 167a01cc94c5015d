"""Time spans of NExT-GQA (`gsub_val.json`, `gsub_test.json`): when in the video a question's answer can be seen.

    {"<video>": {"duration": 40, "location": {"<qid>": [[1.7, 5.5], ...]}, "fps": 29.97}}

The duration is rounded to whole seconds, so that a span may end after it; some spans of the test file start up to
0.2 s before the video, which is read as its start. Only questions about one place in time have spans.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demitasse.dataset.schema import load_object, shown
from demitasse.errors import DataError
from demitasse.interchange.expecting import expects
from demitasse.interchange.recognise import SPANS

Span = tuple[float, float]
BEFORE = 1.0  # seconds before the video's start that a span may begin, as rounding and hands make it


@dataclass(frozen=True, slots=True)
class VideoSpans:
    """A video's spans by question id; `duration` in seconds and `fps` as published, 0 if they are not given."""

    video: str
    duration: float
    fps: float
    spans: Mapping[str, tuple[Span, ...]]


@expects(SPANS)
def read_spans(path: Path | str) -> dict[str, VideoSpans]:
    """Read a file of spans, by video.

    A span of no length is kept: the official scores count it (their flaw is `demitasse score`'s to guard).

    Raises:
        DataError: if it cannot be read or is no such file; the message names the video and question.
    """
    path = Path(path)
    value = load_object(path)
    if not isinstance(value, dict) or not value:
        raise DataError(f"{path} holds no object of videos with their spans; give NExT-GQA's gsub_val.json")
    return {str(video): _video(path, str(video), entry) for video, entry in value.items()}


def _video(path: Path, video: str, entry: Any) -> VideoSpans:
    location = entry.get("location") if isinstance(entry, Mapping) else None
    if not isinstance(location, Mapping):
        raise DataError(f"{path}: '{video}' has no 'location' with spans by question; is it NExT-GQA's gsub file?")
    spans = {str(qid): tuple(_spans(path, f"{video}_{qid}", given)) for qid, given in location.items()}
    return VideoSpans(video, _number(path, video, entry, "duration"), _number(path, video, entry, "fps"), spans)


def _spans(path: Path, key: str, given: Any) -> Iterator[Span]:
    """A list of pairs; one bare pair stands for itself."""
    if not isinstance(given, list) or not given:
        raise DataError(f"{path}: {key} is {shown(given)}, not a list of spans [start, end]")
    for pair in [given] if all(_is_number(one) for one in given) else given:
        match pair:
            case [start, end] if _is_number(start) and _is_number(end) and -BEFORE <= start <= end and end >= 0:
                yield max(0.0, float(start)), float(end)
            case _:
                raise DataError(f"{path}: {key} has {shown(pair)}, not a span [start, end] in seconds")


def _number(path: Path, video: str, entry: Mapping[str, Any], field: str) -> float:
    value = entry.get(field, 0)
    if not _is_number(value) or value < 0:
        raise DataError(f"{path}: '{video}' has {field} {shown(value)}, not a number above 0")
    return float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
