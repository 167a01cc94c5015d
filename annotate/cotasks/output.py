"""What a run from annotation leaves: the CoTasks of every question, items to train and ask, and what was left out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from annotate.cotasks.items import TASKS
from annotate.task_files import Envelope, write_task_file
from demitasse.atomic import write_text
from demitasse.cotasks.record import CoTasks
from demitasse.dataset import Item

COTASKS, ITEMS, LEFT_OUT, SUMMARY = "cotasks.jsonl", "items", "left_out.jsonl", "summary.json"
RESOLVED = "cotasks.yaml"  # the settings of a run from annotation
_DESCRIPTIONS = {
    "cotask_frames": "CoTask 1: the moments and entities that a question needs.",
    "cotask_entities": "CoTask 2: where the entities are at these moments.",
    "cotask_spatial": "CoTask 3: how the entities stand to one another at these moments.",
    "cotask_temporal": "CoTask 4: what the entities do around these moments, in order.",
    "mcq": "The questions themselves, with options.",
    "open_qa": "The questions themselves, without options.",
}


@dataclass(frozen=True, slots=True)
class Made:
    """One question, done: its CoTasks, where they come from, its items by task, and what was odd in its annotation."""

    cotasks: CoTasks
    type: str
    provenance: Mapping[str, Any]
    items: Mapping[str, Item]


@dataclass
class Results:
    """What came of all questions; `left_out` is (which, why), `notes` what was odd in the annotation and how often."""

    made: list[Made] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)


def write_results(folder: Path, results: Results, settings: Mapping[str, Any], envelope: Envelope) -> dict[str, Any]:
    """Write a folder of results; returns the summary.

    Raises:
        DataError: if a file of another task stands in the way.
    """
    rows = (made.cotasks.to_json() | {"provenance": dict(made.provenance)} for made in results.made)
    write_text(folder / COTASKS, _lines(rows))
    for task in TASKS:
        items = [made.items[task] for made in results.made if task in made.items]
        write_task_file(folder / ITEMS / f"{task}.json", task, items, _DESCRIPTIONS[task], envelope)
    write_text(folder / LEFT_OUT, _lines({"what": what, "why": why} for what, why in results.left_out))
    summary = summarise(results, settings)
    write_text(folder / SUMMARY, json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    return summary


def summarise(results: Results, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Counts of everything: each question is done or left out, and for a reason."""
    made = results.made
    return {
        "questions": len(made) + len(results.left_out),
        "done": len(made),
        "left_out": len(results.left_out),
        "left_out_why": _counted(why for _, why in results.left_out),
        "by_type": _counted(one.type for one in made),
        "sources": {
            stage: _counted(one.cotasks.sources.get(stage, "") for one in made)
            for stage in dict.fromkeys(key for one in made for key in one.cotasks.sources)
        },
        "program_executes": _counted(str(one.provenance["executes"]) for one in made if "executes" in one.provenance),
        "without": {
            part: sum(not getattr(one.cotasks, part) for one in made) for part in ("sightings", "relations", "events")
        },
        "annotation_notes": dict(sorted(results.notes.items())),
        "items": {task: count for task in TASKS if (count := sum(task in one.items for one in made))},
        "settings": dict(settings),
    }


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(values).most_common())


def _lines(rows: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
