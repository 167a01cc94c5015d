"""From a dataset to selections: captions of every frame where they are needed, then a choice for every item.

Each caption and each choice is kept as soon as it is there, and an interrupted run goes on. Every item ends in
`selections.jsonl` or, with the reason, in `left_out.jsonl`.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from tqdm import tqdm

from demitasse.atomic import write_text
from demitasse.dataset import Item, TaskFile
from demitasse.dataset.evidence import core_frames_of
from demitasse.dataset.item_id import id_of
from demitasse.embedding import Embedder
from demitasse.engine.journal import Journal
from demitasse.engine.lock import lock_results
from demitasse.errors import ConfigError, DataError, MediaError, OtherRunError
from demitasse.media.cache import FrameCache
from demitasse.media.sample import SamplingPolicy
from demitasse.selector.asking import Asker
from demitasse.selector.captioning import Sampled, caption_videos, check_captioned
from demitasse.selector.captions import VideoCaptions
from demitasse.selector.choosing import Choice, at_random, most_alike, nearest, thinned, uniform
from demitasse.selector.picking import Picks, ToPick, pick
from demitasse.selector.selections import SELECTIONS, Selection, read_selections, write_items

Method = Literal["picker", "embedding", "uniform", "random", "core"]
METHODS: tuple[Method, ...] = get_args(Method)
CAPTIONED = ("picker", "embedding")  # the methods that read captions
RUN, LEFT_OUT, ITEMS = "run.json", "left_out.jsonl", "items"
PICKS_AT_ONCE = 64  # choices between two writes


@dataclass(frozen=True)
class Selecting:
    """How frames are chosen.

    Attributes:
        method: "picker" asks one; "embedding" takes the captions most like the question; "uniform" and "random" look at
            neither; "core" takes the item's own core frames, which is the truth and bounds what any selector can do.
        keep: most frames of an item.
        policy: the sampled frames that are chosen from.
        cache: of decoded frames.
        picks: how a picker is asked, once about all captions ("list") or caption by caption ("each").
        seed: of random choices.
        captions: captions that are there already, by video.
        captioner, picker: open whoever writes the other captions, and whoever picks; called when there is work.
        embedder: of the method "embedding".
    """

    method: Method
    keep: int
    policy: SamplingPolicy
    cache: FrameCache
    picks: Picks = "list"
    seed: int = 0
    captions: Mapping[str, VideoCaptions] = field(default_factory=dict)
    captioner: Callable[[], Asker] | None = None
    picker: Callable[[], Asker] | None = None
    embedder: Embedder | None = None


@dataclass(frozen=True, slots=True)
class Selected:
    """What a run did; `why` is the reason of the first item that was left out."""

    items: int
    left_out: int
    fallbacks: int
    kept: float
    sampled: float
    why: str = ""

    @property
    def exit_code(self) -> int:
        """0, or 3 if an item has no selection."""
        return 3 if self.left_out else 0


@dataclass(frozen=True, slots=True)
class _Work:
    """An item to choose frames for, with what its video shows once that is known."""

    item: Item
    task: str
    item_id: str
    path: Path


@dataclass
class _Seen:
    """What is known of the videos."""

    videos: dict[str, Sampled] = field(default_factory=dict)
    captions: Mapping[str, VideoCaptions] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)


def select(files: Sequence[TaskFile], out: Path, how: Selecting, settings: dict[str, Any]) -> Selected:
    """Choose frames for the items of `files`; writes `selections.jsonl`, `items/`, `run.json`, and what they rest on.

    Args:
        files: the dataset.
        out: the run folder.
        how: the way.
        settings: everything that decides the choices, as JSON, for `run.json`.

    Raises:
        ConfigError: if `out` holds a run of other settings or items, or captions are needed and nobody writes them.
        DataError: if an item is there twice, or there is none.
        DemitasseError: if another process works on `out`, or an endpoint fails for good.
    """
    work = _work(files)
    header = {"format": "demitasse-selections-v1", "settings": settings, "items_sha256": _hash(work)}
    with lock_results(out):
        seconds = _earlier_seconds(out, header)
        seen = _look(work, how)
        if how.method in CAPTIONED and how.captioner is None:
            check_captioned(out, seen.videos, how.captions)
        _claim(out, header)
        if how.method in CAPTIONED:
            done = caption_videos(out, seen.videos, how.captioner, how.captions)
            seen.captions, seen.faults = done.found, seen.faults | done.faults
            seconds["captions"] += done.seconds
        faults = _choose(out, work, seen, how, seconds)
        return _finish(files, out, work, faults, header | {"seconds": seconds})


def _work(files: Sequence[TaskFile]) -> list[_Work]:
    work: dict[str, _Work] = {}
    for file in files:
        for place, item in enumerate(file.items):
            one = _Work(item, file.task_of(item), id_of(item, file.task_of(item)), file.media_path(item))
            if one.item_id in work:
                raise DataError(
                    f"{file.path}: items[{place}]: this question about {item.media_id} is asked twice in task "
                    f"'{one.task}'; remove one, or give each its own item_index"
                )
            work[one.item_id] = one
    if not work:
        raise DataError("there is no item to choose frames for")
    return list(work.values())


def _hash(work: Sequence[_Work]) -> str:
    return hashlib.sha256(" ".join(one.item_id for one in work).encode()).hexdigest()


def _claim(out: Path, header: dict[str, Any]) -> None:
    """From now on the folder is of this run: not before all is there that it needs, for it refuses others."""
    if not (out / RUN).is_file():
        write_text(out / RUN, json.dumps(header, indent=2) + "\n")


def _earlier_seconds(out: Path, header: dict[str, Any]) -> dict[str, float]:
    """The seconds that the run of these settings in `out` took so far."""
    path = out / RUN
    if not path.is_file():
        return {"captions": 0.0, "choices": 0.0}
    before = json.loads(path.read_text(encoding="utf-8"))
    for name, what in (("settings", "settings"), ("items_sha256", "items")):
        if before.get(name) != header[name]:
            raise OtherRunError(
                f"{out} holds selections made with other {what}; give another --out, or delete that folder"
            )
    return dict(before.get("seconds") or {"captions": 0.0, "choices": 0.0})


def _look(work: Sequence[_Work], how: Selecting) -> _Seen:
    """When each video's sampled frames are; what cannot be read is noted."""
    seen = _Seen()
    videos = {one.item.media_id: one for one in work}
    for video, one in tqdm(videos.items(), desc="decode", unit="video", delay=2, disable=None):
        if one.item.video_id is None:
            seen.faults[video] = "it is a picture, and has no frames to choose from"
            continue
        try:
            times = how.cache.frames(one.path, how.policy).times
        except MediaError as fault:
            seen.faults[video] = fault.reason
        else:
            seen.videos[video] = Sampled(one.path, tuple(times.tolist()))
    return seen


def _choose(out: Path, work: Sequence[_Work], seen: _Seen, how: Selecting, seconds: dict[str, float]) -> dict[str, str]:
    """Choose for the items that have no selection yet; returns why those did not get one, by item."""
    faults: dict[str, str] = {}
    with Journal(out / SELECTIONS, lambda row: str(row["item_id"])) as journal:
        left = [one for one in work if journal.find(one.item_id) is None]
        for one in left:
            if one.item.media_id in seen.faults:
                faults[one.item_id] = seen.faults[one.item.media_id]
        left = [one for one in left if one.item_id not in faults]
        choose = _picks if how.method == "picker" else _others
        began = time.monotonic()
        for one, choice, reply in choose(left, seen, how, faults):
            times = seen.videos[one.item.media_id].times
            kept = tuple(times[place] for place in choice.places)
            row = Selection(one.item_id, one.task, one.item.media_id, len(times), kept, choice, reply)
            journal.append(row.to_json())
        journal.sync()
        seconds["choices"] += time.monotonic() - began
    return faults


def _picks(
    work: Sequence[_Work], seen: _Seen, how: Selecting, faults: dict[str, str]
) -> Iterator[tuple[_Work, Choice, str]]:
    """What a picker names."""
    if how.picker is None:
        raise ConfigError("the method picker needs a --picker")
    if not work:
        return
    picker = how.picker()
    step = max(PICKS_AT_ONCE, picker.at_once)
    with tqdm(desc="pick", unit="reply", delay=2, disable=None) as progress:
        for start in range(0, len(work), step):
            batch = work[start : start + step]
            asks = [ToPick((one.item, one.path), seen.captions[one.item.media_id].captions) for one in batch]
            for one, said in zip(batch, pick(picker, asks, how.keep, how.picks, progress.update), strict=True):
                if said.error:
                    faults[one.item_id] = said.error
                else:
                    yield one, said.choice, said.reply


def _others(
    work: Sequence[_Work], seen: _Seen, how: Selecting, faults: dict[str, str]
) -> Iterator[tuple[_Work, Choice, str]]:
    """The ways that ask nobody."""
    for one in tqdm(work, desc=how.method, unit="item", delay=2, disable=None):
        times = seen.videos[one.item.media_id].times
        if how.method == "core":
            core = [frame.time for frame in core_frames_of(one.item) if frame.time is not None]
            if not core:
                faults[one.item_id] = "it has no core frame whose time is known"
                continue
            places = thinned(nearest(times, core), how.keep)
        elif how.method == "uniform":
            places = uniform(len(times), how.keep)
        elif how.method == "random":
            places = at_random(len(times), how.keep, f"{how.seed} {one.item_id}")
        elif how.embedder is None:
            raise ConfigError("the method embedding needs an embedder")
        else:
            captions = seen.captions[one.item.media_id].captions
            places = most_alike(one.item.question, captions, how.keep, how.embedder)
        yield one, Choice(places), ""


def _finish(
    files: Sequence[TaskFile], out: Path, work: Sequence[_Work], faults: Mapping[str, str], header: dict[str, Any]
) -> Selected:
    """Write what comes of the choices."""
    selections = read_selections(out)
    write_items(files, selections, out / ITEMS)
    lost = [
        {"item_id": one.item_id, "video_id": one.item.media_id, "reason": faults[one.item_id]}
        for one in work
        if one.item_id in faults
    ]
    write_text(out / LEFT_OUT, "".join(json.dumps(row) + "\n" for row in lost))
    rows = list(selections.values())
    counts = {
        "items": len(rows),
        "left_out": len(lost),
        "fallbacks": sum(bool(row.choice.fallback) for row in rows),
        "kept": sum(len(row.times) for row in rows) / max(1, len(rows)),
        "sampled": sum(row.sampled for row in rows) / max(1, len(rows)),
    }
    write_text(out / RUN, json.dumps(header | {"counts": counts}, indent=2) + "\n")
    return Selected(**counts, why=lost[0]["reason"] if lost else "")  # type: ignore[arg-type]
