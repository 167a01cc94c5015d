import shutil
from pathlib import Path

import av
import numpy as np
import orjson
import pytest

from annotate.video_reasoning.config import Spec
from annotate.video_reasoning.pipeline import Annotated, run_of
from demitasse.chat.model import Capability, Outcome, Reply, Request
from demitasse.chat.scripted import ScriptedModel
from demitasse.media.pool import DecodePool
from demitasse.toyworld.render import render_clip
from demitasse.toyworld.world import toy_clip

SECTION = "video_reasoning_annotation"
# A toy clip of each mode.
NUMBERS = {
    "anomaly": next(number for number in range(100) if toy_clip(number).alarm),
    "normal": next(number for number in range(100) if not toy_clip(number).alarm),
}


class Teacher(ScriptedModel):
    """The scripted teacher, with other replies for chosen steps: a text, a Reply, or a function of the request."""

    def __init__(self, json_schema: bool = True, video: bool = True, **replies) -> None:
        super().__init__()
        self.replies = replies
        self.asked: list[Request] = []
        self._takes = Capability(video=video, json_schema=json_schema)

    @property
    def capability(self) -> Capability:
        return self._takes

    async def reply(self, request: Request) -> Reply:
        self.asked.append(request)
        other = self.replies.get(request.step)
        if callable(other):
            other = other(request)
        if other is None:
            return await super().reply(request)
        if isinstance(other, Reply):
            return other
        return Reply(Outcome.SUCCESS, other, model="teacher")

    def steps(self) -> list[str]:
        return sorted(request.step for request in self.asked)


class Desk:
    """A folder with videos and results, and what a test does with them."""

    def __init__(self, folder: Path, pool: DecodePool, clips: Path) -> None:
        self.videos, self.out, self.pool, self._clips = folder / "videos", folder / "out", pool, clips
        self.pack = Path(__file__).parents[2] / "prompts" / "general.yaml"
        self.videos.mkdir()

    teacher = Teacher

    def put(self, name: str, mode: str = "normal") -> Path:
        path = self.videos / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self._clips / f"{mode}.mp4", path)
        return path

    def spec(self, *overrides: str) -> Spec:
        scripted = [f"{SECTION}.{name}.backend=scripted" for name in ("vlm", "llm")]
        given = [f"{SECTION}.{text}" for text in overrides]
        root = [] if any("data." in text for text in overrides) else [f"{SECTION}.data.video_root={self.videos}"]
        return Spec.read(None, [f"results_dir={self.out}", *root, *scripted, *given])

    def annotate(self, *overrides: str, vlm: Teacher | None = None, llm: Teacher | None = None) -> Annotated:
        vlm = vlm or Teacher()
        models = {"vlm": vlm, "llm": llm or vlm}
        return run_of(self.spec(*overrides)).annotate(models, progress=False, pool=self.pool)


@pytest.fixture(scope="session")
def decode_pool():
    with DecodePool(2) as pool:
        yield pool


@pytest.fixture(scope="session")
def clips(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for mode, number in NUMBERS.items():
        render_clip(folder / f"{mode}.mp4", number)
    return folder


@pytest.fixture
def desk(tmp_path, decode_pool, clips) -> Desk:
    return Desk(tmp_path, decode_pool, clips)


@pytest.fixture(scope="session")
def make_plain_video():
    """Writes two seconds of a picture that changes and carries no toy marker."""

    def make(path: Path, seconds: float = 2.0) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=8)
            stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
            for index in range(round(seconds * 8)):
                pixels = np.full((64, 96, 3), 40 + 5 * index, dtype=np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
            container.mux(stream.encode(None))
        return path

    return make


def _sound_only(path: Path) -> None:
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), dtype=np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.fixture
def make_bad_inputs(clips):
    """Fills a desk's folder with everything a folder of videos should not hold; returns the ids of the good ones."""

    def make(desk: Desk) -> set[str]:
        good = {"one/same name.mp4", "two/same name.mp4", 'two/it\'s #1 "é" 雪.MP4'}
        for name in good:
            desk.put(name)
        (desk.videos / "empty.mp4").write_bytes(b"")
        (desk.videos / "text.mp4").write_text("This is no video.", encoding="utf-8")
        whole = (clips / "normal.mp4").read_bytes()
        (desk.videos / "truncated.mp4").write_bytes(whole[: len(whole) // 2])
        _sound_only(desk.videos / "sound.mp4")
        (desk.videos / "one" / "loop").symlink_to(desk.videos, target_is_directory=True)
        return good

    return make


WHEN = ("time", "latency", "attempts", "cost")  # what the same replies need not have in common


def _timeless(value):
    if isinstance(value, dict):
        return {name: _timeless(part) for name, part in value.items() if name not in WHEN}
    return [_timeless(part) for part in value] if isinstance(value, list) else value


@pytest.fixture(scope="session")
def work_in():
    """What a run has left in its folder, by file: exports byte for byte, journals in any order and without times."""

    def read(folder: Path) -> dict[str, object]:
        found: dict[str, object] = {}
        for path in sorted(folder.glob("*.jsonl")) + sorted(folder.glob("step_*/*.jsonl")):
            rows = [_timeless(orjson.loads(line)) for line in path.read_bytes().splitlines()]
            found[path.relative_to(folder).as_posix()] = sorted(rows, key=orjson.dumps)
        for path in sorted(folder.glob("step_4_output/*.json")):
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
        return found

    return read
