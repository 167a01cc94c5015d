"""Demitasse beside NVIDIA TAO's image referring expressions: the same images, model texts and endpoint, run in turn.

    python benchmarks/referring_vs_tao.py [--quick]     compare the files, then time both
    python benchmarks/referring_vs_tao.py --record      and write TAO's files to tests/annotate/recorded/
    (--env DIR keeps the original's environment between runs)

The text files of both (`labels/*.txt.stepN`) must be the same byte for byte for texts in good form
(referring_cases.yaml), and differ where they are meant to (referring_differences.yaml), and nowhere else. Then both
annotate more images from nothing, in turn. A wall time is that of the pipeline without its imports; over the ideal
N * latency / concurrency it says how busy the endpoint was kept. With TAO each of steps 0 and 1 takes the whole limit
for itself, so that half of its requests go out twice as fast as it was told: its own ideal is three quarters of ours,
and the peaks in flight are printed beside the times.
"""

from __future__ import annotations

import argparse
import base64
import importlib.metadata
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from annotate_vs_tao import PEER, peer_environment
from referring_endpoint import picture_hash

from demitasse.stages import use_checkout

ROOT = Path(__file__).resolve().parents[1]
RECORDED = ROOT / "tests" / "annotate" / "recorded"
SECTION = "image_referring_expression"
STEPS = {
    "0": "step_0_region_expr",
    "1": "step_1_image_caption",
    "2": "step_2_grounding_expr",
    "3": "step_3_double_check",
}
SIDES = ("ours", "tao")
IMAGES, SIZE = 100, (1280, 720)
LOADS = [(4, 0.2), (32, 0.2), (32, 1.0)]  # concurrency, latency in seconds
RUNS = 3
OWN_IDEAL = {"ours": 1.0, "tao": 0.75}  # of N * latency / concurrency, by how many requests a side has in flight

Case = dict[str, Any]
Made = dict[str, dict[str, Any]]  # by case: seed, and the text of each step; None where there is no file


@dataclass(frozen=True)
class Run:
    """One run of one side. Times in seconds; `cpu` of the side's process and its children."""

    wall: float
    cpu: float
    memory: int
    seen: dict[str, Any]

    @property
    def requests(self) -> int:
        """How many the endpoint has seen."""
        return sum(self.seen["steps"].values())

    def over_ideal(self, concurrency: int, latency: float) -> float:
        """Wall time over that of an endpoint kept busy all the time with as many requests as were allowed."""
        return self.wall / (self.requests * latency / concurrency)


def main() -> None:
    """Compare, time, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="20 images, once, one load: does it work at all?")
    parser.add_argument("--env", type=Path, help="folder of the original's environment, made if it is not there")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--record", action="store_true", help="write what the original makes, for the tests")
    parser.add_argument("--ours", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    use_checkout()
    if asked.ours:
        run_ours(json.loads(asked.ours))
        return
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        peer = peer_environment(asked.env or work / "env")
        surprises = compare(work / "cases", peer, asked.record)
        loads = LOADS[:1] if asked.quick else LOADS
        runs = 1 if asked.quick else asked.runs
        show(time_both(work / "load", peer, 20 if asked.quick else IMAGES, loads, runs), surprises)
    sys.exit(bool(surprises))


def compare(work: Path, peer: Path, record: bool) -> list[str]:
    """Run all cases through both and print where they differ; returns what was not meant to."""
    cases, meant = (
        yaml.safe_load((RECORDED / f"referring_{name}.yaml").read_text("utf-8")) for name in ("cases", "differences")
    )
    bench = Bench(work, peer)
    for case in (*cases, *meant):
        bench.add(case)
    made: dict[str, Made] = {}
    for side in SIDES:
        run = bench.run(side, 4, 0.0)
        made[side] = {case["name"]: files_of(bench.results, case, side) for case in (*cases, *meant)}
        print(f"{side}: {run.requests} requests about {len(cases) + len(meant)} images", flush=True)
        if side == "tao":
            told = rows_of(bench.results / STEPS["0"] / "annotations.jsonl")
            early = sum("step1_image_caption" in row["pipeline_steps"] for row in told)
            print(f"E28: {early} of {len(told)} of TAO's step 0 rows say that step 1 was run; of ours none can")
    surprises = []
    for case in cases:
        surprises += [f"{case['name']}: {where}" for where in differing(made, case["name"])]
    for case in meant:
        found = differing(made, case["name"])
        print(f"  differs: {case['name']:44} {','.join(found):12} {case['why']}")
        if found != case["where"]:
            surprises.append(f"{case['name']}: differs in {found}, not in {case['where']}")
    for surprise in surprises:
        name = surprise.partition(":")[0]
        print(f"  SURPRISE {surprise}", *(f"    {side} {made[side][name]}" for side in SIDES), sep="\n")
    files = sum(text is not None for one in cases for text in made["tao"][one["name"]].values()) - len(cases)
    print(f"{len(cases)} images with texts in good form: {files} text files of TAO's, {len(surprises)} surprises")
    if record:
        text = json.dumps(made["tao"], indent=1, ensure_ascii=False) + "\n"
        (RECORDED / "referring_files.json").write_text(text, encoding="utf-8")
    return surprises


def differing(made: Mapping[str, Made], name: str) -> list[str]:
    """In which files the sides differ about a case."""
    ours, tao = made["ours"][name], made["tao"][name]
    return [where for where in tao if ours[where] != tao[where]]


def files_of(results: Path, case: Case, side: str) -> dict[str, Any]:
    """What a side has made of a case: the seed's fields, which ours has too, and the text of each step."""
    stem = Path(file_of(case)).stem
    seed = next(row for row in rows_of(results / "seed_annotations.jsonl") if row["image_id"] == stem)
    made: dict[str, Any] = {"seed": [seed[name] for name in ("image_id", "width", "height", "kitti_bboxes", "source")]}
    for step, folder in STEPS.items():
        path = results / folder / "labels" / f"{stem}.txt.step{step}"
        made[step] = path.read_bytes().decode() if path.exists() else None
    return made


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def file_of(case: Case) -> str:
    """The image's file name."""
    return str(case.get("file", f"{case['name']}.png"))


class Bench:
    """A folder of images with labels, an endpoint that knows them, and both sides."""

    def __init__(self, work: Path, peer: Path) -> None:
        self.work, self.peer, self.results = work, peer, work / "results"
        self.replies: dict[str, dict[str, str]] = {}
        for name in ("images", "labels"):
            (work / name).mkdir(parents=True)

    def add(self, case: Case) -> None:
        """Draw a case's image, write its label, and remember what the model says of it, however it is sent."""
        from annotate.referring.reading import sending_of, show
        from demitasse.chat.model import Capability

        path = draw(self.work / "images" / file_of(case), case, len(self.replies))
        if "label" in case:
            (self.work / "labels" / f"{path.stem}.txt").write_text(case["label"], encoding="utf-8")
        texts = {name: text for name, text in case.items() if isinstance(text, str)}
        for data in (path.read_bytes(), show(str(path), sending_of(Capability())).data):
            self.replies[picture_hash(base64.b64encode(data))] = texts

    def run(self, side: str, concurrency: int, latency: float) -> Run:
        """Annotate everything from nothing."""
        shutil.rmtree(self.results, ignore_errors=True)
        with self._endpoint(latency) as port:
            command = self._command(side, port, concurrency)
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=self.work)
            assert process.stdout is not None
            printed = process.stdout.read().decode()
            _, status, used = os.wait4(process.pid, 0)
            if os.waitstatus_to_exitcode(status) not in (0, 3):  # 3: something was left out, and said so
                raise SystemExit(f"{side} failed: {printed}")
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as response:
                seen = json.load(response)
        wall = json.loads(printed.splitlines()[-1])["wall"]
        return Run(wall, used.ru_utime + used.ru_stime, used.ru_maxrss, seen)

    @contextmanager
    def _endpoint(self, latency: float) -> Iterator[int]:
        replies = self.work / "replies.json"
        replies.write_text(json.dumps(self.replies), encoding="utf-8")
        script = Path(__file__).with_name("referring_endpoint.py")
        command = [sys.executable, script, "--latency", str(latency), "--replies", replies]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()
            process.wait()

    def _command(self, side: str, port: int, concurrency: int) -> list[str | Path]:
        told = {
            "workflow.max_workers": concurrency,
            "workflow.output_format": "both",
            "data.image_dir": self.work / "images",
            "data.kitti_label_dir": self.work / "labels",
            "vlm.backend": "openai",
            "vlm.openai.base_url": f"http://127.0.0.1:{port}/v1",
            "vlm.openai.model_name": "counting",
            "vlm.openai.api_key": "EMPTY",
        }
        given = [f"{SECTION}.{name}={value}" for name, value in told.items()]
        if side == "tao":
            return [self.peer, ROOT / "benchmarks" / "peers" / "tao_images.py", self.results, *given]
        # Not a schema but TAO's text, which the original knows alone, in the units that it asks for.
        mine = [f"{SECTION}.vlm.openai.json_schema=false", f"{SECTION}.vlm.openai.boxes=qwen_1000"]
        overrides = json.dumps([f"results_dir={self.results}", *given, *mine])
        return [sys.executable, Path(__file__).resolve(), "--ours", overrides]


def draw(path: Path, case: Case, number: int) -> Path:
    """A picture that no other case has."""
    import numpy as np
    from PIL import Image

    width, height = case["size"]
    coarse = np.random.default_rng(number).integers(0, 255, (height // 20, width // 20, 3), np.uint8)
    told: dict[str, Any] = {}
    if "orientation" in case:
        told["exif"] = Image.Exif()
        told["exif"][0x0112] = case["orientation"]
    Image.fromarray(np.kron(coarse, np.ones((20, 20, 1), np.uint8))).save(path, **told)
    return path


def run_ours(overrides: list[str]) -> None:
    """Our side, in a process of its own."""
    import openai  # noqa: F401  the original imports its client before its clock starts, too

    from annotate.referring.config import Spec
    from annotate.referring.pipeline import run_of

    started = time.perf_counter()
    annotated = run_of(Spec.read(None, overrides)).annotate(progress=False)
    wall = time.perf_counter() - started
    print(annotated.summary.line())
    print(json.dumps({"wall": wall}))
    raise SystemExit(annotated.exit_code)


def loaded_case(number: int) -> Case:
    """An image with five boxes, all described and grouped."""
    boxes = [[100 * n + 50, 100 + number, 100 * n + 120, 300 + number] for n in range(5)]
    width, height = SIZE
    pixels = [
        [x1 * width / 1000, y1 * height / 1000, x2 * width / 1000, y2 * height / 1000] for x1, y1, x2, y2 in boxes
    ]
    lines = [f"car {n} of image {number}: [{box}]" for n, box in enumerate(boxes)]
    regions = [
        {"bbox_2d": box, "type": "car", "color": "red", "description": f"Car {n}"} for n, box in enumerate(boxes)
    ]
    return {
        "name": f"image_{number:04d}",
        "file": f"image_{number:04d}.jpg",
        "size": SIZE,
        "label": "".join(f"Car 0 0 0 {' '.join(f'{value:.2f}' for value in box)}\n" for box in pixels),
        "region_expr": json.dumps(regions),
        "image_caption": f"Five cars in a row, image {number}.",
        "grounding_expr": "\n".join(lines),
        "double_check": "\n".join(lines),
    }


def time_both(
    work: Path, peer: Path, images: int, loads: Sequence[tuple[int, float]], runs: int
) -> dict[tuple[int, float], dict[str, list[Run]]]:
    """Runs of both sides in turn, so that a busy minute of the machine meets both."""
    bench = Bench(work, peer)
    for number in range(images):
        bench.add(loaded_case(number))
    timed: dict[tuple[int, float], dict[str, list[Run]]] = {load: {side: [] for side in SIDES} for load in loads}
    for load in loads:
        for number in range(runs):
            for side in SIDES:
                run = bench.run(side, *load)
                if run.requests != 4 * images:
                    raise SystemExit(f"{side} sent {run.requests} requests about {images} images, not four for each")
                timed[load][side].append(run)
                print(
                    f"{load[0]} x {load[1]:g} s, run {number + 1}, {side}: wall {run.wall:.2f} s = "
                    f"{run.over_ideal(*load):.2f} x ideal, cpu {run.cpu:.1f} s, peak {run.seen['peak']}",
                    flush=True,
                )
    return timed


def show(timed: Mapping[tuple[int, float], Mapping[str, list[Run]]], surprises: Sequence[str]) -> None:
    """A table of medians, and one JSON object in the last line."""
    figures: dict[str, dict[str, Any]] = {side: {} for side in SIDES}
    print(
        f"{'load':>12} {'side':>5} {'wall s':>7} {'x ideal':>8} {'(all)':>16} {'x own':>6} {'cpu s':>6} "
        f"{'requests':>9} {'peak':>5}"
    )
    for load, sides in timed.items():
        name = f"{load[0]} x {load[1]:g} s"
        for side, runs in sides.items():
            ratios = sorted(run.over_ideal(*load) for run in runs)
            middle = {
                "wall": statistics.median(run.wall for run in runs),
                "over_ideal": statistics.median(ratios),
                "over_own_ideal": statistics.median(ratios) / OWN_IDEAL[side],
                "cpu": statistics.median(run.cpu for run in runs),
                "requests": runs[0].requests,
                "peak_in_flight": max(run.seen["peak"] for run in runs),
                "rss_megabytes": max(run.memory for run in runs) / 1024,
            }
            figures[side][name] = {key: round(value, 3) for key, value in middle.items()}
            spread = " ".join(f"{ratio:.2f}" for ratio in ratios)
            print(
                f"{name:>12} {side:>5} {middle['wall']:7.2f} {middle['over_ideal']:8.2f} {spread:>16} "
                f"{middle['over_own_ideal']:6.2f} "
                f"{middle['cpu']:6.1f} {middle['requests']:9d} {middle['peak_in_flight']:5d}"
            )
    ratios = {
        name: {
            "wall": round(figures["tao"][name]["wall"] / ours["wall"], 2),
            "requests": round(figures["tao"][name]["requests"] / ours["requests"], 2),
        }
        for name, ours in figures["ours"].items()
    }
    versions = {name: importlib.metadata.version(name) for name in ("openai", "pillow")}
    versions |= {"python": sys.version.split()[0], "nvidia-tao-ds": PEER.split("==")[1]}
    whole = {"name": "referring_vs_tao", "ratios": ratios, "ours": figures["ours"], "peer": figures["tao"]}
    print(json.dumps(whole | {"surprises": list(surprises), "versions": versions}))


if __name__ == "__main__":
    main()
