"""The statistics that VideoEspresso's paper gives of its data (Figures 3, 4 and 12), of any dataset with evidence.

Per task (`sub_task`) and over all: how far core frames lie apart, how many key items the evidence names, how long
questions and answers are, and how much longer the right option is than the longest wrong one. Lengths count words,
because the paper does not say which tokens it counts. What an item does not tell is not guessed: each number says how
many items tell it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from demitasse.dataset import Item, TaskFile
from demitasse.dataset.dialect import read_choice, read_question
from demitasse.dataset.evidence import ESPRESSO_TASKS, SUB_TASK, CoreFrame, core_frames_of, evidence_of
from demitasse.errors import DataError
from demitasse.interchange.frame_names import source_seconds
from demitasse.interchange.picture_videos import source_frames


class Measure(NamedTuple):
    """One number of an item. `edges` part its histogram: bin i is [edges[i-1], edges[i]), the outer ones are open."""

    title: str
    edges: tuple[float, ...]
    is_count: bool = True


_WORDS = (5, 10, 15, 20, 25, 30, 40, 50, 75, 100)
MEASURES: dict[str, Measure] = {
    "core_frames": Measure("core frames", (1, 2, 3, 4, 5, 6, 8, 10)),
    "seconds_apart": Measure("seconds between core frames", (0.5, 1, 2, 3, 5, 10, 20, 50, 100), is_count=False),
    "frames_apart": Measure("frames between core frames", (10, 25, 50, 100, 200, 400, 800, 1600)),
    "key_items": Measure("key items", (1, 2, 3, 4, 5, 6, 8, 10)),
    "question_words": Measure("words of the question", _WORDS),
    "answer_words": Measure("words of the answer", _WORDS),
    "words_over_longest": Measure(
        "words of the right option minus those of the longest wrong one", (-20, -10, -5, -2, 0, 1, 3, 6, 11, 21)
    ),
}


def profile(files: Iterable[TaskFile]) -> dict[str, Any]:
    """The statistics, JSON-able.

    Returns:
        `overall` and `tasks` by name, in the paper's order and then by the alphabet. Each has `items`,
        `right_is_longest` (among how many items with options the right one is strictly the longest: `count`, `of`) and
        by the names of `MEASURES`: `n` values of `items` items, `mean`, `sd`, `median`, `p10`, `p90`, `min`, `max`
        (absent where n is 0) and a `histogram` of `edges` and `counts`, one more than the edges.

    Raises:
        DataError: if an item's evidence or core frames are malformed; the message names it.
    """
    groups: defaultdict[str, list[dict[str, list[float]]]] = defaultdict(list)
    for file in files:
        for index, item in enumerate(file.items):
            try:
                groups[str(item.extra.get(SUB_TASK) or "")].append(_measured(item, file.task_of(item)))
            except DataError as fault:
                raise DataError(f"{file.path}: items[{index}].{fault}") from fault
    paper = [name for name, _ in ESPRESSO_TASKS]
    order = sorted(groups, key=lambda name: (paper.index(name) if name in paper else len(paper), name))
    return {
        "overall": _summary([one for name in order for one in groups[name]]),
        "tasks": {name: _summary(groups[name]) for name in order},
    }


def _measured(item: Item, task: str) -> dict[str, list[float]]:
    """An item's values by measure: none where it does not tell, several where there are several gaps."""
    frames, evidence = core_frames_of(item), evidence_of(item)
    stem, answer, wrong = _texts(item, task)
    return {
        "core_frames": [len(frames)] if frames else [],
        "seconds_apart": _gaps([_seconds(frame) for frame in source_frames(item)]),
        "frames_apart": _gaps([frame.frame for frame in frames]),
        "key_items": [len(evidence.key_items)] if evidence else [],
        "question_words": [_words(stem)],
        "answer_words": [_words(answer)],
        "words_over_longest": [_words(answer) - max(map(_words, wrong))] if wrong else [],
    }


def _texts(item: Item, task: str) -> tuple[str, str, list[str]]:
    """The question alone, the answer in full (the right option's text), and the wrong options."""
    if task != "mcq":
        return item.question, item.answer, []
    question = read_question(item.question, "mcq")
    letter = read_choice(item.answer, question.options).value
    wrong = [text for name, text in question.options.items() if name != letter]
    return question.stem, question.options[letter], wrong


def _seconds(frame: CoreFrame) -> float | None:
    """A time to take differences of: in the video, or in the episode that the frame's name tells of."""
    return frame.time if frame.time is not None or frame.path is None else source_seconds(frame.path)


def _gaps(places: Sequence[float | None]) -> list[float]:
    known = [place for place in places if place is not None]
    return [abs(later - earlier) for earlier, later in pairwise(known)] if len(known) == len(places) else []


def _words(text: str) -> int:
    return len(text.split())


def _summary(measured: Sequence[Mapping[str, list[float]]]) -> dict[str, Any]:
    summary: dict[str, Any] = {"items": len(measured)}
    for name, measure in MEASURES.items():
        told = [one[name] for one in measured if one[name]]
        summary[name] = {"items": len(told)} | _spread([value for one in told for value in one], measure.edges)
    over = [value for one in measured for value in one["words_over_longest"]]
    summary["right_is_longest"] = {"count": sum(value > 0 for value in over), "of": len(over)}
    return summary


def _spread(values: Sequence[float], edges: Sequence[float]) -> dict[str, Any]:
    counts = [0] * (len(edges) + 1)
    for value in values:
        counts[bisect_right(edges, value)] += 1
    spread: dict[str, Any] = {"n": len(values), "histogram": {"edges": list(edges), "counts": counts}}
    if values:
        p10, median, p90 = np.percentile(values, (10, 50, 90)).tolist()
        moments = {"mean": float(np.mean(values)), "sd": float(np.std(values))}
        numbers = moments | {"p10": p10, "median": median, "p90": p90, "min": min(values), "max": max(values)}
        spread |= {name: round(number, 3) for name, number in numbers.items()}
    return spread
