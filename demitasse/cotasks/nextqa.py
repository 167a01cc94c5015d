"""Questions of NExT-QA, NExT-OE and NExT-GQA, in every form in which they are published.

The same questions go round as CSV, JSON, JSON Lines and Parquet, with the video in `video` or `video_id`, the right
option as its number, its letter or its text, and options in columns `a0`-`a4` or one list. Columns are found by name
and what the answers are is decided for a file as a whole: in one row alone, "3" may be a number or an option's text.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from demitasse.dataset.schema import load_object, shown
from demitasse.errors import DataError
from demitasse.interchange.expecting import expects
from demitasse.interchange.recognise import NEXTQA

TYPES = ("CW", "CH", "TN", "TP", "TC", "DB", "DC", "DL", "DO")
LETTERS = "ABCDEFGHIJ"

# Our field -> the names that it has been published under.
_COLUMNS = {
    "video": ("video", "video_id", "vid", "video_name"),
    "qid": ("qid", "question_id", "q_id"),
    "question": ("question",),
    "answer": ("answer", "correct_answer", "label"),
    "type": ("type", "question_type", "qtype"),
}
_NEEDED = ("video", "qid", "question", "answer")
_OPTION = re.compile(r"(?:a|option|choice)_?([0-9])")
_LISTS = ("options", "choices", "candidates")
_SIZES = ("frame_count", "width", "height")
_EXTRA_ANSWER = ("additional_ref_answer", "additional_answer", "ref_answer")
_LONG_QID = re.compile(r"([A-Z]{2})_(.+)_([^_]+)")  # "CW_4010069381_6", as SeViLA's files have it
_WHOLE_FLOAT = re.compile(r"^([0-9]+)\.0$")  # an id that pandas made a float
_MEDIA = re.compile(r"\.(?:mp4|avi|mkv|webm)$", re.IGNORECASE)
_BEYOND = "beyond the header"  # a CSV row's fields for which the header has no name

AnswerKind = Literal["number", "letter", "text"]


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    Attributes:
        video: the video's id, digits.
        qid: unique within the video, but for a few rows of NExT-OE's train file; `key` is unique.
        text: as published, lower case and without a question mark.
        answer: in words; of multiple choice, the right option's text.
        type: one of `TYPES`, "" if the file has none.
        options: of multiple choice, in order; else empty.
        right: place of the right option; None if there are no options.
        frame_count, width, height: of the video, where the file says so.
        second_answer: another accepted answer (open-ended, test).
        repeat: how many other questions before it have its video and qid.
    """

    video: str
    qid: str
    text: str
    answer: str
    type: str = ""
    options: tuple[str, ...] = ()
    right: int | None = None
    frame_count: int | None = None
    width: int | None = None
    height: int | None = None
    second_answer: str | None = None
    repeat: int = 0

    @property
    def key(self) -> str:
        """`<video>_<qid>`, as the official predictions name it; `<video>_<qid>-2` for a second of that name."""
        return f"{self.video}_{self.qid}" + f"-{self.repeat + 1}" * bool(self.repeat)


@dataclass(frozen=True, slots=True)
class Questions:
    """A file's questions in its order; `unusable` is (which row, why) for each row that is none."""

    questions: tuple[Question, ...]
    unusable: tuple[tuple[str, str], ...]


class _Row(dict[str, Any]):
    """A row by our field names, with `options`."""


@expects(NEXTQA)
def read_questions(path: Path | str) -> Questions:
    """Read a file of questions.

    Raises:
        DataError: if it cannot be read, or lacks a column that every published form has.
    """
    path = Path(path)
    raw = _rows(path)
    if not raw:
        raise DataError(f"{path} holds no question; give the CSV, JSON or Parquet file as published")
    names = {key for row in raw for key in row}
    columns = {field: _column(names, published) for field, published in _COLUMNS.items()}
    missing = [field for field in _NEEDED if columns[field] is None]
    if missing:
        tried = " or ".join(_COLUMNS[missing[0]])
        raise DataError(f"{path} has no column {tried}; it has {', '.join(sorted(names)[:20])}: is it NExT-QA's file?")
    rows = [_named(row, columns) for row in raw]
    kind = _answer_kind([row for row in rows if row["options"] and not any(row[_BEYOND] or ())])
    read: dict[str, Question] = {}
    unusable: list[tuple[str, str]] = []
    for number, row in enumerate(rows, start=1):
        try:
            question = _question(row, kind)
            while (other := read.get(question.key)) is not None:
                if replace(question, repeat=0) == replace(other, repeat=0):
                    raise DataError("the same question is there before")
                question = replace(question, repeat=question.repeat + 1)
            read[question.key] = question
        except DataError as fault:
            unusable.append((f"{path.name} row {number} ({_text(row['video'])}_{_text(row['qid'])})", str(fault)))
    return Questions(tuple(read.values()), tuple(unusable))


def _rows(path: Path) -> list[dict[str, Any]]:
    suffix = path.suffix.casefold()
    if suffix == ".parquet":
        return [_lowered(row) for row in _parquet(path)]
    if suffix == ".json":
        return [_lowered(row) for row in _records(path, load_object(path))]
    text = _file_text(path)
    if suffix in (".jsonl", ".ndjson"):
        return [_lowered(row) for row in _lines(path, text)]
    return _csv(path, text)


def _file_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as fault:
        raise DataError(f"{path} cannot be read: {fault.strerror or fault}") from fault
    except UnicodeDecodeError as fault:
        raise DataError(f"{path} is not UTF-8 text (byte {fault.start}); save it as UTF-8") from fault


def _csv(path: Path, text: str) -> list[dict[str, Any]]:
    header = text.splitlines()[0] if text.strip() else ""
    delimiter = max(",\t;", key=header.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey=_BEYOND, delimiter=delimiter)
    try:
        return [_lowered(row) for row in reader if any(row.values())]
    except csv.Error as fault:
        raise DataError(f"{path} line {reader.line_num} is no CSV ({fault}); is a quote left open?") from fault


def _lines(path: Path, text: str) -> list[Any]:
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):  # U+2028 and others may stand within a text
        if line.strip():
            try:
                rows.append(json.loads(line))
            except ValueError as fault:
                raise DataError(f"{path} line {number} is no JSON ({fault}); it may have been cut short") from fault
    return rows


def _records(path: Path, value: Any) -> list[Any]:
    """A list, one under a key, or columns each with its values by row (pandas' default)."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        lists = [content for content in value.values() if isinstance(content, list)]
        if len(lists) == 1 and all(isinstance(row, dict) for row in lists[0]):
            return lists[0]
        if value and all(isinstance(content, dict) for content in value.values()):
            rows = list(value.values())
            by_column = _column(set(map(str.casefold, value)), _COLUMNS["question"]) is not None
            return [{name: value[name].get(row) for name in value} for row in rows[0]] if by_column else rows
    raise DataError(f"{path} holds no list of questions; give the CSV, JSON or Parquet file as published")


def _parquet(path: Path) -> list[Any]:
    try:
        import pyarrow.parquet
    except ImportError:
        raise DataError(
            f"{path}: reading Parquet needs pyarrow: run pip install -e '.[train]' in the checkout, or save it as CSV"
        ) from None
    try:
        rows: list[Any] = pyarrow.parquet.read_table(path).to_pylist()
    except (OSError, pyarrow.ArrowException) as fault:
        raise DataError(f"{path} cannot be read as Parquet: {fault}") from fault
    return rows


def _lowered(row: Any) -> dict[str, Any]:
    if not isinstance(row, Mapping):
        raise DataError(f"a question is {shown(row)}, not an object with video, qid, question and answer")
    return {str(key).strip().casefold(): value for key, value in row.items()}


def _column(names: set[str], published: Sequence[str]) -> str | None:
    return next((name for name in published if name in names), None)


def _named(row: Mapping[str, Any], columns: Mapping[str, str | None]) -> _Row:
    named = _Row({field: row.get(name) if name else None for field, name in columns.items()})
    named |= {size: row.get(size) for size in _SIZES}
    named["second_answer"] = next((row[name] for name in _EXTRA_ANSWER if row.get(name)), None)
    named["options"] = _options(row)
    named[_BEYOND] = row.get(_BEYOND)
    return named


def _options(row: Mapping[str, Any]) -> tuple[str, ...]:
    for name in _LISTS:
        value = row.get(name)
        if isinstance(value, str) and value.lstrip().startswith("["):
            try:
                value = json.loads(value)
            except ValueError:
                continue
        if isinstance(value, list):
            return tuple(_text(option) for option in value)
    found = {int(match[1]): row[name] for name in row if (match := _OPTION.fullmatch(name))}
    options = [_text(found[place]) for place in sorted(found)]
    return tuple(options) if any(options) else ()


def _answer_kind(rows: Sequence[_Row]) -> AnswerKind:
    """What the answers of multiple choice are; numbers only if every row's answer is the number of an option."""
    answers = [(_text(row["answer"]), row["options"]) for row in rows]
    if all(re.fullmatch(r"[0-9]+(?:\.0)?", answer) and float(answer) < len(options) for answer, options in answers):
        return "number"
    if all(len(answer) == 1 and answer in LETTERS[: len(options)] for answer, options in answers):
        return "letter"
    return "text"


def _question(row: _Row, kind: AnswerKind) -> Question:
    if any(row[_BEYOND] or ()):
        raise DataError("it has more fields than the header; a comma in a text needs quotes")
    video, qid, kind_of = _identity(row)
    text, answer = _needed(row, "question"), _needed(row, "answer")
    options: tuple[str, ...] = row["options"]
    right = None
    if options:
        if not all(options):
            raise DataError(f"option {options.index('')} is empty")
        right = _right(answer, options, kind)
        answer = options[right]
    second = None if row["second_answer"] is None else _text(row["second_answer"])
    count, width, height = (_whole(row[size], size) for size in _SIZES)
    return Question(video, qid, text, answer, kind_of, options, right, count, width, height, second)


def _identity(row: _Row) -> tuple[str, str, str]:
    """Video, qid and type; some files put all three into the qid."""
    video, qid = (_WHOLE_FLOAT.sub(r"\1", _needed(row, field)) for field in ("video", "qid"))
    video, kind = _MEDIA.sub("", video.rsplit("/", 1)[-1]), _text(row["type"])
    long = _LONG_QID.fullmatch(qid)
    if long and long[2] == video:
        qid, kind = long[3], kind or long[1]
    elif qid.startswith(f"{video}_"):
        qid = qid.removeprefix(f"{video}_")
    return video, qid, kind.upper()


def _right(answer: str, options: Sequence[str], kind: AnswerKind) -> int:
    if kind == "number":
        return int(float(answer))
    if kind == "letter":
        return LETTERS.index(answer)
    places = [place for place, option in enumerate(options) if option == answer]
    places = places or [place for place, option in enumerate(options) if option.casefold() == answer.casefold()]
    if not places:
        raise DataError(f"its answer {shown(answer)} is none of its options")
    return places[0]  # an option given twice is the same answer twice


def _needed(row: _Row, field: str) -> str:
    value = _text(row[field])
    if not value:
        raise DataError(f"its {field} is empty")
    return value


def _text(value: Any) -> str:
    """A cell as text; pandas makes whole numbers floats."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return " ".join(str(value).split())


def _whole(value: Any, field: str) -> int | None:
    text = _text(value)
    if not text:
        return None
    if not re.fullmatch(r"[0-9]+(?:\.0+)?", text) or not float(text):
        raise DataError(f"its {field} is {shown(value)}, not a whole number above 0")
    return int(float(text))
