"""The decisions on one folder, as they are taken: every one is on the disk before the page hears that it is."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from demitasse.engine.journal import Journal
from demitasse.engine.lock import lock_results
from demitasse.errors import DataError
from demitasse.view.contents import Entry, Review
from demitasse.view.edits import EDITS, Edit, Key, item_name, read_edits, text_hash
from demitasse.view.faults import change_faults

LOCK = "REVIEW.LOCK"


class EditStore:
    """Takes decisions about the items of a review and appends them to `edits.jsonl`.

    Args:
        review: what is decided on.
        folder: gets the file.
        who: the person, as their rows name them.

    Raises (on entering):
        DemitasseError: naming the process of the person who is already deciding on this folder.
        DataError: if `edits.jsonl` is damaged.
    """

    def __init__(self, review: Review, folder: Path, who: str) -> None:
        self._folder = folder
        self._who = who
        self._mutex = threading.Lock()  # the server answers in threads
        self._files = ExitStack()
        self._entries: dict[Key, Entry] = {}
        for entry in review.entries:
            self._entries[item_name(entry.task, entry.item), text_hash(entry.item)] = entry

    def __enter__(self) -> Self:
        with self._files:
            advice = "let that person finish, or look on with --read-only"
            self._files.enter_context(lock_results(self._folder, LOCK, advice))
            self._journal: Journal[Key] = Journal(self._folder / EDITS, _key)
            self._files.callback(lambda: self._journal.close())  # whichever it is then
            self.edits = read_edits(self._folder / EDITS)
            self._files = self._files.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._files.close()

    def take(self, asked: Any) -> Edit:
        """Check one decision and keep it; returns it as it was written.

        Args:
            asked: `item`, `of`, `decision` and `changes`, as the page sends them.

        Raises:
            DataError: if it is no decision, is about no item of the review, or makes no sound item of it.
            Stop: if the disk does not take it.
        """
        edit = Edit.from_json(asked)
        entry = self._entries.get(edit.key)
        if entry is None:
            raise DataError("the page shows another text than the data now hold; load it again")
        for name, message in change_faults(entry.task, entry.item, edit.changes):
            raise DataError(f"the {name} {message}")
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        media = entry.item.media_id
        edit = Edit(edit.item, edit.of, edit.decision, edit.changes, entry.task, media, self._who, time)
        with self._mutex:
            self._keep(edit)
            self.edits[edit.key] = edit
        return edit

    def _keep(self, edit: Edit) -> None:
        """A journal that could not be written takes no more rows; the next decision begins it anew."""
        if self._journal.broken:
            self._journal.close()
            self._journal = Journal(self._folder / EDITS, _key)
        self._journal.append(edit.to_json())
        self._journal.sync()

    def rows(self) -> list[dict[str, Any]]:
        """The present decisions."""
        with self._mutex:
            return [edit.to_json() for edit in self.edits.values()]


def _key(row: Mapping[str, Any]) -> Key:
    return row["item"], row["of"]
