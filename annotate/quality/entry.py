"""An item under examination: where it comes from, its task, and its question and answer taken apart."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from demitasse import timecode
from demitasse.answers import read_times
from demitasse.dataset import Item, TaskFile
from demitasse.dataset.dialect import Question, read_choice, read_question, read_span, read_verdict
from demitasse.errors import DataError

CHOICE = ("mcq", "mcq_openended")
BINARY = ("bcq", "bcq_openended")
SPAN = ("temporal_localization",)
CLOSED = (*CHOICE, *BINARY, *SPAN)
_LETTER = re.compile(r"\s*\(?([A-Z])[.):]")
_VERDICT = re.compile(r"\s*(yes|no)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Entry:
    """One item of one file.

    Attributes:
        id: sixteen hexadecimal digits of its content (`#2` and so on for exact repetitions): it survives
            reordering, renaming of files and new extra fields.
        file: the file it stands in.
        position: its place in there, from 0.
        item: the item.
        task: its task, or "" where the file names none.
        question: the question taken apart; the stem alone where it has no options.
        right: the letter of the right option, or "yes" or "no"; "" for other tasks.
        span: seconds of a temporal answer, as they are written: the start may come last.
        fault: why the answer of a closed task could not be read; the filters that need it say unknown.
    """

    id: str
    file: TaskFile
    position: int
    item: Item
    task: str
    question: Question
    right: str = ""
    span: tuple[float, float] | None = None
    fault: str = ""

    @property
    def media_path(self) -> Path:
        """The video or image."""
        return self.file.media_path(self.item)

    @property
    def place(self) -> str:
        """The media's normalised path: the same for every file that names it."""
        return os.path.normpath(self.media_path)

    @property
    def is_video(self) -> bool:
        """Whether it asks about a video and not about an image."""
        return self.item.video_id is not None

    @property
    def name(self) -> str:
        """How a reason names the item: its file and its own index or, where it has none, its place."""
        return f"{self.source}: {self.item.item_index or f'items[{self.position}]'}"

    @property
    def right_text(self) -> str:
        """The right option's text; "" where there are no options or the answer could not be read."""
        return self.question.options.get(self.right, "")

    @property
    def source(self) -> str:
        """The name of its file."""
        return self.file.path.name if self.file.path else ""


@dataclass
class _Numbering:
    """Makes ids that are unique: the second of two equal contents is `#2`."""

    seen: Counter[str] = field(default_factory=Counter)

    def id_of(self, task: str, item: Item) -> str:
        parts = (task, item.media_id, item.question, item.answer, item.reasoning or "")
        digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
        self.seen[digest] += 1
        return digest if self.seen[digest] == 1 else f"{digest}#{self.seen[digest]}"


def read_entries(files: Sequence[TaskFile]) -> list[Entry]:
    """All items of the files, in order, each taken apart. An item that cannot be read is there with its fault."""
    numbering = _Numbering()
    return [
        _entry(numbering.id_of(file.task_of(item), item), file, position, item)
        for file in files
        for position, item in enumerate(file.items)
    ]


def _entry(identity: str, file: TaskFile, position: int, item: Item) -> Entry:
    task = file.task_of(item)
    question = Question(item.question, {})
    try:
        question = read_question(item.question, task)
        right, span = _right(task, question, item.answer), _span(task, item)
        return Entry(identity, file, position, item, task, question, right, span)
    except DataError as fault:
        return Entry(identity, file, position, item, task, question, fault=str(fault))


def _right(task: str, question: Question, answer: str) -> str:
    """The right letter or verdict.

    Raises:
        DataError: if it cannot be read.
    """
    if task == "mcq":
        return read_choice(answer, question.options).value
    if task == "bcq":
        return read_verdict(answer).value.lower()
    pattern = {"mcq_openended": _LETTER, "bcq_openended": _VERDICT}.get(task)
    if pattern is None:
        return ""
    match = pattern.match(answer)
    if match is None or (task == "mcq_openended" and match[1] not in question.options):
        raise DataError("answer does not begin with " + ("an option's letter" if task in CHOICE else "Yes or No"))
    return match[1] if task in CHOICE else match[1].lower()


def _span(task: str, item: Item) -> tuple[float, float] | None:
    """Both times as they are written, even where the end comes first, which `read_times` would not give.

    Raises:
        DataError: if there are none.
    """
    if task not in SPAN:
        return None
    read = read_times(item.answer)
    if read.value is not None:
        return read.value
    written = read_span(item.answer)
    start, end = (timecode.parse(str(written[name])) for name in ("start", "end"))
    if start is None or end is None:
        raise DataError("answer holds no span of time such as 00:05 to 00:08")
    return start, end
