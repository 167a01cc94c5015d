"""A run as TAR's evaluator takes it: `submission.csv`, and beside it `references.json` where the answers are known.

The CSV has the columns `item_index,prediction`, one row an item. References have TAR's own form, one file of all tasks
whose items carry `item_index` and `task_type`. The training files of TAR have lost their `item_index`; such an item is
called by its id in the run. `demitasse score --profile tar` and TAR's `test/evaluate.py` read both files.

The evaluator reads the table with pandas, for which a cell "None" or "NA" is no answer: a space behind it keeps it.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from demitasse.answers.reasoning import split_reasoning
from demitasse.atomic import write_text
from demitasse.dataset import TaskFile, read, write
from demitasse.errors import DataError
from evaluate.interop.cells import harmless
from evaluate.interop.dataset_items import Placed
from evaluate.official.tar_script import is_blank
from evaluate.records import Prediction

SUBMISSION, REFERENCES = "submission.csv", "references.json"
COLUMNS = ("item_index", "prediction")


@dataclass(frozen=True, slots=True)
class Written:
    """The files, the indices of items that the run has no reply to, and how many cells are empty with those."""

    paths: list[Path]
    missing: list[str]
    empty: int


def write_submission(placed: Mapping[str, Placed], predictions: Mapping[str, Prediction], out: Path) -> Written:
    """Write the files of a run.

    Args:
        placed: the items that were asked, by id (`read_dataset`).
        predictions: the run's replies by item id.
        out: the folder.

    Raises:
        DataError: if two items have one index, no reply is to any of these items, or their media are in several
            folders.
    """
    indices = _indices(placed)
    if not predictions.keys() & placed.keys():
        raise DataError("no reply is to an item of --data; name the dataset that was asked")
    paths = [out / SUBMISSION]
    missing = [indices[key] for key in placed if key not in predictions]
    cells = {indices[key]: _cell(predictions[key]) if key in predictions else "" for key in placed}
    write_text(paths[0], _table(cells))
    if all(one.item.answer for one in placed.values()):
        paths.append(out / REFERENCES)
        write(paths[1], _references(list(placed.values()), indices, paths[1]))
    return Written(paths, missing, empty=sum(not cell for cell in cells.values()))


def _indices(placed: Mapping[str, Placed]) -> dict[str, str]:
    indices = {key: one.item.item_index or key for key, one in placed.items()}
    seen: set[str] = set()
    for key, index in indices.items():
        if index in seen:
            raise DataError(f"{placed[key].source}: item_index {index} is there twice; give each item its own")
        seen.add(index)
    return indices


def _table(cells: Mapping[str, str]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    writer.writerows(cells.items())
    return text.getvalue()


def _cell(reply: Prediction) -> str:
    """The final answer, without the reasoning before it."""
    text = split_reasoning(reply.response).final
    return f"{text} " if text and is_blank(text) else harmless(text.replace("\0", "\ufffd"))


def _references(placed: Sequence[Placed], indices: Mapping[str, str], path: Path) -> TaskFile:
    """One file of all tasks, in TAR's form."""
    folders = {_folder(one) for one in placed}
    if len(folders) > 1:
        raise DataError(f"the media of --data lie in {len(folders)} folders, and references name one; give one dataset")
    items = [
        replace(one.item, item_index=indices[one.asked.item_id], extra=one.item.extra | {"task_type": one.asked.task})
        for one in placed
    ]
    root = os.path.relpath(folders.pop().resolve(), path.parent.resolve())
    return TaskFile(items, license=read(placed[0].source).license, media_root=root, path=path)


def _folder(one: Placed) -> Path:
    """The folder that the item's media id counts from."""
    media_id = PurePath(one.item.media_id)
    return Path(media_id.anchor) if media_id.is_absolute() else one.path.parents[len(media_id.parts) - 1]
