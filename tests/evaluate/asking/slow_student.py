"""A student that workers of a cluster can open: it says what it is asked, takes its time, and may die at it once."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from demitasse.dataset import Item, TaskFile, write
from demitasse.errors import MediaError

PATIENCE = 300.0  # seconds for the slowest machine's Ray to start its workers


def heard(path: Path) -> tuple[set[str], Counter[str]]:
    """Who was asked, and how often each question was."""
    lines = [line.split(" ", 1) for line in path.read_text(encoding="utf-8").splitlines()]
    return {process for process, _ in lines}, Counter(question for _, question in lines)


def small_files(folder: Path, count: int) -> list[TaskFile]:
    """Items about small files that stand for videos; one of them is not there."""
    media = folder / "media"
    media.mkdir()
    for number in range(1, count):
        (media / f"{number}.mp4").write_bytes(bytes([number]))
    items = [Item(f"open_qa {number}?", "A", video_id=f"{number}.mp4") for number in range(count)]
    file = TaskFile(items, task="open_qa", license="x", media_root="media", path=folder / "open_qa.json")
    write(file.path, file)
    return [file]


@dataclass
class Said:
    text: str
    finish: str = "stop"
    evidence: str = ""


@dataclass(frozen=True)
class SlowStudent:
    """`heard` gets a line for each question, `died` is made by the process that dies, after so many batches.

    None goes on before `together` of them have been asked: one that starts late finds work left.
    """

    heard: Path
    seconds: float = 0.0
    died: Path | None = None
    batches: int = 2
    together: int = 1

    def __call__(self) -> Asked:
        return Asked(self)


class Asked:
    def __init__(self, student: SlowStudent) -> None:
        self.student, self.batches = student, 0

    def answer(self, items: Sequence[tuple[Item, Path]]) -> list[Said]:
        for _, path in items:
            if not path.is_file():
                raise MediaError(path, "no such file")
        with self.student.heard.open("a", encoding="utf-8") as heard:
            heard.write("".join(f"{os.getpid()} {item.question}\n" for item, _ in items))
        self._wait_for_the_others()
        time.sleep(self.student.seconds)
        self.batches += 1
        if self.student.died is not None and self.batches == self.student.batches:
            self._die(self.student.died)
        return [Said(f"{item.media_id}: {item.question}") for item, _ in items]

    def _wait_for_the_others(self) -> None:
        until = time.monotonic() + PATIENCE
        while len(heard(self.student.heard)[0]) < self.student.together:
            assert time.monotonic() < until, "the others never came"
            time.sleep(0.02)

    def _die(self, died: Path) -> None:
        try:
            died.touch(exist_ok=False)
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)
