"""What is learnt: the items of the files, each with its way of asking and what is put before its question."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from demitasse.dataset import Item, TaskFile, read, read_folder
from demitasse.dataset.evidence import EVIDENCE
from demitasse.dataset.item_id import id_of
from demitasse.dataset.schema import shown
from demitasse.dataset.shown_frames import shown_frames
from demitasse.errors import ConfigError, DataError
from demitasse.student.cotask_context import ContextSettings, CotaskContext, read_predicted, read_stages
from demitasse.student.modes import Way, with_generated_evidence
from demitasse.student.replies import read_replies
from train.config import DataConfig

_TWO_WAYS: tuple[Way, ...] = ("answer", "explain")


@dataclass(frozen=True, slots=True)
class Lesson:
    """One item to learn, the file of its video or image, how it is asked, and which of `data.files` it came from."""

    item: Item
    task: str
    media: Path
    way: Way = "answer"
    source: int = 0

    @property
    def key(self) -> str:
        """All that decides what is learnt from it, but for the frames."""
        return json.dumps([str(self.media), self.item.to_json(), self.way])


def read_lessons(data: DataConfig) -> list[Lesson]:
    """The lessons of a run, in the order of its files.

    Raises:
        DataError: if a file is missing or broken, a task has no item, a medium is not there, or an item lacks what its
            way of asking needs.
        ConfigError: for settings that contradict one another.
    """
    _check_settings(data)
    lessons = read_items(data.files, data.tasks)
    _check_media(lessons)
    return _with_context(_ways(lessons, data), data)


def _check_settings(data: DataConfig) -> None:
    writes = data.evidence_source != "truth"
    faults = {
        f"data.evidence_source is {data.evidence_source}, which needs data.response_mode=answer_from_evidence": (
            writes and data.response_mode != "answer_from_evidence"
        ),
        "data.evidence_from and data.evidence_source=generated (or mixed) need one another": (
            writes != bool(data.evidence_from)
        ),
        "data.cotasks_or_not needs data.cotasks; 1234 takes all": data.cotasks_or_not and not data.cotasks,
        f"data.cotasks_source is {data.cotasks_source}, but data.cotasks names none; 1234 takes all": (
            data.cotasks_source != "oracle" and not data.cotasks
        ),
        "data.cotasks_from and data.cotasks_source=predicted need one another": (
            (data.cotasks_source == "predicted") != bool(data.cotasks_from)
        ),
    }
    for fault, is_so in faults.items():
        if is_so:
            raise ConfigError(fault)


def read_items(files: list[str], tasks: list[str]) -> list[Lesson]:
    """All items of the files and folders, in their order; only of `tasks` where that is not empty."""
    if not files:
        raise DataError("data.files is empty: name the tao-vl-reason files or folders to train on")
    lessons = [
        Lesson(item, task_file.task_of(item), task_file.media_path(item), source=source)
        for source, path in enumerate(files)
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
    return chosen


def _task_files(path: Path) -> list[TaskFile]:
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; data.files names the tao-vl-reason files to train on")
    return read_folder(path) if path.is_dir() else [read(path)]


def _check_media(lessons: list[Lesson]) -> None:
    """Media that nothing is shown of need not be there."""
    paths = dict.fromkeys(lesson.media for lesson in lessons if shown_frames(lesson.item) != [])
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise DataError(
            f"{missing[0]}: not found, nor {len(missing) - 1} other of {len(paths)} media files; "
            "check 'media_root' in the data files"
        )


def _ways(lessons: list[Lesson], data: DataConfig) -> list[Lesson]:
    """Each lesson in each way that it is learnt."""
    if data.response_mode == "evidence":
        _check_all(lessons, lambda one: one.item.extra.get(EVIDENCE) is not None, "evidence in their data file")
        return [replace(one, way="evidence") for one in lessons]
    if data.response_mode == "answer_from_evidence":
        return _from_evidence(lessons, data)
    if data.response_mode == "explain_or_answer":
        # Without reasoning there is nothing to explain: such an item is learnt as an answer only.
        ways: list[tuple[Lesson, Way]] = [
            (one, way) for one in lessons for way in _TWO_WAYS if way == "answer" or one.item.reasoning
        ]
        return [replace(one, way=way) for one, way in ways]
    return [replace(one, way=data.response_mode) for one in lessons]


def _from_evidence(lessons: list[Lesson], data: DataConfig) -> list[Lesson]:
    """From the item's own evidence, from what a student wrote, or each item from both."""
    learnt: list[Lesson] = []
    asked = [replace(one, way="answer_from_evidence") for one in lessons]
    if data.evidence_source != "generated":
        _check_all(asked, lambda one: one.item.extra.get(EVIDENCE) is not None, "evidence in their data file")
        learnt += asked
    if data.evidence_source != "truth":
        said = {reply.item_id: reply.text for run in data.evidence_from for reply in read_replies(Path(run))}
        _check_all(asked, lambda one: id_of(one.item, one.task) in said, f"evidence in {', '.join(data.evidence_from)}")
        learnt += [
            replace(one, item=with_generated_evidence(one.item, said[id_of(one.item, one.task)])) for one in asked
        ]
    return learnt


def _check_all(lessons: list[Lesson], has: Callable[[Lesson], bool], what: str) -> None:
    lacking = [lesson for lesson in lessons if not has(lesson)]
    if lacking:
        raise DataError(
            f"{len(lacking)} of {len(lessons)} items have no {what}, the first {shown(lacking[0].item.question)} of "
            f"{lacking[0].media}; leave them out, or choose another data.response_mode or data.evidence_source"
        )


def _with_context(lessons: list[Lesson], data: DataConfig) -> list[Lesson]:
    """The lessons, with CoTasks before their questions."""
    stages = read_stages(data.cotasks)
    if not stages:
        return lessons
    said = read_predicted([Path(run) for run in data.cotasks_from]) if data.cotasks_source == "predicted" else {}
    given = CotaskContext(ContextSettings(stages, data.cotasks_source), [one.item for one in lessons], said)
    placed = [replace(one, item=given.add(one.item)) for one in lessons]
    if given.missing:
        raise DataError(
            f"data.cotasks_from: {given.missing.total()} CoTasks were not predicted, the first of stage "
            f"{min(given.missing)}; predict on all the items that are learnt"
        )
    return _both(placed, lessons) if data.cotasks_or_not else placed


def _both(placed: list[Lesson], bare: list[Lesson]) -> list[Lesson]:
    """Those with CoTasks, and without them those that have any: the first task has none before it."""
    return placed + [one for given, one in zip(placed, bare, strict=True) if given.item.question != one.item.question]
