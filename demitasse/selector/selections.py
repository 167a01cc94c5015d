"""The file `selections.jsonl`: which frames of its video each item keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from demitasse.dataset import Item, TaskFile, rebased, write
from demitasse.dataset.item_id import id_of
from demitasse.dataset.schema import shown
from demitasse.dataset.shown_frames import with_shown_frames
from demitasse.errors import DataError
from demitasse.selector.choosing import Choice

SELECTIONS = "selections.jsonl"


@dataclass(frozen=True, slots=True)
class Selection:
    """One item's frames.

    Attributes:
        item_id, task, video_id: the item.
        sampled: how many frames were chosen from.
        times: seconds of those that are kept, ascending.
        choice: their places among the sampled ones, and how they were come by.
        reply: what the picker wrote, as it is; "" where none was asked.
    """

    item_id: str
    task: str
    video_id: str
    sampled: int
    times: tuple[float, ...]
    choice: Choice
    reply: str = ""

    def to_json(self) -> dict[str, Any]:
        """The row of `selections.jsonl`."""
        choice = self.choice
        return {
            "item_id": self.item_id,
            "task": self.task,
            "video_id": self.video_id,
            "sampled": self.sampled,
            "times": list(self.times),
            "places": list(choice.places),
            "fallback": choice.fallback,
            "clamped": choice.clamped,
            "cut": choice.cut,
            "reply": self.reply,
        }


def read_selections(run: Path) -> dict[str, Selection]:
    """The selections that `demitasse select frames --out RUN` has written, by item.

    Raises:
        DataError: if there are none, or a row is no selection.
    """
    path = run / SELECTIONS
    try:
        lines = path.read_bytes().splitlines()
    except OSError as fault:
        raise DataError(
            f"{path} cannot be read ({fault.strerror}); give a folder that `demitasse select frames` has written"
        ) from fault
    rows = [_selection(line, f"{path}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]
    return {row.item_id: row for row in rows}


def write_items(files: Sequence[TaskFile], selections: Mapping[str, Selection], folder: Path) -> int:
    """Write the same files with `shown_frames` in each item that has a selection, and without those that have none.

    Returns how many items there are. They can be trained on, asked about and looked at as any others.
    """
    written = 0
    for file in files:
        kept = [item for item in file.items if id_of(item, file.task_of(item)) in selections]
        moved = rebased(file, folder)
        moved.items = [_shown(item, file, selections) for item in kept]
        if moved.items and moved.path is not None:
            write(moved.path, moved)
        written += len(kept)
    return written


def _shown(item: Item, file: TaskFile, selections: Mapping[str, Selection]) -> Item:
    return with_shown_frames(item, selections[id_of(item, file.task_of(item))].times)


def _selection(line: bytes, where: str) -> Selection:
    try:
        row = orjson.loads(line)
        times = [float(time) for time in row["times"]]
        choice = Choice(tuple(map(int, row["places"])), str(row["fallback"]), int(row["clamped"]), int(row["cut"]))
        item_id, task, video_id = (str(row[name]) for name in ("item_id", "task", "video_id"))
        return Selection(item_id, task, video_id, int(row["sampled"]), tuple(times), choice, str(row["reply"]))
    except (ValueError, KeyError, TypeError) as fault:
        raise DataError(f"{where} is {shown(line.decode('utf-8', 'replace'))}, no selection ({fault!r})") from fault
