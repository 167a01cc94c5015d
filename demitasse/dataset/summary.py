"""What a dataset holds, counted: for a person to look over before anything is trained."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from demitasse.answers import read_options
from demitasse.dataset.dialect import GROUNDING, read_boxes_answer, read_choice, read_verdict
from demitasse.dataset.envelope import Item, TaskFile
from demitasse.errors import DataError


def stats(files: Iterable[TaskFile]) -> dict[str, Any]:
    """Counts over dataset files, JSON-able.

    Returns:
        `files`, `items`, `videos`, `images` (distinct media), and under `tasks`, by task: `items`, `media`,
        `with_reasoning`, mean words of `question_words`, `answer_words`, `reasoning_words`, and for mcq, bcq and
        grounding `answers`: how often each letter, verdict or number of boxes is right, "unreadable" where it cannot
        be told.
    """
    files = list(files)
    by_task: defaultdict[str, list[tuple[TaskFile, Item]]] = defaultdict(list)
    for task_file in files:
        for item in task_file.items:
            by_task[task_file.task_of(item)].append((task_file, item))
    pairs = [pair for group in by_task.values() for pair in group]
    return {
        "files": len(files),
        "items": len(pairs),
        "videos": _distinct([pair for pair in pairs if pair[1].video_id is not None]),
        "images": _distinct([pair for pair in pairs if pair[1].image_id is not None]),
        "tasks": {task: _task_stats(task, group) for task, group in sorted(by_task.items())},
    }


def _task_stats(task: str, pairs: list[tuple[TaskFile, Item]]) -> dict[str, Any]:
    items = [item for _, item in pairs]
    reasoned = [item.reasoning for item in items if item.reasoning]
    counts: dict[str, Any] = {
        "items": len(items),
        "media": _distinct(pairs),
        "with_reasoning": len(reasoned),
        "question_words": _mean_words([item.question for item in items]),
        "answer_words": _mean_words([item.answer for item in items]),
        "reasoning_words": _mean_words(reasoned),
    }
    if task in ("mcq", "bcq", GROUNDING):
        counts["answers"] = dict(sorted(Counter(_closed_answer(task, item) for item in items).items()))
    return counts


def _closed_answer(task: str, item: Item) -> str:
    try:
        if task == "mcq":
            return read_choice(item.answer, read_options(item.question)).value
        if task == GROUNDING:
            boxes = len(read_boxes_answer(item.answer))
            return f"{boxes} box" if boxes == 1 else f"{boxes} boxes"
        return read_verdict(item.answer).value
    except DataError:
        return "unreadable"


def _distinct(pairs: list[tuple[TaskFile, Item]]) -> int:
    return len({_place(task_file, item) for task_file, item in pairs})


def _place(task_file: TaskFile, item: Item) -> str:
    folder = str(task_file.path.parent) if task_file.path else ""
    return os.path.normpath(os.path.join(folder, task_file.media_root or "", item.media_id))


def _mean_words(texts: list[str]) -> float:
    return round(sum(len(text.split()) for text in texts) / len(texts), 1) if texts else 0.0
