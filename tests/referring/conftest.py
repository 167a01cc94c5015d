"""Stand-ins for the tests of the steps: a teacher that says what a test gives it, and pictures that nobody draws."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from annotate.asking import Asker
from annotate.referring.pictures import Shown
from annotate.referring.prompt_keys import PROMPTS
from demitasse.chat.model import Capability, Image, Outcome, Reply, Request, Sampling, Text
from demitasse.engine.caller import open_caller
from demitasse.engine.step import Fields, Step
from demitasse.media.pool import DecodePool
from demitasse.prompts import load_pack

LISTED = re.compile(r"^(?:(\d+)\. (.*)|   box (\d+)): (\[.*\])$", re.MULTILINE)


class Teacher:
    """Answers with the texts it is given, in order and the last one for good; a text may be made of the request."""

    def __init__(self, *says: str | Callable[[Request], str], boxes: str = "", json_schema: bool = True) -> None:
        self.says = list(says)
        self.name = "teacher"
        self.capability = Capability(boxes=boxes, json_schema=json_schema)
        self.asked: list[Request] = []

    async def reply(self, request: Request) -> Reply:
        said = self.says[min(len(self.asked), len(self.says) - 1)]
        self.asked.append(request)
        return Reply(Outcome.SUCCESS, said(request) if callable(said) else said, model="teacher-1")

    async def close(self) -> None: ...

    @property
    def complaints(self) -> str:
        """What it was told was wrong with its replies."""
        return " ".join(turn.correction for request in self.asked for turn in request.turns)

    @property
    def prompt(self) -> str:
        return self.asked[0].text


@dataclass
class Pictures:
    """Shows every image as the same few bytes, at a settable size."""

    size: tuple[int, int] = (1000, 500)
    shows: int = 0

    def step(self) -> Step:
        async def measure(fields: Fields) -> Fields:
            return {"image": fields["image"]}

        return Step("media", "seed_annotations.jsonl", 1, lambda _: None, measure)

    def decides(self, fields: Fields, capability: Capability) -> Any:
        return {"media": fields["sha256"], "size": self.size}

    async def shown(self, fields: Fields, capability: Capability) -> Shown:
        self.shows += 1
        return Shown((Image(b"picture", "image/jpeg"),), self.size)


@dataclass
class Studio:
    """A results folder, and what a test does in it."""

    folder: Path
    pictures: Pictures = field(default_factory=Pictures)

    teacher = Teacher

    def run(self, kind: type, fields: Fields, teacher: Teacher, most: int = 40, pack: str = "referring") -> Fields:
        """The row of one step. Raises what the step raises."""

        async def row() -> Fields:
            with open_caller(self.folder) as caller:
                return await self.step(kind, teacher, most, pack, caller).run(fields)

        return asyncio.run(row())

    def step(self, kind: type, teacher: Teacher, most: int = 40, pack: str = "referring", caller: Any = None) -> Step:
        asker = Asker(caller, teacher, Sampling(), load_pack(pack, PROMPTS))
        built = kind(asker, self.pictures, most, ()) if "most" in kind.__dataclass_fields__ else None
        return (built or kind(asker, self.pictures, ())).step()


@pytest.fixture
def studio(tmp_path) -> Studio:
    return Studio(tmp_path / "out")


def fields_of(*boxes: tuple[str, list[float]], size: tuple[int, int] = (2000, 1000), **more: Any) -> Fields:
    """An image of this size with boxes of these types and pixels."""
    fields = {
        "image": "a.png",
        "image_id": "a",
        "width": size[0],
        "height": size[1],
        "sha256": "0" * 64,
        "left_out": [],
        "boxes": [{"type": name, "bbox_px": box, "line": line} for line, (name, box) in enumerate(boxes, 1)],
    }
    return fields | more


@pytest.fixture
def make_fields() -> Callable[..., Fields]:
    return fields_of


@pytest.fixture
def listed() -> Callable[[Request], list[tuple[str, str]]]:
    """Name and box, as text, of each box that a request lists."""
    return lambda request: [(match[2] or match[3], match[4]) for match in LISTED.finditer(texts(request))]


def texts(request: Request) -> str:
    return "\n".join(part.text for part in request.parts if isinstance(part, Text))


@pytest.fixture(scope="session")
def decode_pool():
    with DecodePool(2) as pool:
        yield pool
