"""The command in a process of its own, before a loopback endpoint: what a person sees and what a bill would say."""

import os
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import orjson
import pytest
from av.stream import Disposition

from annotate.video_reasoning.config import Spec
from annotate.video_reasoning.pipeline import run_of
from demitasse.media.pool import DecodePool
from demitasse.toyworld.render import render_clip
from demitasse.toyworld.world import toy_clip

ROOT = Path(__file__).resolve().parents[2]
SECTION = "video_reasoning_annotation"
ALARMS = [number for number in range(100) if toy_clip(number).alarm]
CALM = [number for number in range(100) if not toy_clip(number).alarm]
SCRIPT = "import sys; from demitasse.cli import main; {before}sys.exit(main(sys.argv[1:]))"


class Shop:
    """A folder of videos, a folder of results, and the command between them."""

    def __init__(self, folder: Path, clips: Path, pool: DecodePool) -> None:
        self.folder, self.videos, self.out = folder, folder / "videos", folder / "out"
        self._clips, self._pool = clips, pool
        self.videos.mkdir()

    def put(self, name: str, clip: int = CALM[0]) -> Path:
        """A video of its own for each number of a toy clip; equal ones would be asked about once."""
        made = self._clips / f"{clip}.mp4"
        if not made.exists():
            render_clip(made, clip)
        path = self.videos / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(made, path)
        return path

    def arguments(self, base_url: str, *overrides: str) -> list[str]:
        endpoints = [
            f"{SECTION}.{name}.{key}"
            for name in ("vlm", "llm")
            for key in ("backend=openai", f"openai.base_url={base_url}", "openai.model_name=m")
        ]
        given = [f"{SECTION}.{text}" for text in overrides]
        data = [] if any("data." in text for text in given) else [f"{SECTION}.data.video_root={self.videos}"]
        return ["annotate", "video", "--quiet", f"results_dir={self.out}", *data, *endpoints, *given]

    def annotate(self, base_url: str, *overrides: str) -> int:
        """The same in this process, with decode workers that are there already; returns the exit code."""
        spec = Spec.read(None, self.arguments(base_url, *overrides)[3:])
        return run_of(spec).annotate(progress=False, pool=self._pool).exit_code

    def start(self, arguments: list[str], before: str = "", **options) -> subprocess.Popen:
        """`before` is Python that runs in the process before the command does."""
        command = [sys.executable, "-c", SCRIPT.format(before=before), *arguments]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})}
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder, env=environment, **options
        )

    def run(self, arguments: list[str], before: str = "", **options) -> subprocess.CompletedProcess:
        process = self.start(arguments, before, **options)
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def rows(self, file: str) -> list[dict]:
        path = self.out / file
        return [orjson.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []

    def outcomes(self) -> dict[str, str]:
        """Why each video that is not done is not, by its id."""
        left = self.rows("skipped.jsonl") + self.rows("quarantine.jsonl")
        return {row["video"]: row["reason"] for row in left}

    def items(self, task: str) -> list[dict]:
        path = self.out / "step_4_output" / f"{task}.json"
        return orjson.loads(path.read_bytes())["items"] if path.exists() else []


@pytest.fixture(scope="session")
def clips(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="session")
def decode_pool():
    with DecodePool(2) as pool:
        yield pool


@pytest.fixture
def shop(tmp_path, clips, decode_pool) -> Shop:
    return Shop(tmp_path, clips, decode_pool)


@pytest.fixture
def calm() -> list[int]:
    """Numbers of toy clips without an alarm."""
    return CALM


@pytest.fixture
def alarms() -> list[int]:
    """Numbers of toy clips with one."""
    return ALARMS


def write_film(
    path: Path,
    times: list[float],
    codec: str = "libx264",
    pixels: str = "yuv420p",
    size: tuple[int, int] = (96, 72),
    turned: int = 0,
    cover: bool = False,
    muxer: dict[str, str] | None = None,
) -> Path:
    """Frames at the given seconds, each lighter than the one before; `turned` is what a player does to them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="mp4", options=muxer or {}) as container:
        picture = _add_cover(container) if cover else None
        stream = container.add_stream(codec, rate=30, options={"preset": "12"} if codec == "libsvtav1" else {})
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        stream.codec_context.time_base = Fraction(1, 1000)
        if turned:
            stream.set_display_rotation(turned)
        if picture is not None:
            container.mux(picture.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")))
            container.mux(picture.encode(None))
        for number, time in enumerate(times):
            grey = np.full((size[1], size[0], 3), 20 + number % 200, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, "rgb24")
            frame.pts, frame.time_base = round(time * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _add_cover(container):
    cover = container.add_stream("mjpeg", rate=1)
    cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
    cover.disposition = Disposition.attached_pic
    return cover


def write_sound(path: Path) -> Path:
    """An MP4 without a picture."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def film():
    return write_film


@pytest.fixture
def sound():
    return write_sound
