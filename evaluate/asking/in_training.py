"""A student is asked and scored while it learns, by the code of `demitasse predict` and `demitasse score`.

Nothing is saved or loaded: the model that learns is asked, and left as it was, its mode and all random numbers. Each
round is a run folder like any other, so `demitasse score` on it prints the numbers that training has seen.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from demitasse.dataset import Item, TaskFile, read, read_folder
from demitasse.dataset.item_id import id_of
from demitasse.errors import DataError
from demitasse.student.cotask_context import ContextSettings, read_stages
from demitasse.student.generate import Answerer
from demitasse.student.load import Student
from demitasse.student.modes import CotaskSource
from demitasse.student.sight import Sight
from evaluate.asking.predict import predict
from evaluate.asking.preparation import Asking, Preparation
from evaluate.asking.student import StudentSettings
from evaluate.asking.team import Left, Team
from evaluate.comparing.arm import load_arm
from evaluate.comparing.keyed import take_apart
from evaluate.comparing.table import by_task
from evaluate.metric import METRICS, metric_for
from evaluate.records import Asked, Fault, Json, Scored, write_rows
from evaluate.score import gold_faults

if TYPE_CHECKING:
    from accelerate import Accelerator

COLUMNS = ("task", "about", "question", "answer", "reference", "score", "fault")
SCORES = "scores.jsonl"


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Which items are asked, and how.

    Attributes:
        files: tao-vl-reason files, or folders of them.
        tasks: only these; empty for all.
        items: at most so many, the same ones each time; 0 takes all.
        batch_size: items asked at once, in each process.
        cotasks, cotasks_source, cotasks_from: put before each question, as `demitasse predict` takes them.
        samples: so many items are reported with what was answered.
    """

    files: Sequence[str]
    tasks: Sequence[str] = ()
    items: int = 0
    batch_size: int = 8
    cotasks: str = ""
    cotasks_source: CotaskSource = "oracle"
    cotasks_from: Sequence[str] = ()
    samples: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """A round in figures, and some of its items as the cells of a table with `columns`."""

    figures: Json
    cells: list[list[str | float | None]]
    columns: tuple[str, ...] = COLUMNS


class Evaluator:
    """Asks one fixed set of items, again and again.

    Args:
        student: the one that learns; adapters in its layers are asked with it.
        sight: what shows it the items, as in training.
        settings: how it is asked; `model` is the folder of the run.
        held_out: the items.
        key: what makes the run this run; with the step, it stands for the weights in `run.json`.
        learner: the prepared module that trains the student.
        accelerator: of the run; all of its processes call alike, and share the items out.

    Raises:
        DataError: for files that cannot be read, or a reference that cannot be scored against.
    """

    def __init__(
        self,
        student: Student,
        sight: Sight,
        settings: StudentSettings,
        held_out: HeldOut,
        key: str,
        learner: Any,
        accelerator: Accelerator,
    ) -> None:
        self._held_out = held_out
        self._answerer = Answerer(student, sight, settings.max_new_tokens, settings.mode)
        self._name = str(settings.model)
        self._learner, self._accelerator = learner, accelerator
        self._files = questions(held_out)
        stages = ContextSettings(read_stages(held_out.cotasks), held_out.cotasks_source)
        context = Asking(stages, tuple(map(Path, held_out.cotasks_from)))
        self._settings = settings.shown() | {"model": key, "decoding": "greedy"} | context.record()
        self._preparation = Preparation(context, self._files)

    @property
    def items(self) -> int:
        """How many items are asked."""
        return sum(len(file.items) for file in self._files)

    @property
    def figures(self) -> list[str]:
        """The names of the figures that a round reports and that can be compared: the more, the better."""
        return figures_in(self._files)

    def __call__(self, folder: Path, step: int, stop: Callable[[], bool]) -> Report | None:
        """Ask and score in `folder`, going on with what is there; None if it was left half done.

        Args:
            folder: of this round.
            step: of the training; part of who is asked.
            stop: asked before each batch, in all processes at once, whether to leave it half done.

        Raises:
            ConfigError: if the folder holds answers to other questions.
        """
        with asked_only(self._answerer.student.model):
            team = Team(self._answerer, self._learner, self._accelerator, stop)
            return team.lead(lambda: self._round(team, folder, step))

    def _round(self, student: Team, folder: Path, step: int) -> Report | None:
        try:
            predict(
                lambda: student,
                self._files,
                folder,
                self._name,
                self._settings | {"step": step},
                self._held_out.batch_size * self._accelerator.num_processes,
                prepare=self._preparation,
            )
        except Left:
            return None
        rows = list(load_arm(folder).scores().values())
        write_rows(folder / SCORES, [row.to_json() for row in rows])
        return Report(figures_of(rows), _cells(rows, self._held_out.samples))


def questions(held_out: HeldOut) -> list[TaskFile]:
    """What is asked; known before a student is there.

    Raises:
        DataError: for files that cannot be read, or a reference that cannot be scored against.
    """
    files = chosen(_read(held_out.files), held_out.tasks, held_out.items)
    for fault in gold_faults(_parts(files)).values():
        raise DataError(f"validate.files: {fault}; mend that item or leave it out")
    return files


def figures_in(files: Sequence[TaskFile]) -> list[str]:
    """The names of the figures that a round on these items reports and that can be compared."""
    found = set(map(metric_for, _parts(files))) - {METRICS["judge"]}
    return [*(["score"] if found else []), *sorted(metric.key for metric in found), "parse_rate"]


def figures_of(rows: Sequence[Scored]) -> Json:
    """The figures of a round, as `demitasse score` has them.

    Each metric's mean over its tasks under its name (`mcq_accuracy`, ...), `score` their mean, `parse_rate` the
    share of replies that an answer could be read from, and the numbers of items and of those among them that could not
    be asked. Free text needs a judge, who is not asked here: it counts in `parse_rate` only.
    """
    of_tasks = defaultdict(list)
    for found in by_task(rows).values():
        if found["metric"] != "judge" and found["mean"] is not None:
            of_tasks[METRICS[found["metric"]].key].append(found["mean"])
    means = {key: sum(own) / len(own) for key, own in of_tasks.items()}
    faults = Counter(row.fault for row in rows)
    score = {"score": sum(means.values()) / len(means)} if means else {}
    read = (faults[None] + faults[Fault.NOT_JUDGED]) / len(rows)
    return score | means | {"parse_rate": read, "items": len(rows), "unreadable": faults[Fault.ERROR]}


def chosen(files: Sequence[TaskFile], tasks: Sequence[str], items: int) -> list[TaskFile]:
    """The files with only the items to be asked: of `tasks`, and at most `items`, as many of each task as there can be.

    Which ones depends on the items alone, not on their order.

    Raises:
        DataError: if a task has no item, or there is none at all.
    """
    by_name: dict[str, dict[str, int]] = defaultdict(dict)
    for file in files:
        for item in file.items:
            task = file.task_of(item)
            if not tasks or task in tasks:
                by_name[task][id_of(item, task)] = 0
    absent = [task for task in tasks if task not in by_name]
    if absent or not by_name:
        known = sorted({file.task_of(item) for file in files for item in file.items})
        raise DataError(
            f"validate.tasks: no item of task '{absent[0]}' in validate.files; there are {known}; [] takes all"
            if absent
            else "validate.files: there is no item in them"
        )
    # Ids are hashes of what is asked: their hashes are an order that no file and no file's author decides.
    ranked = [sorted(ids, key=lambda one: hashlib.sha256(one.encode()).digest()) for _, ids in sorted(by_name.items())]
    turns = [one for one in chain.from_iterable(zip_longest(*ranked)) if one is not None]
    taken = set(turns[: items or None])
    left = (replace(file, items=[one for one in file.items if _id(file, one) in taken]) for file in files)
    return [file for file in left if file.items]


def _id(file: TaskFile, item: Item) -> str:
    return id_of(item, file.task_of(item))


def _asked(file: TaskFile, item: Item) -> Asked:
    return Asked(_id(file, item), file.task_of(item), item.media_id, item.question, item.answer, item.extra)


def _parts(files: Sequence[TaskFile]) -> Iterator[Asked]:
    """What is scored of the files' items: of those that answer several keys, each key."""
    items = (_asked(file, item) for file in files for item in file.items)
    return (part for asked in items for part in take_apart({asked.item_id: asked}).values())


def _read(paths: Sequence[str]) -> list[TaskFile]:
    files = []
    for path in map(Path, paths):
        if not path.exists():
            raise DataError(f"{path}: no such file or folder; validate.files names the files to ask from")
        files += read_folder(path) if path.is_dir() else [read(path)]
    return files


def _cells(rows: Sequence[Scored], samples: int) -> list[list[str | float | None]]:
    """Some of the rows for a table, spread over the tasks: the same ones in every round."""
    ranked: dict[str, list[Scored]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: hashlib.sha256(row.asked.item_id.encode()).digest()):
        ranked[row.asked.task].append(row)
    turns = [row for row in chain.from_iterable(zip_longest(*ranked.values())) if row is not None]
    return [
        [
            row.asked.task,
            row.asked.video_id,
            row.asked.question,
            row.response,
            row.asked.reference,
            row.score,
            row.fault.value if row.fault else "",
        ]
        for row in turns[:samples]
    ]


@contextmanager
def asked_only(model: Any) -> Iterator[None]:
    """While entered, the model is in eval mode and not compiled; then every module is in the mode that it was in.

    Random numbers go on from where they were, so that a run learns the same whether or not it is asked in between.
    """
    training = [module for module in model.modules() if module.training]
    states = random.getstate(), np.random.get_state()
    model.eval()
    try:
        # Prompts of every length would be compiled for, each for one use.
        with torch.random.fork_rng(), torch.compiler.set_stance("force_eager"):
            yield
    finally:
        for module in training:
            module.training = True
        random.setstate(states[0])
        np.random.set_state(states[1])
