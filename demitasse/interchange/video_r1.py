"""Video-R1's JSON, which VideoRFT and others share: one problem about one video or image a row.

    {"problem_id": 7, "problem": "What …", "data_type": "video", "problem_type": "multiple choice",
     "options": ["A. …", "B. …"], "process": "<think>…</think>", "solution": "<answer>B</answer>",
     "path": "./NeXT-QA/a.mp4"}

Multiple choice is `mcq`; the other types (numerical, OCR, free-form, regression) are `open_qa` and keep their name in
the item's extra field `problem_type`, because a rule that rewards an answer goes by it. The rows for reinforcement
learning have no process.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from demitasse.dataset import Item, TaskFile
from demitasse.dataset.dialect import mcq_answer, question_text, read_choice, read_question
from demitasse.dataset.schema import shown
from demitasse.errors import DataError
from demitasse.interchange.conversation import kind_of
from demitasse.interchange.lens import LABEL, Row
from demitasse.interchange.lettered import read_letter, read_options
from demitasse.interchange.row_files import Read, read_rows, save, to_rows

PROBLEM_TYPE = "problem_type"
CHOICE = "multiple choice"
FREE = "free-form"
_ANSWER = re.compile(r"\s*<answer>\s*(.*?)\s*</answer>\s*", re.DOTALL)
_THINK = re.compile(r"\s*<think>\s*(.*?)\s*</think>\s*", re.DOTALL)


class VideoR1:
    """Rows of one problem."""

    name = "video-r1"
    row_keys = frozenset({"problem_id", "problem", "data_type", PROBLEM_TYPE, "options", "process", "solution", "path"})
    item_fields = frozenset({PROBLEM_TYPE, LABEL})

    def task(self, row: Mapping[str, Any]) -> str:
        """`mcq` for multiple choice, `open_qa` for the other types."""
        return "mcq" if row.get(PROBLEM_TYPE) == CHOICE else "open_qa"

    def item(self, row: Mapping[str, Any]) -> Item:
        """The item of a row."""
        problem, path = _text(row, "problem"), _text(row, "path").removeprefix("./")
        if not path:
            raise DataError("path is empty; a row is about one video or image")
        answer = _inside(_ANSWER, _text(row, "solution"))
        kind = row.get(PROBLEM_TYPE)
        extra: dict[str, Any] = {}
        if kind == CHOICE:
            options = read_options(row.get("options"))
            answer = mcq_answer(read_letter(answer, options), options)
            problem = question_text("mcq", problem.strip(), "tao", options)
        elif isinstance(kind, str) and kind != FREE:
            extra[PROBLEM_TYPE] = kind
        process = row.get("process")
        reasoning = _inside(_THINK, process) if isinstance(process, str) and process.strip() else None
        item = Item(problem, answer, reasoning=reasoning, item_index=_identity(row), extra=extra)
        if row.get("data_type") == "image":
            item.image_id = path
        elif row.get("data_type") == "video":
            item.video_id = path
        else:
            raise DataError(f"data_type is {shown(row.get('data_type'))}, neither video nor image")
        return item

    def row(self, item: Item, task: str) -> Row:
        """A row."""
        index = item.item_index
        row: Row = {} if index is None else {"problem_id": int(index) if _is_whole(index) else index}
        kind = item.extra.get(PROBLEM_TYPE)
        row |= (
            _choice(item) if task == "mcq" else _free(item, kind if isinstance(kind, str) and kind != CHOICE else FREE)
        )
        if item.reasoning is not None:
            row["process"] = f"<think>{item.reasoning}</think>"
        answer = read_choice(item.answer, read_question(item.question, "mcq").options).value if task == "mcq" else None
        return row | {"solution": f"<answer>{answer or item.answer}</answer>", "path": f"./{item.media_id}"}


def read(path: Path) -> Read:
    """Read a Video-R1 file.

    Raises:
        DataError: if it cannot be read, or none of its rows fits an item.
    """
    return read_rows(path, VideoR1())


def write(files: Sequence[TaskFile], path: Path) -> Path:
    """Write dataset files as one Video-R1 file.

    Returns:
        The folder that the paths in it count from.

    Raises:
        DataError: if the dataset has several media folders, or an item does not fit.
    """
    return save(to_rows(files, path, VideoR1()), path)


def _choice(item: Item) -> Row:
    question = read_question(item.question, "mcq")
    options = [f"{letter}. {text}" for letter, text in question.options.items()]
    return {"problem": question.stem, "data_type": kind_of(item), PROBLEM_TYPE: CHOICE, "options": options}


def _free(item: Item, kind: str) -> Row:
    return {"problem": item.question, "data_type": kind_of(item), PROBLEM_TYPE: kind, "options": []}


def _identity(row: Mapping[str, Any]) -> str | None:
    value = row.get("problem_id")
    return str(value) if isinstance(value, int | str) and not isinstance(value, bool) else None


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdecimal() and str(int(text[:18])) == text


def _text(row: Mapping[str, Any], key: str) -> str:
    if not isinstance(row.get(key), str):
        raise DataError(f"{key} is {shown(row.get(key))}, not a text")
    return str(row[key])


def _inside(tag: re.Pattern[str], text: str) -> str:
    """What stands between the tags; the whole text where they are left out."""
    match = tag.fullmatch(text)
    return match[1] if match else text.strip()
