"""The figures that closed answers have beside their mean, as a table: a row a figure, a column an arm."""

from __future__ import annotations

from collections.abc import Iterator

from evaluate.comparing.wording import interval, number
from evaluate.records import Json

# How a figure is called, and the metric in whose unit it is written: shares in per cent, others as they are.
NAMES = {
    "balanced_accuracy": ("balanced accuracy", "mcq"),
    "mean_off": ("classes off, mean", "judge"),
    "kappa": ("quadratic weighted \u03ba", "judge"),
    "exact": ("exact sets", "mcq"),
    "jaccard": ("Jaccard", "judge"),
    "precision": ("precision of labels", "mcq"),
    "recall": ("recall of labels", "mcq"),
    "r_at_0.3": ("R@0.3", "mcq"),
    "r_at_0.5": ("R@0.5", "mcq"),
    "r_at_0.7": ("R@0.7", "mcq"),
    "start_off": ("start off by, seconds", "judge"),
    "end_off": ("end off by, seconds", "judge"),
}


def exact_rows(result: Json) -> Iterator[tuple[str, str, list[str]]]:
    """Task, figure and each arm's cell; an arm that was not asked the task has a dash."""
    for task, entry in result["tasks"].items():
        arms = entry["closed_form"] or {}
        for key, (name, unit) in NAMES.items():
            cells = [_cell((arms.get(arm) or {}).get(key), unit) for arm in result["validity"]]
            if any(cell != "\u2013" for cell in cells):
                yield task, name, cells


def _cell(found: Json | None, unit: str) -> str:
    if not found or found["value"] is None:
        return "\u2013"
    bounds = f" {interval(found['ci95'], unit, signed=False)}" if found["ci95"] else ""
    return f"{number(found['value'], unit)}{bounds}"
