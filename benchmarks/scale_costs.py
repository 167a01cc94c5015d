"""What each part costs a record, from which scale_model.py works out 1,000 to 100,000,000 videos.

    python benchmarks/scale_costs.py [--quick] [--record]       (--record writes docs/scale_measured.yaml)

Each measurement is a process of its own, at sizes a factor of ten apart, so that what grows faster than its input
shows. Given are CPU seconds, because the machine may do other work, and the process's peak memory. Nothing is asked
that answers slowly: what is left is our own work. No peer is run beside it; docs/performance.md has the races.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from demitasse.stages import CHECKOUT, use_checkout

RECORD = CHECKOUT / "docs" / "scale_measured.yaml"
LETTERS = "ABCD"
ROW_TEXT = "The car turns left at the crossing, and the lorry behind it brakes. " * 12  # a journal's row of about 1 KB
CLIP_SECONDS, CLIP_SIZE = 10, (1280, 720)


def row(number: int) -> dict[str, Any]:
    """A row as a step writes it."""
    return {
        "video": f"camera{number % 100}/{number:09d}.mp4",
        "text": ROW_TEXT,
        "provenance": {
            "key": f"{number:032x}",
            "part": "",
            "asked": ["m"],
            "answered": ["m"],
            "requests": [f"{number:032x}"],
        },
    }


def append(count: int, folder: Path) -> dict[str, float]:
    """Rows into a journal."""
    from demitasse.engine.journal import Journal

    with Journal(folder / "rows.jsonl", lambda one: one["video"]) as journal:
        begun = time.process_time()
        for number in range(count):
            journal.append(row(number))
    seconds = time.process_time() - begun
    return {"seconds": seconds, "bytes": (folder / "rows.jsonl").stat().st_size}


def resume(count: int, folder: Path) -> dict[str, float]:
    """A journal opened, as a run does that goes on, and a tenth of its rows looked up."""
    from demitasse.engine.journal import Journal

    append(count, folder)
    begun = time.process_time()
    with Journal(folder / "rows.jsonl", lambda one: one["video"]) as journal:
        opened = time.process_time() - begun
        begun = time.process_time()
        for number in range(0, count, 10):
            assert journal.find(row(number)["video"]) is not None
        found = time.process_time() - begun
    return {"seconds": opened, "find_seconds": found * 10}


def merge(count: int, folder: Path) -> dict[str, float]:
    """Four folders united in a fifth."""
    from demitasse.engine.journal import Journal
    from demitasse.engine.unite import unite

    for part in range(4):
        with Journal(folder / str(part) / "step_1a_caption" / "captions.jsonl", lambda one: one["video"]) as journal:
            for number in range(part, count, 4):
                journal.append(row(number))
    begun = time.process_time()
    assert unite([folder / str(part) for part in range(4)], folder / "out").rows == count
    return {"seconds": time.process_time() - begun}


def engine(count: int, folder: Path) -> dict[str, float]:
    """Records through six steps that answer at once, rows written: the engine's own part of a record."""
    from demitasse.engine.runner import run
    from demitasse.engine.step import Fields, Record, Step

    async def answer(_: Fields) -> Fields:
        return {"text": ROW_TEXT}

    names = [f"s{number}" for number in range(6)]
    steps = [
        Step(
            name,
            f"step_{name}/rows.jsonl",
            1,
            lambda _: {"prompt": "p"},
            answer,
            after=tuple(names[max(0, place - 1) : place]),
        )
        for place, name in enumerate(names)
    ]
    begun = time.process_time()
    records = (Record(f"{number:09d}.mp4", {"video_path": "x"}) for number in range(count))
    assert run(records, steps, folder / "out", progress=False).done == count
    return {"seconds": time.process_time() - begun}


def inputs(count: int, folder: Path) -> dict[str, float]:
    """Videos that a run finds in a folder of a hundred folders, before the first is opened."""
    from annotate.video_reasoning.config import Data
    from annotate.video_reasoning.inputs import read_inputs

    for number in range(100):
        (folder / f"camera{number}").mkdir()
    for number in range(count):
        (folder / f"camera{number % 100}" / f"{number:09d}.mp4").touch()
    begun = time.process_time()
    assert len(read_inputs(Data(video_root=str(folder))).records) == count
    return {"seconds": time.process_time() - begun}


def decode(count: int, folder: Path) -> dict[str, float]:
    """Seconds of a 1280 x 720 clip with 30 frames a second, of which one frame a second is taken."""
    from demitasse.media.frames import read_frames
    from demitasse.media.probe import inspect
    from demitasse.media.sample import SamplingPolicy, sample_times

    path = filmed(folder / "clip.mp4")
    inspect(path)
    begun = time.process_time()
    for _ in range(max(1, count // CLIP_SECONDS)):
        times = sample_times(inspect(path).info.duration, SamplingPolicy(1.0, 64, 1))
        read_frames(path, times)
    return {"seconds": time.process_time() - begun, "bytes": path.stat().st_size / CLIP_SECONDS * count}


def filmed(path: Path) -> Path:
    """Ten seconds of a picture with texture that pans, as a camera on a car sees it; about 2 Mbit a second."""
    import av
    import numpy as np

    dice = np.random.default_rng(0)
    coarse = dice.integers(0, 255, (60, 240, 3), dtype=np.uint8)
    scene = coarse.repeat(12, axis=0).repeat(12, axis=1)
    width, height = CLIP_SIZE
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "23", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(CLIP_SECONDS * 30):
            left = 4 * index
            picture = np.ascontiguousarray(scene[:height, left : left + width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode(None))
    return path


def dataset(count: int, folder: Path) -> Path:
    """Multiple-choice items, ten to a video, whose files are there and hold next to nothing."""
    from demitasse.dataset import Item, TaskFile, mcq_answer, question_text, write

    (folder / "data" / "videos").mkdir(parents=True)
    items = []
    for number in range(count):
        options = {letter: f"{letter.lower()}{number % 97} turns" for letter in LETTERS}
        letter = LETTERS[number % 4]
        question = question_text("mcq", f"What happens at {number % 10}?", "tao", options)
        items.append(Item(question, mcq_answer(letter, options), f"{number // 10:09d}.mp4", reasoning="It turns."))
    for number in range(-(-count // 10)):
        (folder / "data" / "videos" / f"{number:09d}.mp4").write_bytes(f"{number}".encode())
    path = folder / "data" / "mcq.json"
    write(path, TaskFile(items, task="mcq", license="x", media_root="videos", path=path))
    return path


def validate(count: int, folder: Path) -> dict[str, float]:
    """Items of a dataset that are checked."""
    from demitasse.dataset import validate as check

    path = dataset(count, folder)
    begun = time.process_time()
    assert not check(path)
    return {"seconds": time.process_time() - begun, "bytes": path.stat().st_size}


def split(count: int, folder: Path) -> dict[str, float]:
    """Items that are parted in two by their videos and written."""
    from demitasse.dataset import read
    from demitasse.split import split_by_video, write_split

    path = dataset(count, folder)
    begun = time.process_time()
    write_split(split_by_video([read(path)], 0.2), folder / "out")
    return {"seconds": time.process_time() - begun}


class Instant:
    """A student that answers A at once."""

    def answer(self, items: Sequence[Any]) -> list[Any]:
        """One answer for each."""
        from types import SimpleNamespace

        return [SimpleNamespace(text="A", finish="stop", evidence="") for _ in items]


def predict(count: int, folder: Path) -> dict[str, float]:
    """Items asked of a student that answers at once, in batches of 64."""
    from demitasse.dataset import read

    path = dataset(count, folder)
    begun = time.process_time()
    _predict(read(path), folder / "run", Instant())
    seconds = time.process_time() - begun
    written = sum(one.stat().st_size for one in (folder / "run").iterdir())
    return {"seconds": seconds, "bytes": written}


def _predict(file: Any, out: Path, student: Any) -> None:
    from evaluate.asking.predict import predict as ask

    done = ask(lambda: student, [file], out, "instant", {"model": out.name}, batch_size=64)
    assert done.exit_code == 0


def compare(count: int, folder: Path) -> dict[str, float]:
    """Items of two runs that are read, scored, compared and reported on."""
    from demitasse.cli import main as demitasse
    from demitasse.dataset import read

    file = read(dataset(count, folder))
    for name in ("one", "two"):
        _predict(file, folder / name, Instant())
    begun = time.process_time()
    quiet(
        lambda: demitasse(
            ["compare", str(folder / "one"), str(folder / "two"), "--report-only", "--out", str(folder / "r")]
        )
    )
    return {"seconds": time.process_time() - begun}


def judge(count: int, folder: Path) -> dict[str, float]:
    """Replies about toy clips that the scripted judge grades in this process: prompts, journal and figures."""
    from demitasse.cli import main as demitasse
    from demitasse.dataset import Item, TaskFile, write
    from demitasse.toyworld import language
    from demitasse.toyworld.world import toy_clip

    (folder / "videos").mkdir(parents=True)
    items = []
    for number in range(count):
        told = language.open_question(toy_clip(number))
        (folder / "videos" / f"{number:05d}.mp4").write_bytes(f"{number}".encode())
        items.append(Item(told.question, told.answer, f"{number:05d}.mp4"))
    file = TaskFile(items, task="open_qa", license="x", media_root="videos", path=folder / "open_qa.json")
    write(file.path, file)
    _predict(file, folder / "run", Instant())
    begun = time.process_time()
    quiet(lambda: demitasse(["judge", "--model", "scripted", str(folder / "run")]))
    return {"seconds": time.process_time() - begun}


def quiet(call: Callable[[], int]) -> None:
    """Call what prints."""
    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()) as told, contextlib.redirect_stderr(told):
        code = call()
    assert code in (0, 3), told.getvalue()


def peak() -> float:
    """The process's most memory so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


PARTS: dict[str, tuple[Callable[[int, Path], dict[str, float]], tuple[int, ...]]] = {
    "append": (append, (10_000, 100_000)),
    "resume": (resume, (10_000, 100_000, 1_000_000)),
    "merge": (merge, (10_000, 100_000)),
    "engine": (engine, (1_000, 10_000)),
    "inputs": (inputs, (10_000, 100_000)),
    "decode": (decode, (10, 50)),
    "validate": (validate, (10_000, 100_000)),
    "split": (split, (10_000, 100_000)),
    "predict": (predict, (10_000, 100_000)),
    "judge": (judge, (200, 2_000)),
    "compare": (compare, (10_000, 100_000)),
}


def measured(part: str, count: int) -> dict[str, float]:
    """One measurement, in this process."""
    use_checkout()
    before = peak()
    with tempfile.TemporaryDirectory() as folder:
        found = PARTS[part][0](count, Path(folder)) | {"memory": peak() - before}  # making the data included
    return {name: value / count for name, value in found.items()} | {"count": count}


def fitted(sizes: Sequence[dict[str, float]]) -> dict[str, float]:
    """What the largest size tells; of memory, what each record more has taken, for a process begins with some."""
    last = sizes[-1]
    told = dict(last)
    if len(sizes) > 1:
        fewer = sizes[-2]
        grown = last["memory"] * last["count"] - fewer["memory"] * fewer["count"]
        told["memory"] = max(0.0, grown) / (last["count"] - fewer["count"])
    return {name: float(f"{value:.3g}") for name, value in told.items()}


def main() -> int:
    """Measure, print, record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the smallest sizes: does it work at all?")
    parser.add_argument("--record", action="store_true", help=f"write {RECORD.name}")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    args = parser.parse_args()
    found: dict[str, list[dict[str, float]]] = {}
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for part in args.only:
            for count in PARTS[part][1][: 1 if args.quick else None]:
                one = pool.apply(measured, (part, count))
                found.setdefault(part, []).append(one)
                print(f"{part:9} {count:9,}   {1e6 * one['seconds']:12,.1f} µs of CPU each   ", end="")
                print(
                    "   ".join(f"{name} {one[name]:,.0f} B each" for name in ("bytes", "memory") if name in one),
                    flush=True,
                )
    if args.record:
        parts = {part: fitted(sizes) for part, sizes in found.items()}
        before = yaml.safe_load(RECORD.read_text(encoding="utf-8"))
        command = "python benchmarks/scale_costs.py --record"
        content = before | {"date": date.today().isoformat(), "command": command, "parts": before["parts"] | parts}
        RECORD.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    told = {
        "name": "scale_costs",
        "ratios": {},
        "ours": found,
        "peer": None,
        "versions": {"demitasse": version("demitasse")},
    }
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
