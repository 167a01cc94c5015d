"""Toy clips, questions about them, and what a test does with a whole run."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from annotate.cotasks.teacher.config import Spec
from annotate.cotasks.teacher.forecast import forecast
from annotate.cotasks.teacher.pipeline import run_of
from annotate.run.forecast import Forecast
from annotate.run.pipeline import Annotated
from demitasse.chat.model import Capability, Outcome, Reply, Request
from demitasse.chat.scripted import ScriptedModel
from demitasse.cotasks.record import CoTasks
from demitasse.media.pool import DecodePool
from demitasse.toyworld.render import render

CLIPS = 3
HEADER = ("video", "qid", "question", "answer", "type", "a0", "a1", "a2", "a3", "a4")
OPTIONS = ("goes on", "freezes", "turns", "falls", "leaves")
SECRET = "freezes"  # the right option: no teacher may be told it


class Teacher(ScriptedModel):
    """The scripted teacher, with other replies for chosen steps: JSON, a text, a Reply, or made of the request."""

    def __init__(self, boxes: str = "qwen_1000", json_schema: bool = True, **replies: Any) -> None:
        super().__init__(boxes=boxes)
        self.replies, self.json_schema = replies, json_schema
        self.asked: list[Request] = []

    @property
    def capability(self) -> Capability:
        return Capability(boxes=super().capability.boxes, json_schema=self.json_schema)

    async def reply(self, request: Request) -> Reply:
        self.asked.append(request)
        other = self.replies.get(request.step)
        told = other(request) if callable(other) else other
        if isinstance(told, (str, dict)):
            return Reply(Outcome.SUCCESS, told if isinstance(told, str) else json.dumps(told), model="teacher")
        return told or await super().reply(request)

    def of(self, step: str) -> list[Request]:
        """The requests of a step, those that ask again included."""
        return [request for request in self.asked if request.step == step]

    @property
    def complaints(self) -> str:
        """What it was told was wrong with its replies."""
        return " ".join(turn.correction for request in self.asked for turn in request.turns)


class Desk:
    """A folder with clips, questions and results."""

    teacher = Teacher
    done: Annotated[Any]

    def __init__(self, folder: Path, pool: DecodePool, clips: Path) -> None:
        self.videos, self.out, self.pool = folder / "videos", folder / "out", pool
        self.questions = folder / "questions.csv"
        shutil.copytree(clips, self.videos)
        self.ask(*((f"{number:05d}", "0") for number in range(CLIPS)))

    def ask(self, *questions: tuple[str, str]) -> None:
        """Write the file of questions: (video, qid) each."""
        with open(self.questions, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(HEADER)
            for video, qid in questions:
                writer.writerow((video, qid, f"what does the shape do {qid}", OPTIONS.index(SECRET), "TC", *OPTIONS))

    def words(self, *overrides: str, out: Path | None = None) -> list[str]:
        """The command's arguments."""
        given = ["vlm.backend=scripted", "vocabulary=open", "frames=9", *overrides]
        data = [f"results_dir={out or self.out}", f"questions={self.questions}", f"videos={self.videos}"]
        return ["source=teacher", *data, *(f"cotasks.{text}" for text in given)]

    def spec(self, *overrides: str, out: Path | None = None) -> Spec:
        return Spec.read(None, self.words(*overrides, out=out))

    def annotate(
        self, *overrides: str, teacher: Teacher | None = None, out: Path | None = None, **more: Any
    ) -> Annotated[Any]:
        models = {"vlm": teacher or Teacher()}
        self.done = run_of(self.spec(*overrides, out=out)).annotate(models, progress=False, pool=self.pool, **more)
        return self.done

    def plan(self, *overrides: str) -> Forecast:
        return forecast(self.spec(*overrides), self.pool)

    def lines(self, file: str, out: Path | None = None) -> list[dict[str, Any]]:
        """The rows of a file of the results."""
        path = (out or self.out) / file
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def cotasks(self, out: Path | None = None) -> dict[str, CoTasks]:
        return {row["question_key"]: CoTasks.from_json(row) for row in self.lines("cotasks.jsonl", out)}

    def items(self, task: str, out: Path | None = None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(((out or self.out) / "items" / f"{task}.json").read_text())["items"]
        return found


@pytest.fixture(scope="package")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    render(folder, range(CLIPS))
    return folder


@pytest.fixture(scope="package")
def pool() -> Any:
    with DecodePool(1) as pool:
        yield pool


@pytest.fixture
def desk(tmp_path: Path, pool: DecodePool, clips: Path) -> Desk:
    return Desk(tmp_path, pool, clips)
