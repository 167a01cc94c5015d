"""A folder of videos and their labels, as items: one a video, whose answer is the whole label as one JSON object.

    drives/0001.mp4    drives/0001.label.json            side by side,
    videos/0001.camera_front.mp4    metas/0001.label.json    or in folders of their own

A video and its label have the same name up to the first dot, wherever below the folder they lie.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demitasse.dataset import Item, TaskFile
from demitasse.dataset.schema import ITEM_KEYS, load_object, type_name
from demitasse.errors import DataError
from demitasse.interchange.row_files import Read
from demitasse.labels import ANSWER_KIND, OBJECT
from demitasse.labels.keys import Keys
from demitasse.labels.mend import EXTRA, LEFT_OUT, Mended, Oddity, mend
from demitasse.labels.question import answer_of, question_of
from demitasse.media.walk import find_files, find_videos

LABELS = "labels"  # the format's name, and its items' task
SUFFIX = ".label.json"
# Fields of an item that mean something to other commands: an extra key of such a name waits in `label_extra`.
_TAKEN = {*ITEM_KEYS, "task", "task_type", "key", "question_type", "sub_task", ANSWER_KIND, "quality", "provenance"}
_ASIDE = "label_extra"


@dataclass(slots=True)
class Labels:
    """What a folder holds.

    Attributes:
        mended: by label file, with the video that it is about.
        left_out: a sentence for each video or label that there is no item of.
    """

    mended: dict[Path, tuple[Path, Mended]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def oddities(self) -> Iterator[tuple[Path, Oddity]]:
        """Each with its label's file."""
        return ((path, oddity) for path, (_, mended) in self.mended.items() for oddity in mended.oddities)


def read_labels(folder: Path, keys: Keys) -> Labels:
    """Find videos and labels below a folder, pair them and mend the labels.

    Raises:
        DataError: if it is no folder, or holds no label.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; give the one with the videos and their NAME{SUFFIX} files")
    found, clips = find_files(folder, frozenset({".json"})), find_videos(folder)
    labels = _by_name(path for path in found.files if path.name.endswith(SUFFIX))
    videos = _by_name(clips.files)
    if not labels:
        raise DataError(f"{folder} holds no label: a file NAME{SUFFIX} for each video NAME.mp4")
    read = Labels(left_out=[f"{path}: {reason}" for path, reason in (*found.skipped, *clips.skipped)])
    for name in sorted(labels.keys() | videos.keys()):
        fault = _pair_fault(name, videos[name], labels[name])
        if fault:
            read.left_out.append(fault)
            continue
        [video], [path] = videos[name], labels[name]
        try:
            read.mended[path] = video, mend(_label(path), keys)
        except DataError as error:
            read.left_out.append(str(error))
    return read


def read_folder(folder: Path, keys: Keys) -> Read:
    """The folder as a dataset of one item a video.

    Raises:
        DataError: as `read_labels`, and if no label has an item.
    """
    labels = read_labels(folder, keys)
    question = question_of(keys)
    used = {path: pair for path, pair in labels.mended.items() if pair[1].values}
    items = [_item(folder, video, path, mended, keys, question) for path, (video, mended) in used.items()]
    empty = [f"{path}: none of its keys can be used" for path in labels.mended if path not in used]
    left_out = [*labels.left_out, *empty, *_keys_left_out(labels)]
    if not items:
        raise DataError(f"{folder}: no label can be used; the first: {left_out[0]}")
    file = TaskFile(items, task=LABELS, description="Labels of people.", path=folder / f"{LABELS}.json")
    return Read([file], left_out, list(summary(labels)), what="labels or keys of them")


def summary(labels: Labels) -> Iterator[str]:
    """What was odd, by kind, and what was carried or left out."""
    mended = Counter(one.kind for _, one in labels.oddities() if one.kind != EXTRA and one.became is not LEFT_OUT)
    # Of a set both the label and then the whole are told: the key is lost once, for the last reason.
    last = {(path, one.key): one.kind for path, one in labels.oddities() if one.became is LEFT_OUT}
    lost = Counter(f"{key} ({kind})" for (_, key), kind in last.items())
    extra = Counter(one.key for _, one in labels.oddities() if one.kind == EXTRA)
    yield f"{len(labels.mended)} labels, oddities mended: {_counts(mended)}"
    if extra:
        yield f"keys that nobody asks for, carried beside the answer: {_counts(extra)}"
    if lost:
        yield f"keys left out of their item: {_counts(lost)}"


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items())) or "none"


def _keys_left_out(labels: Labels) -> list[str]:
    return [f"{path}: {oddity}" for path, oddity in labels.oddities() if oddity.became is LEFT_OUT]


def _by_name(paths: Iterable[Path]) -> defaultdict[str, list[Path]]:
    found: defaultdict[str, list[Path]] = defaultdict(list)
    for path in paths:
        found[path.name.split(".")[0]].append(path)
    return found


def _pair_fault(name: str, videos: list[Path], labels: list[Path]) -> str:
    if not videos:
        return f"{labels[0]}: there is no video {name}.* for it"
    if not labels:
        return f"{videos[0]}: there is no label {name}{SUFFIX} for it"
    for kind, paths in (("videos", videos), ("labels", labels)):
        if len(paths) > 1:
            return f"{paths[0]} and {paths[1]} are two {kind} of one name, {name}; keep one"
    return ""


def _label(path: Path) -> dict[str, Any]:
    label = load_object(path, "utf-8-sig")
    if not isinstance(label, dict):
        raise DataError(f"{path} holds {type_name(label)}, not an object of keys")
    return label


def _item(folder: Path, video: Path, path: Path, mended: Mended, keys: Keys, question: str) -> Item:
    aside = {name: value for name, value in mended.extra.items() if name in _TAKEN}
    extra = {name: value for name, value in mended.extra.items() if name not in _TAKEN}
    extra |= {_ASIDE: aside} if aside else {}
    extra[ANSWER_KIND] = {"kind": OBJECT, "keys": {name: dict(key) for name, key in keys.items()}}
    return Item(
        question,
        answer_of(mended.values),
        video_id=video.relative_to(folder).as_posix(),
        item_index=path.name.removesuffix(SUFFIX),
        extra=extra,
    )
