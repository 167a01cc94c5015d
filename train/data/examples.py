"""Lessons as encoded examples, and what could not be read among them.

A medium that breaks in the middle of a run costs its item and nothing else: no other item is put in its place, so the
order stays what the seed says, and what was left out is counted, named in `unreadable.jsonl`, and bounded.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from demitasse.atomic import write_text
from demitasse.dataset.item_id import id_of
from demitasse.errors import DataError, MediaError
from demitasse.student.encode import Encoded, Encoder
from demitasse.student.sight import Sight
from train.data.lessons import Lesson

UNREADABLE = "unreadable.jsonl"


@dataclass(frozen=True, slots=True)
class Example:
    """Lesson number `place`, encoded; where that failed, `encoded` is None and `fault` says why."""

    place: int
    encoded: Encoded | None
    fault: str = ""


class Examples(Dataset[Example]):
    """Lessons, encoded one at a time."""

    def __init__(self, lessons: list[Lesson], encoder: Encoder, sight: Sight) -> None:
        self._lessons = lessons
        self._encoder = encoder
        self._sight = sight

    def __len__(self) -> int:
        return len(self._lessons)

    def __getitem__(self, index: int) -> Example:
        """The example of a lesson; what the item itself is at fault for becomes its `fault`."""
        lesson = self._lessons[index]
        try:
            clip = self._sight.show(lesson.item, lesson.media)
            return Example(index, self._encoder.example(lesson.item, clip, lesson.way))
        except (MediaError, DataError) as fault:
            return Example(index, None, str(fault))


class Unreadable:
    """The items that nothing was learnt from: one row each in `unreadable.jsonl`, and an end when they are too many.

    Every process holds the same; only the main one writes.
    """

    def __init__(self, lessons: list[Lesson], most: float, folder: Path, writes: bool) -> None:
        self._lessons = lessons
        self._most = most
        self._path = folder / UNREADABLE
        self._writes = writes
        self._rows: dict[int, dict[str, Any]] = {}
        if writes:
            self._path.unlink(missing_ok=True)  # of an attempt that got to no checkpoint

    def __len__(self) -> int:
        return len(self._rows)

    def note(self, step: int, faults: Iterable[tuple[int, str]]) -> None:
        """Add the lessons (place, reason) that failed in a step; one that failed before is not named again.

        Raises:
            DataError: if more than `data.max_unreadable` of all items have failed.
        """
        new = {place: reason for place, reason in faults if place not in self._rows}
        for place, reason in sorted(new.items()):
            lesson = self._lessons[place]
            item, media = id_of(lesson.item, lesson.task), str(lesson.media)
            self._rows[place] = {"step": step, "item": item, "media": media, "reason": reason}
        if new and self._writes:
            self._write()
        if len(self._rows) > self._most * len(self._lessons):
            first = next(iter(self._rows.values()))
            raise DataError(
                f"{len(self._rows)} of {len(self._lessons)} items could not be read, the first: {first['reason']}; "
                f"see {self._path}, mend them or leave them out, or raise data.max_unreadable "
                f"(now {self._most:g}, a share of all items)"
            )

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps of it."""
        return {"rows": list(self._rows.items())}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up a checkpoint's state; what was written after it is met again."""
        self._rows = dict(state["rows"])
        if self._writes and self._rows:
            self._write()

    def _write(self) -> None:
        write_text(self._path, "".join(json.dumps(row) + "\n" for row in self._rows.values()))
