"""A folder of toy pictures with KITTI labels and a folder of results, and what a test does with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from annotate.referring.config import Spec
from annotate.referring.forecast import forecast
from annotate.referring.pipeline import Made, run_of
from annotate.run.forecast import Forecast
from annotate.run.pipeline import Annotated
from demitasse.chat.model import Outcome, Reply, Request
from demitasse.chat.scripted import ScriptedModel
from demitasse.engine.shard import Shard
from demitasse.media.pool import DecodePool
from demitasse.toyworld.kitti import kitti_label
from demitasse.toyworld.picture import render_scene
from demitasse.toyworld.scene import toy_scene

SECTION = "image_referring_expression"
SIZE = (128, 96)
WHEN = ("time", "latency", "attempts", "cost")  # what the same replies need not have in common


class Teacher(ScriptedModel):
    """The scripted teacher, with other replies for chosen steps: a text, a Reply, or a function of the request."""

    def __init__(self, **replies: Any) -> None:
        super().__init__()
        self.replies = replies
        self.asked: list[Request] = []

    async def reply(self, request: Request) -> Reply:
        self.asked.append(request)
        other = self.replies.get(request.step)
        told = other(request) if callable(other) else other
        if isinstance(told, str):
            return Reply(Outcome.SUCCESS, told, model="teacher")
        return told or await super().reply(request)

    def steps(self) -> list[str]:
        return sorted(request.step for request in self.asked)


class Gallery:
    """Toy pictures, their labels, and a results folder."""

    teacher = Teacher

    def __init__(self, folder: Path, pool: DecodePool) -> None:
        self.folder, self.pool, self.out = folder, pool, folder / "out"
        self.images, self.labels = folder / "images", folder / "labels"
        self.images.mkdir()
        self.labels.mkdir()

    def put(self, *numbers: int) -> list[str]:
        """Pictures with these numbers; returns their names."""
        for number in numbers:
            render_scene(self.images / f"{number:03d}.png", number, *SIZE)
            label = kitti_label(toy_scene(number), *SIZE)
            (self.labels / f"{number:03d}.txt").write_text(label, encoding="utf-8")
        return [f"{number:03d}.png" for number in numbers]

    def given(self, *overrides: str) -> list[str]:
        """The arguments of the command."""
        told = ("vlm.backend=scripted", f"data.image_dir={self.images}", f"data.kitti_label_dir={self.labels}")
        return [f"results_dir={self.out}", *(f"{SECTION}.{text}" for text in (*told, *overrides))]

    def spec(self, *overrides: str) -> Spec:
        return Spec.read(None, self.given(*overrides))

    def run(
        self,
        *overrides: str,
        teacher: Teacher | None = None,
        checker: Teacher | None = None,
        shard: Shard | None = None,
    ) -> Annotated[Made]:
        teacher = teacher or Teacher()
        models = {"vlm": teacher, "checker": checker or teacher}
        return run_of(self.spec(*overrides)).annotate(models, progress=False, pool=self.pool, shard=shard)

    def merge(self, *overrides: str, partial: bool = False) -> Annotated[Made]:
        return run_of(self.spec(*overrides)).merge(partial)

    def plan(self, *overrides: str) -> Forecast:
        return forecast(self.spec(*overrides), self.pool)

    def rows(self, file: str = "annotations.jsonl") -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in (self.out / file).read_bytes().splitlines()]

    def work(self) -> dict[str, Any]:
        """What runs have left, by file: journals in any order and without times, what is made of them as it is."""
        found: dict[str, Any] = {}
        for path in [*self.out.glob("*.jsonl"), *self.out.glob("step_*/*.jsonl")]:
            rows = [_timeless(orjson.loads(line)) for line in path.read_bytes().splitlines()]
            found[path.relative_to(self.out).as_posix()] = sorted(rows, key=orjson.dumps)
        for path in [*self.out.glob("items/*.json"), *self.out.glob("step_*/labels/*")]:
            found[path.relative_to(self.out).as_posix()] = path.read_bytes()
        return found


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _timeless(part) for name, part in value.items() if name not in WHEN}
    return [_timeless(part) for part in value] if isinstance(value, list) else value


@pytest.fixture(scope="session")
def decode_pool():
    with DecodePool(2) as pool:
        yield pool


@pytest.fixture
def gallery(tmp_path, decode_pool) -> Gallery:
    return Gallery(tmp_path, decode_pool)
