"""Items and the file that holds them; reading and writing lose nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from demitasse.atomic import write_text
from demitasse.dataset.schema import (
    FORMAT,
    ITEM_KEYS,
    METADATA_KEYS,
    TOP_KEYS,
    Problem,
    is_dataset,
    item_faults,
    load_object,
    problems,
)
from demitasse.errors import DataError


@dataclass
class Item:
    """One question about one video or image, with its answer: the unit everything speaks.

    Attributes:
        question: what is asked, with options and answer instruction in it if there are any.
        answer: what is to be answered.
        video_id, image_id: path under the file's `media_root`; exactly one of them is given.
        reasoning: the thoughts that lead to the answer.
        item_index: an identifier of the item.
        extra: fields that the format does not define; they are carried and written back where they stood.
        order: keys in the order in which they were read.
    """

    question: str
    answer: str
    video_id: str | None = None
    image_id: str | None = None
    reasoning: str | None = None
    item_index: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    order: tuple[str, ...] = field(default=(), repr=False, compare=False)

    @property
    def media_id(self) -> str:
        """The video's or image's path as the file gives it."""
        return self.video_id if self.video_id is not None else self.image_id or ""

    def to_json(self) -> dict[str, Any]:
        """The item as a JSON object, keys in the order they were read in, new ones after them.

        Raises:
            DataError: if `extra` holds a field of the format, which one of the two would overwrite.
        """
        clash = sorted(set(ITEM_KEYS) & set(self.extra))
        if clash:
            raise DataError(f"item of {self.media_id}: extra holds '{clash[0]}', which is a field of its own")
        values = {key: getattr(self, key) for key in ITEM_KEYS if getattr(self, key) is not None} | self.extra
        return {key: values[key] for key in self.order if key in values} | values

    @classmethod
    def from_json(cls, value: Any) -> Item:
        """An item from a JSON object.

        Raises:
            DataError: if it does not fit the format's schema.
        """
        for name, message in item_faults(value):
            raise DataError(f"item{f'.{name}' if name else ''} {message}")
        extra = {key: content for key, content in value.items() if key not in ITEM_KEYS}
        return cls(**{key: value[key] for key in ITEM_KEYS if key in value}, extra=extra, order=tuple(value))


@dataclass
class TaskFile:
    """A file of items.

    Attributes:
        items: in the file's order.
        task, license, description, date, tags: of `metadata`; an empty one is left out, but the licence.
        media_root: folder of the media: None for the file's own, relative to it, or absolute.
        path: where the file was read from; None if it was made in memory.
        layout: top and metadata keys in the order in which they were read.
    """

    items: list[Item]
    task: str = ""
    license: str = ""
    description: str = ""
    date: str = ""
    tags: list[str] | None = None
    media_root: str | None = None
    path: Path | None = None
    layout: tuple[tuple[str, ...], tuple[str, ...]] | None = field(default=None, repr=False, compare=False)

    @property
    def media_folder(self) -> Path:
        """The folder that the items' media ids count from.

        Raises:
            DataError: if that is the file's folder and the file has no path yet.
        """
        root = Path(self.media_root or "")
        if root.is_absolute():
            return root
        if self.path is None:
            raise DataError(
                "a task file that was never read or written has no folder to look for media in; set its path"
            )
        return self.path.parent / root

    def media_path(self, item: Item) -> Path:
        """Where an item's video or image lies; it need not exist."""
        return self.media_folder / item.media_id

    def task_of(self, item: Item) -> str:
        """The item's own label (`task_type` or `task`), as files of mixed tasks carry it, or else the file's."""
        return str(item.extra.get("task_type") or item.extra.get("task") or self.task)

    def to_json(self) -> dict[str, Any]:
        """The whole file as a JSON object."""
        top, inner = self.layout or (TOP_KEYS, ())
        given = {key: getattr(self, key) for key in ("task", "date", "description", "tags")}
        metadata = {key: value for key, value in given.items() if value or (key in inner and value is not None)}
        metadata |= {"type": "annotation", "license": self.license}
        values: dict[str, Any] = {"format": FORMAT, "metadata": _arranged(metadata, (*inner, *METADATA_KEYS))}
        if self.media_root is not None or "media_root" in top:
            values["media_root"] = self.media_root
        values["items"] = [item.to_json() for item in self.items]
        return _arranged(values, (*top, *TOP_KEYS))

    @classmethod
    def from_json(cls, value: Any, path: Path) -> TaskFile:
        """A file from its JSON object, as if it had been read from `path`.

        Raises:
            DataError: if it does not fit the schema.
        """
        _refuse(problems(path, value))
        metadata = value["metadata"]
        known = {key: metadata[key] for key in METADATA_KEYS if key in metadata and key != "type"}
        items = [Item.from_json(item) for item in value["items"]]
        layout = (tuple(value), tuple(metadata))
        return cls(items, **known, media_root=value.get("media_root"), path=path, layout=layout)


def _arranged(values: dict[str, Any], order: tuple[str, ...]) -> dict[str, Any]:
    return {key: values[key] for key in order if key in values}


def read(path: Path | str) -> TaskFile:
    """Read a dataset file.

    Raises:
        DataError: if it cannot be read or does not fit the schema; unknown keys of the envelope are named.
    """
    return TaskFile.from_json(load_object(Path(path)), Path(path))


def write(path: Path | str, task_file: TaskFile) -> None:
    """Write a dataset file, whole or not at all.

    `path` need not be `task_file.path`, and relative media roots are written as they are: `rebased` moves them.

    Raises:
        DataError: if what would be written does not fit the schema. Nothing is written then.
    """
    path = Path(path)
    value = task_file.to_json()
    _refuse(problems(path, value))
    # ASCII: the validator opens files in the locale's encoding, and a lone surrogate from a model survives.
    try:
        text = json.dumps(value, indent=2, allow_nan=False)
    except (TypeError, ValueError) as fault:
        raise DataError(f"{path}: an item has an extra field that is no JSON ({fault})") from fault
    write_text(path, text + "\n")


def read_folder(folder: Path | str) -> list[TaskFile]:
    """Read every dataset file that lies directly in a folder, in the order of their names.

    Other readable JSON (`schema.is_dataset` tells) is left alone; JSON that cannot be read is an error, because
    it may be a dataset file cut short.

    Raises:
        DataError: if a `.json` file cannot be read, or no dataset file is there.
    """
    folder = Path(folder)
    files = _files_in(folder)
    if not files:
        below = [str(path) for path in sorted(folder.iterdir()) if path.is_dir() and _holds_dataset(path)]
        hint = f"; there is one in {', '.join(below)}" if below else ""
        raise DataError(f"{folder} holds no dataset file (a .json whose format is '{FORMAT}'){hint}")
    return files


def read_parts(folder: Path | str) -> dict[str, list[TaskFile]]:
    """Read a folder's dataset files, or, if it holds none, those of the folders directly in it, by their names.

    Those of the folder itself have the name "". So a split is read whole, and so are the results of annotation.

    Raises:
        DataError: if a `.json` file cannot be read, or no dataset file is there.
    """
    folder = Path(folder)
    files = _files_in(folder)
    if files:
        return {"": files}
    below = {path.name: _files_in(path) for path in sorted(folder.iterdir()) if path.is_dir()}
    parts = {name: found for name, found in below.items() if found}
    if not parts:
        raise DataError(f"{folder} holds no dataset file (a .json whose format is '{FORMAT}'), nor a folder with one")
    return parts


def _holds_dataset(folder: Path) -> bool:
    try:
        return any(is_dataset(load_object(path)) for path in sorted(folder.glob("*.json")))
    except DataError:  # one that cannot be read may be anything
        return False


def _files_in(folder: Path) -> list[TaskFile]:
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder with dataset files")
    loaded = ((path, load_object(path)) for path in sorted(folder.glob("*.json")))
    return [TaskFile.from_json(value, path) for path, value in loaded if is_dataset(value)]


def rebased(task_file: TaskFile, folder: Path | str) -> TaskFile:
    """The same file for another folder: media are still found, `path` moves along.

    A media root that counts from the file's folder is given anew, relative to `folder`; an absolute one stays.
    """
    folder = Path(folder)
    name = task_file.path.name if task_file.path else f"{task_file.task or 'annotation'}.json"
    root = task_file.media_root
    if root is None or not Path(root).is_absolute():
        root = os.path.relpath(task_file.media_folder.resolve(), folder.resolve())
    return replace(task_file, media_root=None if root == "." else Path(root).as_posix(), path=folder / name)


def _refuse(found: Iterator[Problem]) -> None:
    problem = next(found, None)
    if problem:
        raise DataError(str(problem))
