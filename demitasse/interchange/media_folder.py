"""A folder to publish: Hugging Face's VideoFolder or ImageFolder layout, whose rows the hub shows with their media.

    OUT/README.md                 the dataset card
    OUT/train/metadata.jsonl      a row an item: file_name, task, question, answer, reasoning, item_index, extra
    OUT/train/<media>             the files, each once

    datasets.load_dataset("OUT")

One folder a split; a dataset that is not split is `train`. What the format does not define travels in the column
`extra` as JSON text, because rows of a table must agree on their types. Nothing that is written names a folder of
this machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from demitasse.atomic import write_text
from demitasse.dataset import Item, TaskFile
from demitasse.errors import DataError
from demitasse.interchange.dataset_card import card, portable
from demitasse.interchange.new_folder import Media, new_folder, put_medium, remove_others

Layout = Literal["video-folder", "image-folder"]
Parts = Mapping[str, Sequence[TaskFile]]
METADATA = "metadata.jsonl"
WHOLE = "train"  # the split of a dataset that has none: what `datasets` calls it too
_FIELDS = {"video-folder": "video_id", "image-folder": "image_id"}


@dataclass
class Exported:
    """What was written."""

    items: int = 0
    media: int = 0
    licenses: list[str] = field(default_factory=list)


def write(parts: Parts, out: Path, layout: Layout, media: Media, title: str) -> Exported:
    """Write a dataset as a folder to publish, whole or not at all.

    Args:
        parts: its files by split; the name "" stands for a dataset that is not split.
        out: a folder that is not there yet, or is empty.
        layout: what the items are about; a folder holds either videos or images.
        media: copy the files, or make symbolic links to them.
        title: the card's heading.

    Raises:
        DataError: if `out` holds something, an item is about the other kind of medium, or a file is not there.
    """
    splits = {_split_name(name): files for name, files in parts.items()}
    if len(splits) < len(parts):
        raise DataError(f"{out}: the folders {', '.join(parts)} are not told apart by letters and digits; rename one")
    done = Exported(licenses=sorted({file.license for files in splits.values() for file in files} - {""}))
    with new_folder(out) as partial:
        for split, files in splits.items():
            _write_split(partial / split, files, layout, media, done)
        write_text(partial / "README.md", card(splits, done.media, title, layout))
    return done


def _write_split(folder: Path, files: Sequence[TaskFile], layout: Layout, media: Media, done: Exported) -> None:
    names: dict[Path, str] = {}
    rows = []
    for file in files:
        hidden = _prefixes(file)
        for index, item in enumerate(file.items):
            place = f"{file.path}: items[{index}]"
            if getattr(item, _FIELDS[layout]) is None:
                other = next(name for name in _FIELDS if name != layout)
                raise DataError(
                    f"{place} has no {_FIELDS[layout]}, so it does not fit a {layout}; --to {other} is for those"
                )
            source = _source(file, item, place)
            name = names.get(source) or _free_name(item.media_id, names)
            names[source] = name
            rows.append(_row(name, file.task_of(item), item, hidden))
    folder.mkdir(parents=True, exist_ok=True)
    remove_others(folder, {*names.values()})
    for source, name in names.items():
        put_medium(source, folder / name, media)
    write_text(folder / METADATA, "".join(json.dumps(row) + "\n" for row in rows))
    done.items += len(rows)
    done.media += len(names)


def _source(file: TaskFile, item: Item, place: str) -> Path:
    path = Path(os.path.abspath(file.media_path(item)))
    try:
        found = path.is_file()
    except (OSError, ValueError):  # a name that no file system can have
        found = False
    if not found:
        raise DataError(f"{place}: there is no file {path}; mend its media id or the file's media_root")
    return path


def _free_name(media_id: str, names: Mapping[Path, str]) -> str:
    """The medium's id as a path in the folder; an id that leads out of it, or is taken, gets a name of its own."""
    name = os.path.normpath(media_id)
    outside = os.path.isabs(name) or name == ".." or name.startswith(f"..{os.sep}") or ":" in name
    if outside or name in names.values() or name == METADATA:
        digest = hashlib.sha256(media_id.encode("utf-8", "surrogateescape")).hexdigest()
        name = f"{digest[:12]}-{len(names)}-{Path(media_id).name.replace(':', '_')}"
    return Path(name).as_posix()


def _row(name: str, task: str, item: Item, hidden: Sequence[str]) -> dict[str, str | None]:
    extra = json.dumps(portable(item.extra), allow_nan=False) if item.extra else None
    row = {
        "file_name": name,
        "task": task,
        "question": item.question,
        "answer": item.answer,
        "reasoning": item.reasoning,
        "item_index": item.item_index,
        "extra": extra,
    }
    return {key: _without(text, hidden) for key, text in row.items()}


def _prefixes(file: TaskFile) -> list[str]:
    """The folders of this machine that the file's texts could name, the longest first."""
    folders = {os.path.abspath(file.media_folder), os.path.realpath(file.media_folder), os.getcwd(), str(Path.home())}
    folders |= {os.path.abspath(file.path.parent)} if file.path else set()
    return sorted((f"{folder}{os.sep}" for folder in folders if folder != os.sep), key=len, reverse=True)


def _without(text: str | None, prefixes: Sequence[str]) -> str | None:
    for prefix in prefixes:
        text = text.replace(prefix, "") if text else text
    return text


def _split_name(name: str) -> str:
    """A split's name as `datasets` allows it: letters, digits and underscores."""
    return re.sub(r"\W", "_", name, flags=re.ASCII) or WHOLE
