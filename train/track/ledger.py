"""Files of a run with a row a step, which say nothing twice: what an interrupted run wrote too far is cut off."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from demitasse.atomic import write_text
from demitasse.errors import DiskFullError, is_disk_full

Row = dict[str, Any]


class Ledger:
    """Rows `{"step": 1, ...}` in a JSONL file, each on the way to the disk before the next step begins.

    Args:
        path: the file; its folders are made.
        start: the step that the run goes on from. Rows of later ones are of steps that will be done again.

    Attributes:
        last: the last row; empty before the first.
        reached: the step of the last row before any were cut off; 0 without one.
    """

    def __init__(self, path: Path, start: int) -> None:
        self._path = path
        rows = read_ledger(path)
        kept = [row for row in rows if row["step"] <= start]
        write_text(path, "".join(map(_line, kept)))
        self._file = path.open("a", encoding="utf-8", newline="\n")
        self.last: Row = kept[-1] if kept else {}
        self.reached: int = rows[-1]["step"] if rows else 0

    def write(self, row: Row) -> None:
        """Append a row.

        Raises:
            DiskFullError: if the disk does not take it.
        """
        try:
            self._file.write(_line(row))
            self._file.flush()
        except OSError as error:
            if is_disk_full(error):
                raise DiskFullError(f"{self._path} could not be written: make room, and start the run again") from None
            raise
        self.last = row

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def read_ledger(path: Path) -> list[Row]:
    """The whole rows of a ledger; none if there is no file. What follows a torn line is not there."""
    rows: list[Row] = []
    if not path.is_file():
        return rows
    for line in path.read_bytes().splitlines():
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:  # what a kill left of a line
            break
        if not isinstance(row, dict) or not isinstance(row.get("step"), int):
            break
        rows.append(row)
    return rows


def _line(row: Row) -> str:
    # A loss that is no number is null: NaN is not JSON.
    return orjson.dumps(row).decode() + "\n"
