"""One run's scores as a table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from evaluate.metric import METRICS
from evaluate.records import Scored
from evaluate.summary import summarise
from evaluate.wording import interval, number

_ROW = "  {:28}{:>7}{:>9}  {:18}{}"


def score_table(rows: Sequence[Scored]) -> str:
    """A line for each task: items, mean with interval, and faults by kind."""
    lines = [_ROW.format("task", "items", "mean", "95 %", "faults").rstrip()]
    order = list(METRICS)
    for metric, task in sorted({(order.index(row.metric), row.asked.task) for row in rows}):
        found = summarise([row for row in rows if row.asked.task == task], METRICS[order[metric]])
        mean, bounds = number(found["mean"], order[metric]), interval(found["ci95"], order[metric], signed=False)
        faults = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in sorted(found["faults"].items()))
        lines.append(_ROW.format(task, found["items"], mean, bounds, faults).rstrip())
    return "\n".join(lines)
