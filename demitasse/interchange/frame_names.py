"""What the names of VideoEspresso's frame pictures tell.

Most are numbers, of the frame in its source video: `CUVA/2_image/00299/4560.jpg`. No rate is published with them, so a
number is no time. Storystream's tell a time instead, of an episode that is longer than the clip that is shipped:
`Storystream/Rabbids/rabbids/000027/000027_keyframe_1-38-11-958.jpg` is 1 h 38 min 11.958 s.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate
from pathlib import PurePosixPath

from demitasse.dataset.evidence import CoreFrame

_NUMBER = re.compile(r"(?:frame[_-]?)?0*(\d{1,9})", re.IGNORECASE)
_STAMP = re.compile(r".*_keyframe_(\d{1,3})-(\d{1,2})-(\d{1,2})-(\d{1,3})", re.IGNORECASE)


def frame_number(path: str) -> int | None:
    """The number of a frame in its source video, from 0; None if the name tells none."""
    match = _NUMBER.fullmatch(PurePosixPath(path.replace("\\", "/")).stem)
    return int(match[1]) if match else None


def source_seconds(path: str) -> float | None:
    """The time of a frame in the episode that its clip was cut from; None if the name tells none."""
    match = _STAMP.fullmatch(PurePosixPath(path.replace("\\", "/")).stem)
    if match is None:
        return None
    hours, minutes, seconds, thousandths = map(int, match.groups())
    return hours * 3600 + minutes * 60 + seconds + thousandths / 1000


def in_order(frames: Sequence[CoreFrame]) -> list[CoreFrame]:
    """Frames in order of time, by what they tell: times, else numbers, else times in their names; else as given.

    Where some tell a time and some do not, those follow the frame that they followed.
    """
    if any(frame.time is not None for frame in frames):
        reached = accumulate((-1.0 if frame.time is None else frame.time for frame in frames), max)
        times = [seen if frame.time is None else frame.time for frame, seen in zip(frames, reached, strict=True)]
        return _sorted(frames, times)
    numbers = [frame.frame for frame in frames]
    stamps = [source_seconds(frame.path) if frame.path else None for frame in frames]
    for told in (numbers, stamps):
        known = [place for place in told if place is not None]
        if len(known) == len(frames):
            return _sorted(frames, known)
    return list(frames)


def _sorted(frames: Sequence[CoreFrame], places: Sequence[float]) -> list[CoreFrame]:
    order = sorted(range(len(frames)), key=lambda index: places[index])
    return [frames[index] for index in order]
