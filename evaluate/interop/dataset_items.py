"""The items of dataset files as they are asked, by id, with the files that they are about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from demitasse.dataset import Item, TaskFile, read, read_folder
from demitasse.dataset.item_id import id_of, storable
from demitasse.errors import DataError
from evaluate.records import Asked


@dataclass(frozen=True, slots=True)
class Placed:
    """An item, its row, its medium, and the dataset file that it stands in."""

    asked: Asked
    item: Item
    path: Path
    source: Path


def read_dataset(paths: Sequence[Path]) -> dict[str, Placed]:
    """All items of dataset files, or folders of them, by id.

    Raises:
        DataError: if a file cannot be read, or an item has no task or is there twice.
    """
    files = [file for path in paths for file in (read_folder(path) if path.is_dir() else [read(path)])]
    placed: dict[str, Placed] = {}
    for where, one in (found for file in files for found in _items(file)):
        if one.asked.item_id in placed:
            raise DataError(f"{where}: this question about {one.asked.video_id} is there twice; remove one")
        placed[one.asked.item_id] = one
    if not placed:
        raise DataError(f"{', '.join(map(str, paths))}: there is no item")
    return placed


def _items(file: TaskFile) -> Iterator[tuple[str, Placed]]:
    for index, item in enumerate(file.items):
        where, task = f"{file.path}: items[{index}]", file.task_of(item)
        if not task:
            raise DataError(f"{where} has no task, so it cannot be scored; set metadata.task")
        question, reference = storable(item.question), storable(item.answer)
        asked = Asked(id_of(item, task), task, item.media_id, question, reference, item.extra)
        yield where, Placed(asked, item, file.media_path(item), file.path or Path())
