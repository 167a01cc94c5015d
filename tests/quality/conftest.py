import json
from pathlib import Path

import pytest

from annotate.quality.config import read_quality
from annotate.quality.entry import read_entries
from annotate.quality.export import write_items
from annotate.quality.pipeline import filter_items
from annotate.quality.report import summarise, write_report
from demitasse.chat.model import Outcome, Reply, Request
from demitasse.chat.scripted import ScriptedModel
from demitasse.dataset import Item, TaskFile, read_folder
from demitasse.media.pool import DecodePool
from demitasse.toyworld.render import render_clip

MCQ = "Which tool is dropped?\nA. a hammer\nB. a wrench\nC. a saw\nD. a drill\nAnswer with a single letter."


@pytest.fixture
def make_entry(tmp_path):
    """One item of a task, taken apart."""

    def make(task="open_qa", question="What happens?", answer="A car turns.", reasoning=None, **extra):
        image = extra.pop("image_id", None)
        video = None if image else extra.pop("video_id", "a.mp4")
        item = Item(question, answer, video, image, reasoning, extra.pop("item_index", None), extra)
        return read_entries([TaskFile([item], task=task, path=tmp_path / f"{task}.json")])[0]

    return make


@pytest.fixture
def make_choice(make_entry):
    """A multiple-choice item with the given right letter."""

    def make(answer="B", reasoning=None, question=MCQ, task="mcq", **extra):
        return make_entry(task, question, answer, reasoning, **extra)

    return make


class Model(ScriptedModel):
    """The scripted model, with other replies for chosen steps: a text, a Reply, or a function of the request."""

    def __init__(self, **replies) -> None:
        super().__init__()
        self.replies = replies
        self.asked: list[Request] = []

    async def reply(self, request):
        self.asked.append(request)
        other = self.replies.get(request.step)
        other = other(request) if callable(other) else other
        if other is None:
            return await super().reply(request)
        return other if isinstance(other, Reply) else Reply(Outcome.SUCCESS, other, model="model")

    def count(self, step: str) -> int:
        return sum(request.step == step for request in self.asked)


class Bench:
    """A folder of data and results, and what a test does with them."""

    model = Model

    def __init__(self, folder: Path, pool: DecodePool) -> None:
        self.data, self.out, self._pool = folder / "data", folder / "out", pool

    def put(self, task: str, *items: dict, media_root: str | None = None) -> Path:
        self.data.mkdir(exist_ok=True)
        path = self.data / f"{task}.json"
        value = {"format": "tao-vl-reason-v1.0", "metadata": {"type": "annotation", "task": task, "license": "CC0"}}
        value |= {"media_root": media_root} if media_root else {}
        path.write_text(json.dumps(value | {"items": list(items)}))
        return path

    def run(self, *overrides: str, model: Model | None = None):
        """Filter, write and count; returns what was found and the report."""
        config = read_quality(None, ["vlm.backend=scripted", "llm.backend=scripted", *overrides])
        files = read_folder(self.data)
        models = {"vlm": model, "llm": model} if model else None
        found = filter_items(files, config, self.out, models, progress=False, pool=self._pool)
        write_items(files, found.entries, found.verdicts, config, self.out)
        report = summarise(found, config, None)
        write_report(report, self.out)
        return found, report

    def verdicts(self, name: str, *overrides: str, model: Model | None = None) -> list[dict]:
        """What one filter says of every item, in order."""
        found, _ = self.run(f"filters=[{name}]", *overrides, model=model)
        return [found.verdicts[entry.id][name].to_json() for entry in found.entries]

    def written(self, folder: str) -> list[dict]:
        paths = sorted((self.out / folder).glob("*.json")) if (self.out / folder).is_dir() else []
        return [item for path in paths for item in json.loads(path.read_text())["items"]]


@pytest.fixture(scope="session")
def decode_pool():
    with DecodePool(1) as pool:
        yield pool


@pytest.fixture
def bench(tmp_path, decode_pool) -> Bench:
    return Bench(tmp_path, decode_pool)


@pytest.fixture(scope="session")
def toy_clips(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("toys")
    for number in range(3):
        render_clip(folder / f"{number:05d}.mp4", number)
    return folder
