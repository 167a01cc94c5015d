"""Kept and rejected items, as task files like those they came from, each item with what the filters said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from annotate.quality.config import FILTERS, Quality
from annotate.quality.entry import Entry
from annotate.quality.pipeline import is_dropped
from annotate.quality.verdict import Verdict
from demitasse.dataset import Item, TaskFile, rebased, write
from demitasse.errors import DataError

KEPT, REJECTED = "kept", "rejected"
FIELD = "quality"


def check_places(files: Sequence[TaskFile], out: Path) -> None:
    """Refuse a results folder in which the data themselves lie, and data of which two files would become one.

    Raises:
        DataError: naming the file.
    """
    for file in files:
        folder = file.path.resolve().parent if file.path else None
        if folder in (out.resolve() / KEPT, out.resolve() / REJECTED):
            raise DataError(f"{file.path} would be overwritten by what is made of it; give another --out")


def write_items(
    files: Sequence[TaskFile],
    entries: Sequence[Entry],
    verdicts: Mapping[str, Mapping[str, Verdict]],
    config: Quality,
    out: Path,
) -> None:
    """Write `kept/` and `rejected/`: a file for each that has items there; what an earlier run left there goes.

    Items keep their order, and every other field that they have.
    """
    for folder, dropped in ((out / KEPT, False), (out / REJECTED, True)):
        for file in files:
            mine = [entry for entry in entries if entry.file is file]
            items = [
                _with_verdicts(entry.item, verdicts[entry.id])
                for entry in mine
                if is_dropped(verdicts[entry.id], config) == dropped
            ]
            made = rebased(replace(file, items=items), folder)
            assert made.path is not None, "rebased names the file"
            if items:
                write(made.path, made)
            else:
                made.path.unlink(missing_ok=True)


def _with_verdicts(item: Item, verdicts: Mapping[str, Verdict]) -> Item:
    """The item with its verdicts in the extra field `quality`; those of other filters from earlier runs stay."""
    before = item.extra.get(FIELD)
    told = dict(before) if isinstance(before, dict) else {}
    told |= {name: verdicts[name].to_json() for name in FILTERS if name in verdicts}
    return replace(item, extra=item.extra | {FIELD: told})
