"""What a selector learns from: items of core frames, turned into captions to write and frames to pick.

Both are ordinary tao-vl-reason items, trained by `demitasse train` like any other: a caption item shows one frame, a
pick item shows none and asks about captions. Not all frames are captioned in released data (VideoEspresso kept those of
its core frames alone), and a picker must have seen what is not needed: so captions of all frames are given apart, from
`demitasse annotate espresso` or from a captioner, by `demitasse select frames`.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from demitasse.dataset import Item, TaskFile, write
from demitasse.dataset.evidence import core_frames_of, evidence_of
from demitasse.dataset.item_id import id_of
from demitasse.errors import DataError
from demitasse.selector.captions import VideoCaptions
from demitasse.selector.choosing import nearest
from demitasse.selector.picking import Picks
from demitasse.selector.wording import (
    CAPTION_TASK,
    NEED_TASK,
    PICK_TASK,
    caption_item,
    need_item,
    one_line,
    pick_item,
    write_places,
)

OTHERS = 2  # frames that are not needed, for each that is


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An item that teaches no picking, and why."""

    item_id: str
    reason: str


def caption_items(captions: Iterable[VideoCaptions], most: int | None = None) -> Iterator[Item]:
    """Frames to be captioned, with their captions: of each video all of them, or `most` that its name draws."""
    for one in captions:
        told = [(time, caption) for time, caption in zip(one.times, one.captions, strict=True) if caption.strip()]
        if most is not None and most < len(told):
            told = sorted(random.Random(f"captions of {one.video}").sample(told, most))
        for time, caption in told:
            yield caption_item(one.video, time, one_line(caption))


def pick_items(
    files: Iterable[TaskFile], captions: Mapping[str, VideoCaptions], picks: Picks = "list"
) -> Iterator[Item | LeftOut]:
    """For each item the question which frames it needs, or for frames whether it needs them; or why there is none."""
    for file in files:
        for item in file.items:
            item_id = id_of(item, file.task_of(item))
            known = captions.get(item.media_id)
            try:
                times = [frame.time for frame in core_frames_of(item) if frame.time is not None]
            except DataError as fault:
                yield LeftOut(item_id, str(fault))
                continue
            if known is None:
                yield LeftOut(item_id, "its video has no captions")
            elif not times:
                yield LeftOut(item_id, "it has no core frame whose time is known")
            elif picks == "list":
                yield pick_example(item, item_id, known, times)
            else:
                yield from need_examples(item, item_id, known, times)


def pick_example(item: Item, item_id: str, known: VideoCaptions, times: Sequence[float]) -> Item:
    """The pick item of an item whose core frames are at `times`.

    Its reasoning says on which of them each key item is, where the evidence has boxes on frames: a small picker finds
    frames more easily once it has named what it looks for.
    """
    asked = pick_item(item, known.captions, nearest(known.times, times), item_id)
    return replace(asked, reasoning=_found(item, known) or None)


def need_examples(item: Item, item_id: str, known: VideoCaptions, times: Sequence[float]) -> Iterator[Item]:
    """For each core frame of an item the question whether it is needed, and for `OTHERS` times as many that are not.

    The others differ in caption, from one another and from the core frames: of a video that hardly changes, one frame
    says as much as ten, and a caption that is needed once and not needed once would teach nothing.
    """
    core = nearest(known.times, times)
    needed = {one_line(known.captions[place]) for place in core}
    others = {one_line(caption): place for place, caption in enumerate(known.captions)}
    drawn = sorted(place for caption, place in others.items() if caption not in needed)
    if len(drawn) > OTHERS * len(core):
        drawn = sorted(random.Random(f"not needed for {item_id}").sample(drawn, OTHERS * len(core)))
    for place in sorted((*core, *drawn)):
        answer = "Yes" if place in core else "No"
        yield need_item(item, known.captions[place], answer, f"{item_id} {place + 1}")


def _found(item: Item, known: VideoCaptions) -> str:
    """Lines such as "red thing: 3, 4", in the order in which the question speaks of them."""
    evidence, frames = evidence_of(item), core_frames_of(item)
    seen: dict[str, set[int]] = {}
    for mention in evidence.mentions if evidence else ():
        times = [frames[box.core_frame].time for box in mention.boxes if box.core_frame is not None]
        places = nearest(known.times, [time for time in times if time is not None])
        if places:
            seen.setdefault(mention.name, set()).update(places)
    order = sorted(seen, key=lambda name: item.question.find(name) % (len(item.question) + 1))
    return "\n".join(f"{name}: {write_places(sorted(seen[name]))}" for name in order)


@dataclass(frozen=True, slots=True)
class Written:
    """How many items of each kind were written, and which of the given ones teach no picking."""

    captions: int
    picks: int
    left_out: tuple[LeftOut, ...]


def write_training(
    files: Sequence[TaskFile],
    captions: Mapping[str, VideoCaptions],
    folder: Path,
    most: int | None = None,
    picks: Picks = "list",
) -> Written:
    """Write `frame_caption.json`, and `frame_pick.json` or `frame_need.json`, to a folder.

    Args:
        files: items with core frames.
        captions: of all frames of their videos.
        folder: where to.
        most: captions of a video; None for all.
        picks: how the picker will be asked.

    Raises:
        DataError: if the files' media lie in different folders, no item has core frames and captions, or the items
            themselves lie in `folder`. Nothing is written then.
    """
    if folder.resolve() in {file.path.resolve().parent for file in files if file.path}:
        raise DataError(f"{folder} holds the items of --data, and would no longer be that dataset; give another --out")
    roots = {file.media_folder.resolve() for file in files}
    if len(roots) != 1:
        raise DataError(f"the items' media lie in {len(roots)} folders; write the training data of each apart")
    made = list(pick_items(files, captions, picks))
    asked = [one for one in made if isinstance(one, Item)]
    left_out = tuple(one for one in made if isinstance(one, LeftOut))
    if not asked:
        raise DataError(f"no item teaches picking; of the first it is said that {left_out[0].reason}")
    videos = dict.fromkeys(item.media_id for item in asked)
    told = list(caption_items((captions[video] for video in videos), most))
    root = Path(os.path.relpath(roots.pop(), folder.resolve())).as_posix()
    for task, items in ((CAPTION_TASK, told), (PICK_TASK if picks == "list" else NEED_TASK, asked)):
        write(folder / f"{task}.json", TaskFile(items, task, files[0].license, media_root=root))
    return Written(len(told), len(asked), left_out)
