"""A folder that Hugging Face's `datasets` loads: JSON Lines, one configuration for each task, and a dataset card.

    datasets.load_dataset(folder, "mcq")

Columns are the item's fields; what the format does not define travels in the column `extra` as JSON text, because
rows of a table must agree on their types. The files' metadata lie beside in `envelopes.json`. Media stay where
they are: `media_root` in there says where. Neither reading nor writing needs `datasets` installed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from demitasse.atomic import write_text
from demitasse.dataset import Item, TaskFile, rebased
from demitasse.dataset.schema import FORMAT, ITEM_KEYS, shown, type_name
from demitasse.errors import DataError
from demitasse.interchange.row_files import load_envelopes, numbered_lines

ENVELOPES = "envelopes.json"


def write(files: Sequence[TaskFile], folder: Path | str) -> None:
    """Write dataset files as a `datasets` folder; each becomes a configuration named as the file is.

    Raises:
        DataError: if two files share a name, or an extra field is no JSON.
    """
    folder = Path(folder)
    moved = {file.path.stem: file for file in (rebased(file, folder) for file in files) if file.path}
    if len(moved) < len(files):
        raise DataError(f"{folder}: two dataset files share a name; a configuration needs a name of its own")
    envelopes = {name: replace(file, items=[]).to_json() for name, file in moved.items()}
    for name, file in moved.items():
        write_text(folder / f"{name}.jsonl", "".join(json.dumps(_row(item)) + "\n" for item in file.items))
    write_text(folder / ENVELOPES, json.dumps(envelopes, indent=2) + "\n")
    write_text(folder / "README.md", _card(moved))


def read(folder: Path | str) -> list[TaskFile]:
    """Read a `datasets` folder of JSON Lines, written by `write` or by anyone whose columns are the item's fields.

    Columns that the format does not define become extra fields of the items. Without `envelopes.json`, a file's
    task is its name and its licence is empty.

    Raises:
        DataError: if there is no `.jsonl` file, or a row is not an item; the message names file and line.
    """
    folder = Path(folder)
    paths = sorted(folder.glob("*.jsonl"))
    if not paths:
        raise DataError(f"{folder} holds no .jsonl file; export the dataset with `Dataset.to_json`")
    envelopes = load_envelopes(folder / ENVELOPES) if (folder / ENVELOPES).is_file() else {}
    return [_read_file(path, envelopes.get(path.stem)) for path in paths]


def _row(item: Item) -> dict[str, str | None]:
    row: dict[str, str | None] = {key: getattr(item, key) for key in ITEM_KEYS}
    return row | {"extra": json.dumps(item.extra, allow_nan=False) if item.extra else None}


def _read_file(path: Path, envelope: dict[str, Any] | None) -> TaskFile:
    header = envelope or {"format": FORMAT, "metadata": {"type": "annotation", "task": path.stem, "license": ""}}
    file = TaskFile.from_json({**header, "items": []}, path.with_suffix(".json"))
    items = [_item(path, number, row) for number, row in numbered_lines(path)]
    return replace(file, items=items)


def _item(path: Path, number: int, row: Any) -> Item:
    try:
        if not isinstance(row, dict):
            raise DataError(f"is {type_name(row)}, not an object")
        text = row.pop("extra", None)
        extra = json.loads(text) if isinstance(text, str) else {} if text is None else {"extra": text}
        if not isinstance(extra, dict):
            raise DataError(f"extra is {shown(text)}, not the JSON text of an object")
        return Item.from_json({key: value for key, value in row.items() if value is not None} | extra)
    except json.JSONDecodeError as fault:
        raise DataError(
            f"{path}, line {number}: not readable JSON ({fault.msg}); it may have been cut short"
        ) from fault
    except DataError as fault:
        raise DataError(f"{path}, line {number}: {fault}") from fault


def _card(files: dict[str, TaskFile]) -> str:
    columns = [{"name": name, "dtype": "string"} for name in (*ITEM_KEYS, "extra")]
    header = {
        "configs": [{"config_name": name, "data_files": f"{name}.jsonl"} for name in files],
        "dataset_info": [{"config_name": name, "features": columns} for name in files],
    }
    rows = "".join(
        f"| {name} | {file.task or '-'} | {len(file.items)} | {file.license or 'not given'} |\n"
        for name, file in files.items()
    )
    return (
        f"---\n{yaml.safe_dump(header, sort_keys=False)}---\n\n# Video reasoning data\n\n"
        "Questions about videos with answers and reasoning, exported from `tao-vl-reason-v1.0` files. "
        f"`video_id` and `image_id` are paths under the `media_root` in `{ENVELOPES}`; `extra` is JSON text.\n\n"
        f"| configuration | task | items | licence |\n|---|---|---|---|\n{rows}"
    )
