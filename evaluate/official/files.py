"""Reading benchmarks' JSON, JSONL and CSV files, with a sentence for a file that is not what it should be."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from demitasse.errors import DataError

_GZIP = b"\x1f\x8b"
_END = "the end"  # stands in a row of its own behind a table: where it does not come out so, a quote is open
_LONGEST = 2**31 - 1  # characters of a field; csv's own bound, 131,072, is less than a reply that repeats itself


def load_json(path: Path) -> Any:
    """A JSON object or array; the lines of a JSONL file as an array.

    Raises:
        DataError: if it is neither, is empty, or an object has a name twice (where JSON readers keep the last).
    """
    text = read_text(path)
    try:
        value = json.loads(text, object_pairs_hook=_once)
    except _Twice as fault:
        raise DataError(f"{path}: '{fault}' is there twice; remove one of the two") from None
    except (ValueError, RecursionError) as error:
        value = _lines(path, text, str(error))
    if value in ({}, []):
        raise DataError(f"{path}: holds nothing; give the file as it was written")
    if not isinstance(value, (dict, list)):
        raise DataError(f"{path}: must be a JSON object or array, not {type(value).__name__}; give the file as written")
    return value


def load_csv(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Header and rows of a CSV file.

    Raises:
        DataError: if it is empty, has a column twice, leaves a quote open, or a row has more or fewer fields than the
            header.
    """
    lines = _table(path)
    if len(lines) < 2:
        raise DataError(f"{path}: there are no rows; give the benchmark's own file")
    header = lines[0][1]
    if twice := next((name for name in header if name and header.count(name) > 1), None):
        raise DataError(f"{path}: column '{twice}' is there twice; remove one of the two")
    rows = []
    for number, line in lines[1:]:
        if len(line) != len(header):
            raise DataError(
                f"{path}, line {number}: {len(line)} fields where the header has {len(header)} ({', '.join(header)}); "
                "mend it"
            )
        rows.append(dict(zip(header, line, strict=True)))
    return header, rows


def _table(path: Path) -> list[tuple[int, list[str]]]:
    """The rows of a CSV file, each with the number of its last line; empty lines are passed over, as pandas does."""
    text = io.StringIO(f"{read_text(path)}\n{_END}", newline="")  # a line separator within a reply ends no row
    lines, bound = csv.reader(text), csv.field_size_limit(_LONGEST)
    try:
        found = [(lines.line_num, line) for line in lines if line]
    except csv.Error as error:
        raise DataError(f"{path}, line {lines.line_num}: no CSV ({error}); give the benchmark's own file") from error
    finally:
        csv.field_size_limit(bound)
    if found.pop()[1] != [_END]:
        first = found[-1][0] + 1 if found else 1
        raise DataError(f"{path}, line {first}: a quote is opened and never closed; the file may have been cut short")
    return found


def read_text(path: Path) -> str:
    """A text file, with or without a byte-order mark.

    Raises:
        DataError: if it is not there, or is no UTF-8 text.
    """
    try:
        content = path.read_bytes()
        if content.startswith(_GZIP):
            raise DataError(f"{path}: is compressed (gzip); unpack it first")
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text ({error}); give the file as it was published") from error
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; give a file that can be read") from error


class _Twice(Exception):
    """A name that an object has twice."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _Twice(name)
        found[name] = value
    return found


def _lines(path: Path, text: str, why: str) -> list[Any]:
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):  # U+2028 and others may stand within a reply
        if not line.strip():
            continue
        try:
            rows.append(json.loads(line, object_pairs_hook=_once))
        except _Twice as fault:
            raise DataError(f"{path}, line {number}: '{fault}' is there twice; remove one of the two") from None
        except (ValueError, RecursionError) as error:
            told = why if not rows else f"line {number}: {error}"
            named = "" if path.suffix.casefold() == ".csv" else ", with a name in .csv if it is CSV"
            said = f"{path}: neither JSON nor JSONL ({told}); give the file as it was written{named}"
            raise DataError(said) from error
    return rows
