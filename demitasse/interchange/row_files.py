"""Files of rows, a JSON list or JSON Lines, read into dataset files and written from them, whatever the rows' format.

The metadata of dataset files (licence, task, where the media are) have no place in a row. They lie beside the rows in
`<name>.envelopes.json`, by the files' names; where there are several, each row tells its own in `task_file`. Somebody
else's rows have none: media then count from the file's own folder, and the task is the rows' own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from demitasse.atomic import write_text
from demitasse.dataset import Item, TaskFile, rebased
from demitasse.dataset.schema import FORMAT, load_object, load_text, type_name
from demitasse.errors import DataError
from demitasse.interchange.lens import TASK_FILE, Row, RowFormat, read_row, write_row


@dataclass
class Read:
    """What a foreign file became.

    Attributes:
        files: the dataset files.
        left_out: a sentence for each row that does not fit an item, with its place.
        notes: what a person should know of how the file was understood.
        what: what was left out, in a word.
        without_video: a sentence for each row that was left out because its pictures make no video.
    """

    files: list[TaskFile]
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    what: str = "rows"
    without_video: list[str] = field(default_factory=list)


@dataclass
class Written:
    """What a dataset becomes: its rows, the files' metadata by their names, and the folder that media count from."""

    rows: list[Row]
    envelopes: dict[str, Any]
    media_folder: Path


def load_rows(path: Path) -> list[Any]:
    """The rows of a file: a JSON list, or JSON Lines whatever the file's ending.

    Raises:
        DataError: if it is neither, or cut short; the message names the line.
    """
    try:
        if is_lines(path):
            return [row for _, row in numbered_lines(path)]
    except OSError as fault:
        raise DataError(f"{path} cannot be read: {fault.strerror or fault}") from fault
    except UnicodeDecodeError as fault:
        raise DataError(f"{path} is not UTF-8 text; save it as UTF-8 JSON") from fault
    rows = load_object(path, "utf-8-sig")
    if not isinstance(rows, list):
        raise DataError(f"{path} holds {type_name(rows)}, not a list of rows")
    return rows


def is_lines(path: Path) -> bool:
    """Whether a file is JSON Lines: an object on its first line, and in a `.json` file a second line after it; or none.

    Raises:
        OSError, UnicodeDecodeError: if its start cannot be read.
    """
    with path.open(encoding="utf-8-sig") as file:
        start = file.read(4096).lstrip()[:1]
        if path.suffix.lower() != ".json":
            return start in ("", "{")
        if start != "{":
            return False
        file.seek(0)
        try:
            load_text(next(line for line in file if line.strip()))
        except (ValueError, RecursionError):
            return False
        return any(line.strip() for line in file)


def numbered_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """The values of a file of JSON Lines with the numbers of their lines, from 1.

    Raises:
        DataError: if a line is no JSON, gives a key twice, or is not UTF-8; the message names it.
    """
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
                if text:
                    yield number, load_text(text)
            except UnicodeDecodeError as fault:
                raise DataError(f"{path}, line {number}: not UTF-8 text; save it as UTF-8 JSON") from fault
            except json.JSONDecodeError as fault:
                raise DataError(f"{path}, line {number}: not readable JSON ({fault}); it may be cut short") from fault
            except (ValueError, RecursionError) as fault:
                reason = "too deeply nested" if isinstance(fault, RecursionError) else str(fault)
                raise DataError(f"{path}, line {number}: not readable JSON ({reason}); mend it") from fault


def read_rows(path: Path, form: RowFormat, rows: Sequence[Any] | None = None) -> Read:
    """Read a file of rows.

    Args:
        path: the file.
        form: what its rows are.
        rows: what `load_rows` gave, if it was called already.

    Raises:
        DataError: if it cannot be read, or none of its rows fits an item.
    """
    rows = load_rows(path) if rows is None else rows
    beside = envelopes_path(path)
    envelopes = load_envelopes(beside) if beside.is_file() else {}
    names = list(envelopes) or [path.stem]
    of_files = {name: str(envelope["metadata"].get("task", "")) for name, envelope in envelopes.items()}
    tasks = of_files or {path.stem: _common_task(rows, form)}
    items: dict[str, list[Item]] = {name: [] for name in names}
    left_out = []
    for index, row in enumerate(rows):
        try:
            name, own = _parted(row, names)
            items[name].append(read_row(form, own, tasks[name]))
        except DataError as fault:
            left_out.append(f"{path}: [{index}] {fault}")
    if left_out and len(left_out) == len(rows):
        raise DataError(f"{left_out[0]}; and so none of its {len(rows)} rows fits an item")
    files = [_task_file(path, name, envelopes.get(name), tasks[name], found) for name, found in items.items()]
    return Read(files, left_out)


def to_rows(files: Sequence[TaskFile], path: Path, form: RowFormat) -> Written:
    """Dataset files as the rows of one file that is to lie at `path`.

    Raises:
        DataError: if the files do not share one media folder, or an item does not fit; the message names it.
    """
    folders = sorted({str(file.media_folder.resolve()) for file in files})
    if len(folders) != 1:
        found = ", ".join(folders) or "no file"
        raise DataError(f"{path}: the format has one media folder, but the dataset has {found}")
    moved = {file.path.stem: file for file in (rebased(file, path.parent) for file in files) if file.path}
    if len(moved) < len(files):
        raise DataError(f"{path}: two dataset files share a name, by which their items are told apart")
    rows = [row for name, file in moved.items() for row in _rows(name, file, form, len(moved) > 1)]
    envelopes = {name: replace(file, items=[]).to_json() for name, file in moved.items()}
    return Written(rows, envelopes, Path(folders[0]))


def save(written: Written, path: Path) -> Path:
    """Write rows to a file: JSON Lines if it ends in `.jsonl`, otherwise a JSON list.

    Returns:
        The folder that the media in it count from.
    """
    text = "".join(f"{json.dumps(row, allow_nan=False)}\n" for row in written.rows)
    if path.suffix != ".jsonl":
        text = json.dumps(written.rows, indent=2, allow_nan=False) + "\n"
    write_text(envelopes_path(path), json.dumps(written.envelopes, indent=2) + "\n")
    write_text(path, text)
    return written.media_folder


def load_envelopes(path: Path) -> dict[str, Any]:
    """The metadata of dataset files by their names, as `save` wrote them.

    Raises:
        DataError: if the file holds something else.
    """
    value = load_object(path)
    if not isinstance(value, dict) or not all(
        isinstance(one, dict) and isinstance(one.get("metadata"), dict) for one in value.values()
    ):
        raise DataError(f"{path} does not hold the metadata that were written there; move it away, and they are empty")
    return value


def envelopes_path(path: Path) -> Path:
    """Where the metadata of a file of rows lie."""
    return path.with_name(f"{path.stem}.envelopes.json")


def _common_task(rows: Sequence[Any], form: RowFormat) -> str:
    """The task of all rows; empty if they differ, and each item is to carry its own."""
    tasks = {form.task(row) for row in rows if isinstance(row, dict)}
    return tasks.pop() if len(tasks) == 1 else ""


def _parted(row: Any, names: Sequence[str]) -> tuple[str, Row]:
    """The dataset file that a row is of, and the row as its format has it."""
    if not isinstance(row, dict):
        raise DataError(f"is {type_name(row)}, not a row")
    if len(names) == 1:
        return names[0], row
    name = row.get(TASK_FILE)
    if name not in names:
        raise DataError(f"{TASK_FILE} is {name!r}, but the envelopes are of {', '.join(names)}")
    return str(name), {key: value for key, value in row.items() if key != TASK_FILE}


def _rows(name: str, file: TaskFile, form: RowFormat, is_one_of_several: bool) -> Iterator[Row]:
    for index, item in enumerate(file.items):
        try:
            row = write_row(form, item, file.task)
            yield row | {TASK_FILE: name} if is_one_of_several else row
        except DataError as fault:
            raise DataError(f"{name}.json: items[{index}].{fault}") from fault


def _task_file(path: Path, name: str, envelope: Any, task: str, items: list[Item]) -> TaskFile:
    metadata = {"type": "annotation", "license": ""} | ({"task": task} if task else {})
    header = envelope or {"format": FORMAT, "metadata": metadata}
    return replace(TaskFile.from_json({**header, "items": []}, path.with_name(f"{name}.json")), items=items)
