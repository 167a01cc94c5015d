"""The questions of a run: which items are asked, in which order, about which files."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from demitasse.dataset import Item, TaskFile
from demitasse.dataset.item_id import id_of, storable
from demitasse.errors import DataError, MediaError
from demitasse.media.probe import content_hash
from evaluate.asking.another_video import others
from evaluate.metric import METRICS, metric_of
from evaluate.records import Asked


class Preparation(Protocol):
    """Turns items into what is shown and asked; `evaluate.asking.preparation.Preparation` is one."""

    def __call__(self, item: Item, task: str) -> Item:
        """The item of a task as it is shown and asked; DataError where that cannot be."""
        ...

    @property
    def missing(self) -> dict[str, int]:
        """What there was not to be put beside the questions, counted by kind."""
        ...


@dataclass(frozen=True, slots=True)
class Work:
    """A question, and the file that it is asked about."""

    asked: Asked
    item: Item  # as it is shown and asked
    path: Path
    media: str = ""  # content hash; empty if there is no such file, or nobody has looked yet
    fault: str = ""  # why it cannot be asked
    shown: str = ""  # id of the medium that is shown in place of its own


def work_of(files: Sequence[TaskFile], tasks: Collection[str], prepare: Preparation | None) -> list[Work]:
    """The items to ask, in the order in which they are best asked; their media are not looked at.

    Tasks one after the other, because a batch takes as long as its longest answer; within a task, questions
    about one video side by side.
    """
    known = sorted({file.task_of(item) for file in files for item in file.items})
    if absent := [task for task in tasks if task not in known]:
        raise DataError(f"--tasks: no item is of task '{absent[0]}'; the dataset's tasks are {', '.join(known)}")
    work: dict[str, Work] = {}
    for file in files:
        for index, item in enumerate(file.items):
            one = _one(file, index, item)
            if tasks and one.asked.task not in tasks:
                continue
            if prepare:
                one = _prepared(one, prepare)
            one = replace(one, item=_sayable(one.item))
            if one.asked.item_id in work:
                raise DataError(
                    f"{file.path}: items[{index}]: this question about {item.media_id} is asked twice in task "
                    f"'{one.asked.task}'; remove one, or give each its own item_index"
                )
            work[one.asked.item_id] = one
    if not work:
        raise DataError("there is no item to ask: the dataset's files hold none")
    faults = [one.fault for one in work.values() if one.fault]
    if len(faults) == len(work):
        raise DataError(faults[0])
    order = list(METRICS)
    return sorted(
        work.values(),
        key=lambda one: (
            order.index(metric_of(one.asked.task).name),
            one.asked.task,
            one.asked.video_id,
            one.asked.question,
        ),
    )


def with_media(work: Sequence[Work]) -> list[Work]:
    """The work with the content hashes of its media, each of which is read once."""
    hashes: dict[Path, str] = {}
    for one in work:
        if one.path not in hashes:
            hashes[one.path] = _hash(one.path)
    return [replace(one, media=hashes[one.path]) for one in work]


def _hash(path: Path) -> str:
    """The file's content hash; empty where it cannot be read, of which its questions' rows tell when they are asked."""
    try:
        return content_hash(path) if path.is_file() else ""
    except (MediaError, OSError):  # is_file() raises for a name too long, and for a folder that may not be entered
        return ""


def _one(file: TaskFile, index: int, item: Item) -> Work:
    task = file.task_of(item)
    if not task:
        raise DataError(f"{file.path}: items[{index}] has no task, so it cannot be scored; set metadata.task")
    asked = Asked(
        item_id=id_of(item, task),
        task=task,
        video_id=storable(item.media_id),
        question=storable(item.question),
        reference=storable(item.answer),
        extra=_storable(item.extra),
    )
    return Work(asked, item, file.media_path(item))


def _storable(value: Any) -> Any:
    """A JSON value with `storable` texts."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(name): _storable(one) for name, one in value.items()}
    return [_storable(one) for one in value] if isinstance(value, list) else value


def _sayable(item: Item) -> Item:
    """The item with a question that a tokenizer takes, and a request: that of its row."""
    question = storable(item.question)
    return item if question == item.question else replace(item, question=question)


def _prepared(one: Work, prepare: Preparation) -> Work:
    try:
        return replace(one, item=prepare(one.item, one.asked.task))
    except DataError as fault:
        return replace(one, fault=str(fault))


def shuffled(work: Sequence[Work], seed: int) -> Iterator[Work]:
    """The work with each item's medium changed for another's of its kind; one that is not there stays, and fails."""
    there = [one for one in work if one.media]
    owners = {one.media: one for one in there}
    shown: dict[str, str] = {}
    for what in ("video", "picture"):
        of_kind = [one.media for one in there if (one.item.video_id is None) == (what == "picture")]
        shown |= others(of_kind, seed, what)
    for one in work:
        if not one.media:
            yield one
            continue
        other = owners[shown[one.media]]
        yield replace(one, path=other.path, media=other.media, shown=other.asked.video_id)
