"""How far the same student's answers differ from run to run, where its words are drawn: one run folder a repeat.

The spread between runs is what the draws alone do; what another sample of videos would do is the interval of a run.
"""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

from demitasse.atomic import write_text
from evaluate.comparing.arm import load_arm
from evaluate.comparing.table import by_task
from evaluate.comparing.wording import number
from evaluate.records import Json, Scored
from evaluate.score import gold_faults
from evaluate.stats import proportion

REPEATS = "repeats.json"
_ROW = "  {:28}{:>7}{:>9}{:>9}{:>16}"


def folder_of(out: Path, repeat: int) -> Path:
    """The run folder of a repeat, counted from 1."""
    return out / f"repeat_{repeat}"


def write_repeats(out: Path, count: int) -> Json:
    """Write `repeats.json` beside the run folders of so many repeats, and return what it holds.

    Of each task: `means` and their `mean` and sample standard deviation `sd` (None for a judge's task), and how often
    an item's answer is the same: `same_in_all` runs, and `same_in_pairs` of runs, with intervals clustered by video. An
    answer is what was read from the reply, and where nothing could be read, the reply itself.

    Raises:
        DataError: if a run folder is not whole.
    """
    folders = [folder_of(out, repeat) for repeat in range(1, count + 1)]
    runs = [_scored(folder) for folder in folders]
    found = {"format": "demitasse-repeats-v1", "runs": [folder.name for folder in folders], "tasks": dict(_tasks(runs))}
    write_text(out / REPEATS, json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    return found


def repeats_table(found: Json) -> str:
    """A line for each task."""
    lines = [_ROW.format("task", "items", "mean", "SD", "same in all")]
    for task, one in found["tasks"].items():
        mean, spread = (number(one[name], one["metric"]) for name in ("mean", "sd"))
        lines.append(_ROW.format(task, one["items"], mean, spread, f"{one['same_in_all']['mean']:.1%}"))
    return "\n".join(lines)


def _scored(folder: Path) -> dict[str, Scored]:
    arm = load_arm(folder)
    return arm.scores(without=gold_faults(arm.items.values()))


def _tasks(runs: Sequence[dict[str, Scored]]) -> Iterator[tuple[str, Json]]:
    tables = [by_task(list(run.values())) for run in runs]
    of_task: dict[str, list[str]] = defaultdict(list)
    for item_id, row in runs[0].items():
        of_task[row.asked.task].append(item_id)
    for task, first in tables[0].items():
        means = [table[task]["mean"] for table in tables]
        there = [mean for mean in means if mean is not None]
        whole = len(there) == len(means)
        yield (
            task,
            {
                "metric": first["metric"],
                "items": first["items"],
                "means": means,
                "mean": statistics.fmean(there) if whole else None,
                "sd": statistics.stdev(there) if whole else None,
                **_same([[run[item_id] for run in runs] for item_id in of_task[task]]),
            },
        )


def _same(items: Sequence[Sequence[Scored]]) -> Json:
    """How often the answer to an item is the same, from the rows of each item in all runs."""
    videos = [rows[0].asked.video_id for rows in items]
    answers = [[_answer(row) for row in rows] for rows in items]
    in_all = [len(set(said)) == 1 for said in answers]
    in_pairs = [statistics.fmean(one == other for one, other in combinations(said, 2)) for said in answers]
    return {name: _share(values, videos) for name, values in (("same_in_all", in_all), ("same_in_pairs", in_pairs))}


def _share(values: Sequence[float], videos: Sequence[str]) -> Json:
    found = proportion(values, videos)
    return {"mean": found.mean, "ci95": found.interval}


def _answer(row: Scored) -> str:
    return json.dumps(row.value, sort_keys=True) if row.value is not None else f"reply {row.response.strip()}"
