"""Items about the first of their pictures, made items about a small video of them all.

An item is about one video or one image, and several pictures are neither. So they become a video in which each is held
for a second (`media.slideshow`), and the item's core frames have its times: picture k is on the screen from k to k + 1.
The times that the pictures had in the video they were taken from, null where nobody told them, wait in the item's
`source_times`, which also says that its video was made in this way.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count, zip_longest
from pathlib import Path

from tqdm import tqdm

from demitasse.dataset import Item, TaskFile
from demitasse.dataset.evidence import CoreFrame, core_frames_of, evidence_of, with_evidence_fields
from demitasse.dataset.schema import shown
from demitasse.errors import DataError, MediaError

SOURCE_TIMES, SOURCE_IMAGE = "source_times", "source_image"
MOST_WORKERS = 16


def count_pictures(item: Item) -> int:
    """How many pictures an item about an image has as its core frames."""
    return 0 if item.image_id is None else len(_pictures(item))


def source_frames(item: Item) -> list[CoreFrame]:
    """An item's core frames with their times in the video they come from, not in one that was made of them.

    Raises:
        DataError: as `core_frames_of`.
    """
    frames, times = core_frames_of(item), item.extra.get(SOURCE_TIMES)
    if not isinstance(times, list):
        return frames
    told = [float(time) if isinstance(time, int | float) else None for time in times]
    return [replace(frame, time=time) for frame, time in zip_longest(frames, told[: len(frames)])]


def with_picture_videos(files: Sequence[TaskFile], folder: Path) -> tuple[list[TaskFile], list[str]]:
    """The files, whose items about images that are core frames are now about videos of these: of one picture, too.

    Args:
        files: dataset files with a path.
        folder: where videos are put, each by a name that its pictures' content tells; what lies there is not made
            again. It must lie in the folder that the files' media count from.

    Returns:
        The files, and a sentence for each item that they do not have because its pictures make no video.

    Raises:
        DataError: `folder` lies elsewhere or cannot be written to, or nothing is left because of the pictures.
    """
    prefixes = [_prefix(folder, file) for file in files]
    wanted = {_paths(file, item) for file in files for item in file.items if count_pictures(item)}
    made = _make(sorted(wanted), folder)
    faults: list[str] = []
    converted = []
    for file, prefix in zip(files, prefixes, strict=True):
        items = []
        for item in file.items:
            found = made[_paths(file, item)] if count_pictures(item) else None
            if isinstance(found, MediaError):
                faults.append(f"{shown(item.question)}: {found}")
            else:
                items.append(item if found is None else _about(item, f"{prefix}{found}"))
        converted.append(replace(file, items=items))
    if faults and not any(file.items for file in converted):
        raise DataError(
            f"{faults[0]}; and so none of the {len(faults)} rows has a video: the pictures' paths count from "
            f"{files[0].media_folder}, unpack all of their archive there"
        )
    return converted, faults


def _prefix(folder: Path, file: TaskFile) -> str:
    """What stands before a video's name in its id. Links are not followed: one may lead to a larger disk."""
    root = os.path.abspath(file.media_folder)
    below = os.path.relpath(os.path.abspath(folder), root)
    if below.split(os.sep)[0] == os.pardir:
        raise DataError(
            f"{folder} lies outside {file.media_folder}, from which media paths count; name a folder in that one "
            "(it may be a link to another disk)"
        )
    return "" if below == os.curdir else f"{Path(below).as_posix()}/"


def _pictures(item: Item) -> list[str]:
    return [frame.path for frame in core_frames_of(item) if frame.path is not None]


def _paths(file: TaskFile, item: Item) -> tuple[Path, ...]:
    return tuple(file.media_folder / path for path in _pictures(item))


def _make(wanted: Sequence[tuple[Path, ...]], folder: Path) -> dict[tuple[Path, ...], str | MediaError]:
    """The name of each video, or why there is none. Decoding and encoding leave threads free to run side by side."""
    from demitasse.media.slideshow import write_slideshow  # not above: it needs an encoder

    def make(pictures: tuple[Path, ...]) -> str | MediaError:
        try:
            return write_slideshow(pictures, folder).name
        except MediaError as fault:
            return fault

    with ThreadPoolExecutor(min(MOST_WORKERS, os.cpu_count() or 1)) as threads:
        progress = tqdm(threads.map(make, wanted), "videos", len(wanted), unit="video", delay=2, disable=None)
        return dict(zip(wanted, progress, strict=True))


def _about(item: Item, video_id: str) -> Item:
    from demitasse.media.slideshow import middle

    frames = core_frames_of(item)
    places = count()
    timed = [replace(frame, time=None if frame.path is None else middle(next(places))) for frame in frames]
    extra = item.extra | {SOURCE_TIMES: [frame.time for frame in frames]}
    if item.image_id not in _pictures(item):  # which the video does not show
        extra[SOURCE_IMAGE] = item.image_id
    about = replace(item, video_id=video_id, image_id=None, extra=extra)
    return with_evidence_fields(about, evidence_of(item), timed)
