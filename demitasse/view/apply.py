"""Decisions put into a dataset: rejected items are left out, edited ones changed, accepted ones marked."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from demitasse.atomic import write_text
from demitasse.dataset import Item, TaskFile, rebased, write
from demitasse.errors import DataError
from demitasse.view.boxes import with_pixels
from demitasse.view.edits import REVIEW, Decision, Edit, Key, item_name, text_hash
from demitasse.view.faults import change_faults

UNUSED = "edits_not_applied.jsonl"

_Place = tuple[str, str, str]  # medium's path, question, answer: what must not be there twice


@dataclass
class Applied:
    """The dataset after the decisions.

    Attributes:
        files: as they were given, without the rejected items.
        counts: items by decision; those nobody decided on are `open`.
        unused: decisions that were not applied, each with the reason.
    """

    files: list[TaskFile] = field(default_factory=list)
    counts: Counter[Decision] = field(default_factory=Counter)
    unused: list[tuple[Edit, str]] = field(default_factory=list)


def apply_edits(files: Sequence[TaskFile], edits: Mapping[Key, Edit], decided_only: bool = False) -> Applied:
    """Apply decisions to the files of a dataset.

    A decision is used only for the very text it was made about. One about a text that has changed since, about an
    item that is gone, or whose changes make no sound item is left unused, and its item stays as it is, undecided.

    Args:
        files: the dataset.
        edits: the decision on each text.
        decided_only: leave out the items that nobody accepted.
    """
    work = _Work(edits, _places(files))
    for file in files:
        items = [work.decide(file, item) for item in file.items]
        kept = [item for item in items if item is not None and (not decided_only or REVIEW in item.extra)]
        work.done.files.append(replace(file, items=kept))
    work.done.unused += work.stale()
    return work.done


@dataclass
class _Work:
    edits: Mapping[Key, Edit]
    places: Counter[_Place]
    done: Applied = field(default_factory=Applied)
    seen: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # item -> hashes of its texts

    def decide(self, file: TaskFile, item: Item) -> Item | None:
        """The item as the decision leaves it; None if it was rejected."""
        task = file.task_of(item)
        key = item_name(task, item), text_hash(item)
        self.seen[key[0]].add(key[1])
        edit = self.edits.get(key)
        decision = edit.decision if edit else Decision.OPEN
        if edit and decision is Decision.EDIT:
            changed = replace(item, **cast("dict[str, Any]", edit.changes))
            fault = self._fault(file, item, changed, edit.changes)
            if fault:
                self.done.unused.append((edit, fault))
                decision = Decision.OPEN
            elif "answer" in edit.changes:
                changed = with_pixels(changed)
            item = item if fault else changed
        self.done.counts[decision] += 1
        if decision is Decision.OPEN:
            return item
        return None if decision is Decision.REJECT else _marked(item, edit)

    def _fault(self, file: TaskFile, item: Item, changed: Item, changes: Mapping[str, str]) -> str:
        """Why an edited item cannot be used; empty if it can."""
        for name, message in change_faults(file.task_of(item), item, changes):
            return f"its {name} {message}"
        place = _place(file, changed)
        if self.places[place] and place != _place(file, item):
            return "it would repeat another item: the same media, question and answer"
        self.places[place] += 1
        return ""

    def stale(self) -> Iterator[tuple[Edit, str]]:
        """Decisions whose text is not there, but for those that a later one about the present text replaces."""
        decided = {name for name, _ in self.edits}
        current = {name for name in decided if any((name, of) in self.edits for of in self.seen.get(name, ()))}
        for edit in self.edits.values():
            if edit.decision is Decision.OPEN or edit.of in self.seen.get(edit.item, ()):
                continue
            if edit.item not in self.seen:
                yield edit, "there is no such item any more"
            elif edit.item not in current:
                yield edit, "the item's text has changed since"


def _marked(item: Item, edit: Edit | None) -> Item:
    mark: dict[str, Any] = {"decision": str(edit.decision), "of": edit.of} if edit else {}
    if edit and edit.changes:
        mark["changed"] = sorted(edit.changes)
    return replace(item, extra={**item.extra, REVIEW: mark})


def _places(files: Sequence[TaskFile]) -> Counter[_Place]:
    return Counter(_place(file, item) for file in files for item in file.items)


def _place(file: TaskFile, item: Item) -> _Place:
    return str(file.media_path(item)), item.question, item.answer


def write_applied(
    parts: Mapping[str, Sequence[TaskFile]], edits: Mapping[Key, Edit], out: Path, decided_only: bool
) -> Applied:
    """Apply decisions to a dataset and write it, with the decisions that were not applied beside it.

    Args:
        parts: its files by folder; a single folder's files are written into `out` itself.
        edits: the decision on each text.
        out: the folder to write to; what an earlier call wrote is replaced.
        decided_only: leave out the items that nobody accepted.

    Raises:
        DataError: if `out` is the dataset itself, would be a part of it, or holds other dataset files. Nothing is
            written then.
    """
    folders = {id(file): out / name if len(parts) > 1 else out for name, files in parts.items() for file in files}
    files = [file for part in parts.values() for file in part]
    applied = apply_edits(files, edits, decided_only)
    moved = [rebased(new, folders[id(old)]) for old, new in zip(files, applied.files, strict=True)]
    _refuse_part(parts, out)
    _check_place(files, moved, out)
    for file in moved:
        if file.path:
            write(file.path, file)
    write_unused(out, applied)
    return replace(applied, files=moved)


def write_unused(out: Path, applied: Applied) -> None:
    """Write the decisions that were not applied, each with the reason."""
    rows = [{**edit.to_json(), "why": why} for edit, why in applied.unused]
    write_text(out / UNUSED, "".join(json.dumps(row) + "\n" for row in rows))


def _refuse_part(parts: Mapping[str, Sequence[TaskFile]], out: Path) -> None:
    """What is written beside the one part of a dataset is read as another part of it the next time."""
    whole = {file.path.resolve().parent.parent for name, files in parts.items() if name for file in files if file.path}
    if len(parts) == 1 and out.resolve().parent in whole:
        raise DataError(f"{out} would be read as a part of the dataset itself; give an --out outside {out.parent}")


def _check_place(files: Sequence[TaskFile], moved: Sequence[TaskFile], out: Path) -> None:
    targets = {file.path.resolve() for file in moved if file.path}
    for file in files:
        if file.path and file.path.resolve() in targets:
            raise DataError(f"{file.path} would be overwritten by its own edited version; give another --out")
    for path in sorted(out.glob("**/*.json")):
        if path.resolve() not in targets:
            raise DataError(f"{path} is not of this dataset, and would be mixed with it; give an empty folder as --out")
