"""Toy clips, and what a test does with a whole run over them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from annotate.espresso.config import SECTION, Spec
from annotate.espresso.forecast import forecast
from annotate.espresso.pipeline import run_of
from annotate.run.forecast import Forecast
from annotate.run.pipeline import Annotated
from demitasse.chat.model import Capability, Outcome, Reply, Request
from demitasse.chat.scripted import ScriptedModel
from demitasse.media.pool import DecodePool
from demitasse.toyworld.render import render

CLIPS = 3


class Teacher(ScriptedModel):
    """The scripted teacher, with other replies for chosen steps: a text, a Reply, or a function of the request."""

    def __init__(self, **replies: str | Reply | Callable[[Request], str | Reply | None]) -> None:
        super().__init__()
        self.replies = replies
        self.asked: list[Request] = []

    @property
    def capability(self) -> Capability:
        return Capability(boxes="qwen_1000")

    async def reply(self, request: Request) -> Reply:
        self.asked.append(request)
        other = self.replies.get(request.step)
        told = other(request) if callable(other) else other
        if isinstance(told, str):
            return Reply(Outcome.SUCCESS, told, model="teacher")
        return told or await super().reply(request)

    @property
    def steps(self) -> set[str]:
        return {request.step for request in self.asked}


class Bar:
    """A folder with clips and results, and what a test does with them."""

    def __init__(self, folder: Path, pool: DecodePool, clips: Path) -> None:
        self.videos, self.out, self.pool = folder / "videos", folder / "out", pool
        shutil.copytree(clips, self.videos)

    teacher = Teacher
    done: Annotated[Any]

    def words(self, *overrides: str, out: Path | None = None) -> list[str]:
        """The command's arguments."""
        given = ["captioner.backend=scripted", "writer.backend=scripted", f"data.video_root={self.videos}", *overrides]
        return [f"results_dir={out or self.out}", *(f"{SECTION}.{text}" for text in given)]

    def spec(self, *overrides: str, out: Path | None = None) -> Spec:
        return Spec.read(None, self.words(*overrides, out=out))

    def annotate(
        self, *overrides: str, teacher: Teacher | None = None, out: Path | None = None, **more: Any
    ) -> Annotated[Any]:
        told = teacher or Teacher()
        models = dict.fromkeys(("captioner", "writer", "checker", "detector"), told)
        return run_of(self.spec(*overrides, out=out)).annotate(models, progress=False, pool=self.pool, **more)

    def plan(self, *overrides: str) -> Forecast:
        return forecast(self.spec(*overrides), self.pool)

    def rows(self, file: str, out: Path | None = None) -> dict[str, dict[str, Any]]:
        """The last row of each video in a file of the results."""
        lines = ((out or self.out) / file).read_bytes().splitlines()
        return {row["video"]: row for row in map(orjson.loads, lines)}

    def items(self, task: str, out: Path | None = None) -> list[dict[str, Any]]:
        return orjson.loads(((out or self.out) / "items" / f"{task}.json").read_bytes())["items"]


@pytest.fixture(scope="session")
def decode_pool():
    with DecodePool(1) as pool:
        yield pool


@pytest.fixture(scope="session")
def clips(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    render(folder, range(CLIPS))
    return folder


@pytest.fixture
def bar(tmp_path, decode_pool, clips) -> Bar:
    """Where runs are tried."""
    return Bar(tmp_path, decode_pool, clips)


@pytest.fixture(scope="session")
def whole(tmp_path_factory, decode_pool, clips) -> Bar:
    """One run of everything, to be looked at and not touched; `done` is what it told."""
    bar = Bar(tmp_path_factory.mktemp("whole"), decode_pool, clips)
    bar.done = bar.annotate("split=test", "license=CC0-1.0")
    return bar
