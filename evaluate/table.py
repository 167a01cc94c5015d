"""One run's scores as a table for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from evaluate.metric import METRICS
from evaluate.records import Scored
from evaluate.summary import summarise
from evaluate.wording import box_counts, box_figures, interval, number

_ROW = "  {:28}{:>7}{:>9}  {:18}{}"


def by_task(rows: Sequence[Scored]) -> dict[str, dict[str, Any]]:
    """Each task's summary and the name of its metric, in the order of the metrics."""
    return dict(_tasks(rows))


def _tasks(rows: Sequence[Scored]) -> Iterator[tuple[str, dict[str, Any]]]:
    order = list(METRICS)
    for metric, task in sorted({(order.index(row.metric), row.asked.task) for row in rows}):
        of_task = [row for row in rows if row.asked.task == task]
        yield task, {"metric": order[metric], **summarise(of_task, METRICS[order[metric]])}


def score_table(rows: Sequence[Scored]) -> str:
    """A line for each task: items, mean with interval, and faults by kind; and of grounding, its boxes."""
    lines = [_ROW.format("task", "items", "mean", "95 %", "faults").rstrip()]
    for task, found in by_task(rows).items():
        mean, bounds = number(found["mean"], found["metric"]), interval(found["ci95"], found["metric"], signed=False)
        faults = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in sorted(found["faults"].items()))
        lines.append(_ROW.format(task, found["items"], mean, bounds, faults).rstrip())
        if "boxes" in found:
            lines += [f"    {write(found['boxes'])}" for write in (box_counts, box_figures)]
    return "\n".join(lines)
