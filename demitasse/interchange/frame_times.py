"""The true times of core frames that are known by number only, from the videos themselves.

A number counts the frames of the source video. Where a clip was cut from it, the numbers are not the clip's: one that
lies behind the clip's end is told, another cannot be noticed. So this is done only when it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from demitasse.dataset import Item, TaskFile
from demitasse.dataset.evidence import CoreFrame, core_frames_of, evidence_of, with_evidence_fields
from demitasse.errors import MediaError
from demitasse.media.probe import Timeline, inspect


def with_frame_times(files: Sequence[TaskFile]) -> tuple[list[TaskFile], list[str]]:
    """Dataset files whose core frames have the presentation times of their numbers.

    Returns:
        The files, and a sentence for each video or frame that could not be timed; its frames stay without a time.
    """
    timeline = lru_cache(maxsize=8)(inspect)  # items about one video stand together, as a rule
    faults: dict[str, None] = {}
    timed = []
    for file in files:
        items = []
        for item in file.items:
            try:
                items.append(_timed(item, timeline(file.media_path(item)), faults) if _needs_times(item) else item)
            except MediaError as fault:
                faults[str(fault)] = None
                items.append(item)
        timed.append(replace(file, items=items))
    return timed, list(faults)


def _needs_times(item: Item) -> bool:
    frames = core_frames_of(item)
    return item.video_id is not None and any(frame.time is None and frame.frame is not None for frame in frames)


def _timed(item: Item, timeline: Timeline, faults: dict[str, None]) -> Item:
    frames = [_with_time(frame, timeline, faults) for frame in core_frames_of(item)]
    times = [frame.time for frame in frames if frame.time is not None]
    if times != sorted(times):  # a frame that had a time stands among others that got one: leave them as they were
        faults[f"{item.media_id}: core frames' numbers and times are not in one order"] = None
        return item
    return with_evidence_fields(item, evidence_of(item), frames)


def _with_time(frame: CoreFrame, timeline: Timeline, faults: dict[str, None]) -> CoreFrame:
    if frame.time is not None or frame.frame is None:
        return frame
    count = len(timeline.pts)
    if not 0 <= frame.frame < count:
        name = Path(timeline.info.path)
        faults[f"{name}: there is no frame {frame.frame}, it has {count}: a clip of the video that was annotated?"] = (
            None
        )
        return frame
    return replace(frame, time=round(timeline.seconds(int(timeline.pts[frame.frame])), 6))
