"""What a person decided about items: a JSON row for each decision, apart from the data, to be applied after any re-run.

    {"item": "1f95…", "of": "c02a…", "decision": "edit", "changes": {"answer": "B"}, "task": "mcq",
     "media": "a.mp4", "who": "…", "time": "2026-11-21T07:32:53+00:00"}

`item` names the item; `of` is the hash of the text that was decided on, so that a decision about another text is
never mistaken for one about this. Of several rows with the same two the last one counts. The static page downloads
the same rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson

from demitasse.dataset import Item
from demitasse.errors import DataError

EDITS = "edits.jsonl"
REVIEW = "review"  # the field that whatever was decided on is marked by
FIELDS = ("question", "answer", "reasoning")  # what a person may change, and what `of` is the hash of

Key = tuple[str, str]  # item, of


class Decision(StrEnum):
    """What becomes of an item."""

    ACCEPT = "accept"
    EDIT = "edit"  # accepted with changes
    REJECT = "reject"
    OPEN = "open"  # an earlier decision was taken back


WORDS = {
    Decision.ACCEPT: "accepted",
    Decision.EDIT: "edited",
    Decision.REJECT: "rejected",
    Decision.OPEN: "undecided",
}


@dataclass(frozen=True, slots=True)
class Edit:
    """One decision. `task` and `media` name the item to a person; `time` is ISO 8601 with its zone."""

    item: str
    of: str
    decision: Decision
    changes: Mapping[str, str] = field(default_factory=dict)
    task: str = ""
    media: str = ""
    who: str = ""
    time: str = ""

    @property
    def key(self) -> Key:
        """Which text of which item it is about."""
        return self.item, self.of

    def to_json(self) -> dict[str, Any]:
        """The row of `edits.jsonl`."""
        return {name: value for name, value in asdict(self).items() if value or name in ("item", "of", "decision")}

    @classmethod
    def from_json(cls, row: Any) -> Edit:
        """A decision from its row.

        Raises:
            DataError: if it is none; the message begins with the field.
        """
        if not isinstance(row, dict):
            raise DataError("is no JSON object")
        texts = {name: row.get(name, "") for name in ("item", "of", "task", "media", "who", "time")}
        for name, value in texts.items():
            if not isinstance(value, str) or (name in ("item", "of") and not value):
                raise DataError(f"{name} must be text" + " that names the item" * (name in ("item", "of")))
        return cls(decision=_decision(row), changes=_changes(row), **texts)


def item_name(task: str, item: Item) -> str:
    """Sixteen hexadecimal digits for an item, wherever its file lies: task, medium, and its index or else question."""
    return _digest([task, item.media_id, item.item_index or item.question])


def text_hash(item: Item) -> str:
    """Sixteen hexadecimal digits for the text that a person decides on."""
    return _digest([getattr(item, name) for name in FIELDS])


def read_edits(path: Path) -> dict[Key, Edit]:
    """The decisions of one file, the last one of each text.

    Raises:
        DataError: if the file is not there, or a line is no decision; the message names the line.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    edits = {}
    for number, line in enumerate(lines, 1):
        try:
            edit = Edit.from_json(orjson.loads(line))
        except (orjson.JSONDecodeError, DataError) as error:
            what = f"{error}" if isinstance(error, DataError) else "not readable JSON; it may have been cut short"
            raise DataError(f"{path}, line {number}: {what}; mend or remove that line") from error
        edits[edit.key] = edit
    return edits


def merge(files: Sequence[Mapping[Key, Edit]]) -> tuple[dict[Key, Edit], list[Edit]]:
    """Several people's decisions as one.

    Returns:
        The latest decision on each text, and those that lost against a later, different one of somebody else.
    """
    merged: dict[Key, Edit] = {}
    overruled = []
    for edit in sorted(_all(files), key=lambda one: _moment(one.time)):
        earlier = merged.get(edit.key)
        if earlier is not None and (earlier.decision, earlier.changes) != (edit.decision, edit.changes):
            overruled.append(earlier)
        merged[edit.key] = edit
    return merged, overruled


def _all(files: Iterable[Mapping[Key, Edit]]) -> Iterable[Edit]:
    return (edit for file in files for edit in file.values())


def _moment(time: str) -> float:
    """Seconds since 1970; a time that cannot be read is older than any other."""
    try:
        return datetime.fromisoformat(time).timestamp()
    except ValueError:
        return 0.0


def _decision(row: Mapping[str, Any]) -> Decision:
    try:
        return Decision(str(row.get("decision")))
    except ValueError:
        raise DataError(f"decision must be one of {', '.join(Decision)}") from None


def _changes(row: Mapping[str, Any]) -> dict[str, str]:
    changes = row.get("changes", {})
    if not isinstance(changes, dict) or not all(isinstance(text, str) for text in changes.values()):
        raise DataError("changes must map fields to text")
    unknown = sorted(changes.keys() - set(FIELDS))
    if unknown:
        raise DataError(f"changes.{unknown[0]} is none of {', '.join(FIELDS)}")
    if bool(changes) != (row.get("decision") == Decision.EDIT):
        raise DataError("changes belong to the decision 'edit', and to no other")
    return changes


def _digest(value: Any) -> str:
    # Not orjson: a lone surrogate, which a model can write, has no UTF-8 form.
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]
