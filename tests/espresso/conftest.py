"""Stand-ins for the tests of the steps: a model that says what a test gives it, and a video that nobody has filmed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from annotate.asking import Asker
from annotate.espresso.prompt_keys import PROMPTS
from annotate.referring.pictures import Shown
from demitasse.chat.model import Capability, Image, Outcome, Reply, Request, Sampling
from demitasse.engine.caller import open_caller
from demitasse.engine.step import Fields, Step
from demitasse.prompts import load_pack

Says = str | dict[str, Any] | Reply


class Teacher:
    """Answers with what it is given, in order and the last for good; what it says may be made of the request."""

    def __init__(
        self, *says: Says | Callable[[Request], Says], name: str = "teacher", boxes: str = "", json_schema: bool = True
    ) -> None:
        self.says = list(says)
        self.name = name
        self.capability = Capability(boxes=boxes, json_schema=json_schema)
        self.asked: list[Request] = []

    async def reply(self, request: Request) -> Reply:
        said = self.says[min(len(self.asked), len(self.says) - 1)]
        self.asked.append(request)
        said = said(request) if callable(said) else said
        if isinstance(said, Reply):
            return said
        return Reply(Outcome.SUCCESS, said if isinstance(said, str) else json.dumps(said), model="teacher-1")

    async def close(self) -> None: ...

    @property
    def complaints(self) -> str:
        """What it was told was wrong with its replies."""
        return " ".join(turn.correction for request in self.asked for turn in request.turns)


@dataclass
class Pictures:
    """Shows every frame as the same few bytes, at a settable size."""

    size: tuple[int, int] = (1000, 500)
    times: list[float] = field(default_factory=list)

    def decides(self, fields: Fields, capability: Capability) -> dict[str, Any]:
        return {"media": fields["sha256"]}

    async def shown_at(self, fields: Fields, times: Sequence[float], capability: Capability) -> list[Shown]:
        self.times += times
        return [Shown((Image(b"frame", "image/jpeg", time),), self.size) for time in times]


@dataclass
class Kitchen:
    """A results folder, and what a test does in it."""

    folder: Path
    pictures: Pictures = field(default_factory=Pictures)

    teacher = Teacher

    def run(self, teacher: Teacher | Sequence[Teacher], make: Callable[..., Any], fields: Fields) -> Fields:
        """What a step says; `make` gets an asker for each teacher and returns an object with a `step`."""
        teachers = [teacher] if isinstance(teacher, Teacher) else list(teacher)

        async def once() -> Fields:
            with open_caller(self.folder) as caller:
                pack = load_pack("espresso", PROMPTS)
                askers = [Asker(caller, one, Sampling(), pack) for one in teachers]
                step: Step = make(*askers).step()
                assert json.dumps(step.inputs(fields)) is not None  # the key of its row can be made
                return await step.run(fields)

        return asyncio.run(once())


@pytest.fixture
def kitchen(tmp_path: Path) -> Kitchen:
    """Where steps are tried."""
    return Kitchen(tmp_path)


@pytest.fixture
def video() -> Fields:
    """A video of six captioned frames, in two groups, with two questions about the first of them."""
    captions = [
        "A woman in a red coat lifts a kettle.",
        "Steam rises from the kettle over a white bowl.",
        "The white bowl is full; the kettle stands beside it.",
        "A man opens a window.",
        "The man waves smoke out of the window.",
        "The room is clear and the man sits down.",
    ]
    frames = [{"frame": 24 * place, "time": float(place), "caption": text} for place, text in enumerate(captions)]
    question = {"task": "Causal Inference", "question": "Why is the kettle lifted?", "group": 0, "frames": [0, 1]}
    other = {"task": "Event Process", "question": "How is the bowl filled?", "group": 0, "frames": [1, 2]}
    return {
        "video": "tea/one.mp4",
        "path": "/videos/tea/one.mp4",
        "sha256": "5e",
        "video_length": 6.0,
        "width": 1000,
        "height": 500,
        "frames": frames,
        "groups": [[0, 1, 2], [3, 4, 5]],
        "questions": [
            {
                "id": "tea/one.mp4/qa_000",
                "answer": "The woman lifts it to fill the white bowl with hot water.",
                **question,
            },
            {"id": "tea/one.mp4/qa_001", "answer": "She pours from the kettle until the bowl is full.", **other},
        ],
    }
