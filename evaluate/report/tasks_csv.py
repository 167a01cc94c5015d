"""The table of tasks for a spreadsheet or a plotting script: one row a task, plain numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from demitasse.visible import one_visible_line
from evaluate.interop.cells import STARTS
from evaluate.records import Json

COLUMNS = (
    "task", "metric", "n", "videos", "before", "before_low", "before_high", "after", "after_low", "after_high", "delta",
    "delta_low", "delta_high", "p", "p_holm", "mde80", "wins", "ties", "losses", "cliffs_delta", "constant",
    "majority_class", "verdict",
)  # fmt: skip


def tasks_csv(result: Json) -> str:
    """CSV with a header. A name that a spreadsheet would run as a formula gets an apostrophe before it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_rows(result))
    return text.getvalue()


def _rows(result: Json) -> Iterator[list[object]]:
    for task, entry in result["tasks"].items():
        means = [
            cell for side in ("before", "after") for cell in (entry[side], *(entry[f"{side}_ci95"] or (None, None)))
        ]
        names = ("p", "p_holm", "mde80", "wins", "ties", "losses", "cliffs_delta", "constant")
        yield [
            _harmless(task),
            entry["metric"],
            entry["n"],
            entry["videos"],
            *means,
            entry["delta"],
            *(entry["delta_ci95"] or (None, None)),
            *(entry.get(name) for name in names),
            bool(entry["habit"] and entry["habit"]["majority"]),
            entry["verdict"],
        ]


def _harmless(task: str) -> str:
    """One line, for `csv` does not quote a bare carriage return, which begins a row. A name is no number."""
    name = one_visible_line(task)
    return f"'{name}" if name.startswith(STARTS) else name
