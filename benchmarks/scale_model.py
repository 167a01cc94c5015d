"""What 1,000 to 100,000,000 videos cost: the table of docs/scale.md, from what docs/scale_measured.yaml records.

python benchmarks/scale_model.py
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

RECORD = Path(__file__).resolve().parents[1] / "docs" / "scale_measured.yaml"
VIDEOS = (10**3, 10**5, 10**8)


@dataclass(frozen=True)
class Line:
    """A line of the table: what a video costs in one part, in seconds of CPU, bytes of memory, of disk, or dollars."""

    part: str
    each: float
    unit: str


WHAT = {
    "append": "a journal's row of 1 kB, written",
    "resume": "a journal's row, read and indexed as a run goes on",
    "merge": "a row of four shards, united",
    "engine": "a record through six steps that answer at once, rows written",
    "inputs": "a video that is found in a folder",
    "decode": "a second of 1280 × 720 at 30 frames a second, one frame of it taken",
    "validate": "an item",
    "split": "an item, both sides written",
    "predict": "an item, asked of a student that answers at once",
    "judge": "a reply, graded by the scripted judge in this process",
    "compare": "an item of two runs: read, scored, compared, reported",
}


def parts_table(recorded: dict[str, Any]) -> str:
    """The first table of docs/scale.md: what was measured."""
    rows = ["| part | of what | CPU each | memory each | tried up to |", "|---|---|---|---|---|"]
    for part, what in WHAT.items():
        told = recorded["parts"][part]
        memory = shown(told["memory"], "B") if part != "decode" else "one video's frames"
        rows.append(f"| {part} | {what} | {shown(told['seconds'], 's')} | {memory} | {told['count']:,.0f} |")
    return "\n".join(rows)


def table(recorded: dict[str, Any]) -> str:
    """The table of docs/scale.md, from what is recorded in docs/scale_measured.yaml."""
    rows = [f"| a video of a minute | each | {' | '.join(f'{count:,}' for count in VIDEOS)} |", "|---|---|---|---|---|"]
    for line in model(recorded):
        cells = [shown(line.each * count, line.unit) for count in (1, *VIDEOS)]
        rows.append(f"| {line.part} | {' | '.join(cells)} |")
    return "\n".join(rows)


def model(recorded: dict[str, Any]) -> list[Line]:
    """What each part costs a video: its rows, replies and items times what each of them costs."""
    video, parts = recorded["video"], recorded["parts"]
    rows = video["rows"] + video["replies"]

    def of(part: str, count: float, name: str = "seconds") -> float:
        return float(parts[part][name]) * count

    items = video["items"]
    waiting = video["requests"] * video["latency"] / video["concurrency"]
    return [
        Line("`annotate`: CPU, all in", video["cpu"], "CPU s"),
        Line(f"`annotate`: waiting, {video['concurrency']} in flight", waiting, "s"),
        Line("`annotate`: teachers' price", video["dollars"], "$"),
        Line("`annotate`: the list of videos, memory", of("inputs", 1, "memory"), "B"),
        Line("results folder: disk", video["bytes"], "B"),
        Line("going on where nothing is left to ask", video["again"], "CPU s"),
        Line("going on: of that, journals read", of("resume", rows), "CPU s"),
        Line("going on: memory", of("resume", rows, "memory"), "B"),
        Line("`data merge` of shards", of("merge", rows), "CPU s"),
        Line("`data validate`", of("validate", items), "CPU s"),
        Line("`data validate`: memory", of("validate", items, "memory"), "B"),
        Line("`data split`", of("split", items), "CPU s"),
        Line("`data split`: memory", of("split", items, "memory"), "B"),
        Line("`predict`: decoding, each video once", of("decode", video["seconds"]), "CPU s"),
        Line("`predict`: all but decoding and the student", of("predict", items), "CPU s"),
        Line("`predict`: memory", of("predict", items, "memory"), "B"),
        Line("`judge`: all but the judge", of("judge", video["judged"]), "CPU s"),
        Line("`judge`: memory", of("judge", video["judged"], "memory"), "B"),
        Line("`compare` of two runs", of("compare", items), "CPU s"),
        Line("`compare`: memory", of("compare", items, "memory"), "B"),
    ]


def shown(value: float, unit: str) -> str:
    """A quantity with two figures, in the unit in which it is read best."""
    if unit == "$":
        return f"${_two(value)}"
    steps = [("B", 1), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12)]
    if unit != "B":
        steps = [
            ("µs", 1e-6),
            ("ms", 1e-3),
            ("s", 1),
            ("min", 60),
            ("h", 3600),
            ("days", 86400),
            ("years", 86400 * 365),
        ]
    name, size = max((step for step in steps if step[1] <= value * 1.005), key=lambda step: step[1], default=steps[0])
    return f"{_two(value / size)} {name}"


def _two(value: float) -> str:
    """Two figures, and no exponent."""
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:g}"


if __name__ == "__main__":
    found = yaml.safe_load(RECORD.read_text(encoding="utf-8"))
    print(f"{parts_table(found)}\n\n{table(found)}")
