"""Decisions put into the `annotations.jsonl` of `annotate image`; items are written from it, and other formats."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path

import orjson

from demitasse.atomic import replacing
from demitasse.dataset import Item, TaskFile
from demitasse.engine.journal import read_rows
from demitasse.errors import DataError
from demitasse.view.apply import Applied, apply_edits, write_unused
from demitasse.view.edits import Decision, Edit, Key, item_name, text_hash
from demitasse.view.expressions import TASK, Json, decided_row, expression_items, image_of, objects
from demitasse.view.pictures import ANNOTATIONS


def write_applied_expressions(path: Path, edits: Mapping[Key, Edit], out: Path, decided_only: bool) -> Applied:
    """Apply decisions to annotations and write them, with the decisions that were not applied beside them.

    Rejected expressions, and with `decided_only` those that nobody accepted, move to their row's `removed`.

    Args:
        path: `annotations.jsonl`, or the results folder that holds it.
        edits: the decision on each expression's phrase and boxes.
        out: the folder that gets `annotations.jsonl`; what an earlier call wrote is replaced.
        decided_only: keep only what somebody accepted or corrected.

    Raises:
        DataError: if there are no annotations yet, or `out` is where they lie. Nothing is written then.
    """
    source = path / ANNOTATIONS if path.is_dir() else path
    if not source.is_file():
        raise DataError(f"{source} is not there yet: let `demitasse annotate image` come to its end, then apply")
    if (out / ANNOTATIONS).resolve() == source.resolve():
        raise DataError(f"{source} would be overwritten by its own edited version; give another --out")
    rows = list(read_rows(source))
    items = [item for row in rows for item in expression_items(row)]
    applied = apply_edits([TaskFile(items, task=TASK, path=source)], edits, decided_only)
    left: defaultdict[str, dict[str, Item]] = defaultdict(dict)
    for item in applied.files[0].items:
        left[item.media_id][str(item.item_index)] = item

    def decision_of(item: Item) -> Decision:
        edit = edits.get((item_name(TASK, item), text_hash(item)))
        return Decision.REJECT if edit and edit.decision is Decision.REJECT else Decision.OPEN

    with replacing(out / ANNOTATIONS) as partial, partial.open("wb") as file:
        for row in rows:
            done = decided_row(row, left[image_of(row)], decision_of)
            file.write(orjson.dumps(_told(done), option=orjson.OPT_APPEND_NEWLINE))
    write_unused(out, applied)
    return applied


def _told(row: Json) -> Json:
    """The row with a count of its decisions in its provenance, if there are any."""
    decided = [
        one["review"] for name in ("expressions", "removed") for one in objects(row.get(name)) if "review" in one
    ]
    counts = Counter(str(review["decision"]) for review in decided)
    return row | {"provenance": row.get("provenance", {}) | {"review": dict(counts)}} if counts else row
