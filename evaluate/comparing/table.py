"""One run's scores as a table for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from demitasse.visible import one_visible_line
from evaluate.comparing.boxes import FIGURES as BOX_FIGURES
from evaluate.comparing.closed_form import closed_form, closed_form_lines
from evaluate.comparing.cotasks import FIGURES as COTASK_FIGURES
from evaluate.comparing.groups import by_group
from evaluate.comparing.summary import summarise
from evaluate.comparing.text_overlap import overlap_line, text_overlap
from evaluate.comparing.wording import box_counts, figures_line, interval, number
from evaluate.metric import GROUNDING, METRICS
from evaluate.records import Scored

_ROW = "  {:28}{:>7}{:>9}  {:18}{}"


def by_task(rows: Sequence[Scored]) -> dict[str, dict[str, Any]]:
    """Each task's summary and the name of its metric, in the order of the metrics."""
    return dict(_tasks(rows))


def _tasks(rows: Sequence[Scored]) -> Iterator[tuple[str, dict[str, Any]]]:
    order = list(METRICS)
    for metric, task in sorted({(order.index(row.metric), row.asked.task) for row in rows}):
        of_task = [row for row in rows if row.asked.task == task]
        groups = by_group(of_task, METRICS[order[metric]])
        found = {"metric": order[metric], **summarise(of_task, METRICS[order[metric]])}
        found |= {"groups": groups} if groups else {}
        closed = closed_form(of_task, METRICS[order[metric]])
        yield task, found | ({"closed_form": closed} if closed else {}) | text_overlap(of_task)


def score_table(rows: Sequence[Scored]) -> str:
    """A line for each task: items, mean with interval, and faults by kind; and of boxes and CoTasks, their figures."""
    lines = [_ROW.format("task", "items", "mean", "95 %", "faults").rstrip()]
    for task, found in by_task(rows).items():
        mean, bounds = number(found["mean"], found["metric"]), interval(found["ci95"], found["metric"], signed=False)
        faults = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in sorted(found["faults"].items()))
        lines.append(_ROW.format(one_visible_line(task), found["items"], mean, bounds, faults).rstrip())
        if found["bounds"] and found["judged"]:
            ends = " to ".join(number(end, found["metric"]) for end in found["bounds"])
            lines.append(f"    {found['unscored']} unscored by the judge: whatever they deserve, the mean is {ends}")
        if "boxes" in found:
            lines.append(f"    {box_counts(found['boxes'])}")
            lines.append(f"    {figures_line(found['boxes'], BOX_FIGURES, GROUNDING.name)}")
        if "figures" in found:
            lines.append(f"    {figures_line(found['figures'], COTASK_FIGURES[found['metric']], found['metric'])}")
        lines += [f"    {line}" for line in closed_form_lines(found.get("closed_form", {}), found["metric"])]
        if "text_overlap" in found:
            lines.append(f"    {overlap_line(found['text_overlap'])}")
        lines += _group_lines(found.get("groups"), found["metric"])
    return "\n".join(lines)


def _group_lines(groups: dict[str, Any] | None, metric: str) -> Iterator[str]:
    """A line for each kind of question, and the mean over kinds."""
    if not groups:
        return
    for kind, found in groups["each"].items():
        name, cells = f"  {one_visible_line(kind)}", _cells(found["mean"], found["ci95"], metric)
        yield _ROW.format(name, found["items"], *cells, "").rstrip()
    over, kinds = _cells(groups["macro"], groups["macro_ci95"], metric), len(groups["each"])
    yield _ROW.format(f"  mean over {kinds} {groups['by']}s", "", *over, "").rstrip()


def _cells(mean: float | None, bounds: Sequence[float] | None, metric: str) -> tuple[str, str]:
    return number(mean, metric), interval(bounds, metric, signed=False)
