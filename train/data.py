"""From files to batches: which items, in which order, encoded how.

The order is a pure function of seed and step, so a run that is resumed at step 500 sees exactly the items that
it would have seen; nothing is replayed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch.utils.data import Dataset

from demitasse.dataset import Item, TaskFile, read, read_folder
from demitasse.errors import DataError
from demitasse.student.encode import Encoded, Encoder, ResponseMode
from demitasse.student.sight import Sight


@dataclass(frozen=True, slots=True)
class Lesson:
    """One item to learn, and the file of its video or image."""

    item: Item
    task: str
    media: Path


def read_lessons(files: list[str], tasks: list[str]) -> list[Lesson]:
    """All items of the files and folders, in their order; only of `tasks` where that is not empty.

    Raises:
        DataError: if a file is missing or broken, a task has no item, or a medium is not there.
    """
    if not files:
        raise DataError("data.files is empty: name the tao-vl-reason files or folders to train on")
    lessons = [
        Lesson(item, task_file.task_of(item), task_file.media_path(item))
        for path in files
        for task_file in _task_files(Path(path))
        for item in task_file.items
    ]
    found = Counter(lesson.task for lesson in lessons)
    absent = [task for task in tasks if not found[task]]
    if absent:
        raise DataError(
            f"data.tasks: no item of task '{absent[0]}' in {', '.join(files)}; there are {sorted(found)}; [] takes all"
        )
    chosen = [lesson for lesson in lessons if not tasks or lesson.task in tasks]
    if not chosen:
        raise DataError(f"data.files: no item in {', '.join(files)}")
    _check_media(chosen)
    return chosen


def _task_files(path: Path) -> list[TaskFile]:
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; data.files names the tao-vl-reason files to train on")
    return read_folder(path) if path.is_dir() else [read(path)]


def _check_media(lessons: list[Lesson]) -> None:
    paths = dict.fromkeys(lesson.media for lesson in lessons)
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise DataError(
            f"{missing[0]}: not found, nor {len(missing) - 1} other of {len(paths)} media files; "
            "check 'media_root' in the data files"
        )


class Lessons(Dataset[Encoded]):
    """Lessons as encoded examples; a medium that cannot be read is an error that names it."""

    def __init__(self, lessons: list[Lesson], encoder: Encoder, sight: Sight, mode: ResponseMode) -> None:
        self._lessons = lessons
        self._encoder = encoder
        self._sight = sight
        self._mode = mode

    def __len__(self) -> int:
        return len(self._lessons)

    def __getitem__(self, index: int) -> Encoded:
        lesson = self._lessons[index]
        clip = self._sight.show(lesson.item, lesson.media)
        return self._encoder.example(lesson.item, clip, self._mode)


def steps_of(items: int, batch_size: int, steps: int, epochs: float) -> int:
    """Optimizer steps of a run: `steps`, or as many as `epochs` passes take."""
    return steps or max(1, round(items * epochs / batch_size))


def order(items: int, seed: int, epoch: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The items of an epoch in their order: int64 [items]."""
    return np.random.default_rng([seed, epoch]).permutation(items)


def step_items(items: int, seed: int, step: int, batch_size: int) -> list[int]:
    """The items of one step. Epochs follow each other without a gap, so every step is full."""
    first = step * batch_size
    places = range(first, first + batch_size)
    orders = {epoch: order(items, seed, epoch) for epoch in {place // items for place in places}}
    return [int(orders[place // items][place % items]) for place in places]


@dataclass(frozen=True, slots=True)
class MicroBatches:
    """A batch sampler: this process's micro-batches of the steps from `start` to `stop`, in order.

    Every process takes every `processes`-th item of a step, so each sees as many.
    """

    items: int
    seed: int
    start: int
    stop: int
    batch_size: int
    micro_batch_size: int
    rank: int = 0
    processes: int = 1

    def __iter__(self) -> Iterator[list[int]]:
        for step in range(self.start, self.stop):
            mine = step_items(self.items, self.seed, step, self.batch_size)[self.rank :: self.processes]
            for first in range(0, len(mine), self.micro_batch_size):
                yield mine[first : first + self.micro_batch_size]

    @property
    def a_step(self) -> int:
        """Micro-batches of one step in this process."""
        mine = len(range(self.rank, self.batch_size, self.processes))
        return -(-mine // self.micro_batch_size)
