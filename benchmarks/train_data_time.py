"""What the second epoch's frames cost: read from our cache, or decoded again as LLaMA-Factory does.

    python benchmarks/train_data_time.py [--quick]      (--env DIR keeps LLaMA-Factory's environment between runs)

The same clips, 16 frames of each, of at most 256 x 256 pixels. Ours is the whole way of an item to a batch: frames,
prompt, tokens, positions, patches. LLaMA-Factory's is decoding and resizing alone, by its own plugin; prompt and
patches would come on top. An epoch of either is a process of its own, so that nothing is left in memory; epochs take
turns. CPU seconds are given besides wall seconds because the machine may do other work.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from demitasse.stages import use_checkout

ROOT = Path(__file__).resolve().parents[1]
CLIPS = 12
FRAMES, MOST_PIXELS = 16, 256 * 256
ROUNDS = 5


def main() -> None:
    """Render, take turns, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three clips, one round: does it work at all?")
    parser.add_argument("--env", type=Path, help="folder of LLaMA-Factory's environment, made if it is not there")
    parser.add_argument("--ours", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    use_checkout()
    if asked.ours:
        print(json.dumps(epoch(asked.ours)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        show(race(folder, asked.env or folder / "env", 3 if asked.quick else CLIPS, 1 if asked.quick else ROUNDS))


def race(folder: Path, env: Path, clips: int, rounds: int) -> dict[str, list[dict[str, float]]]:
    """Seconds of each epoch of each side."""
    from benchmarks.annotate_vs_tao import render
    from benchmarks.train_race import Race, make_model
    from benchmarks.train_vs_trl import peer_environment

    python = peer_environment("llamafactory", env)
    make_model(Race(str(folder), "qwen3_vl", "uniform", 0, 1, 1))
    videos = [str(render(folder / "clips", number)) for number in range(clips)]
    told = {"video_maxlen": FRAMES, "video_fps": 2.0, "image_max_pixels": MOST_PIXELS, "image_min_pixels": 16 * 16}
    spec = folder / "spec.json"
    spec.write_text(json.dumps({"videos": videos, "settings": told, "frames": FRAMES}))
    ours: list[str] = [sys.executable, str(Path(__file__).resolve()), "--ours", str(folder)]
    theirs = [str(python), str(ROOT / "benchmarks" / "peers" / "llamafactory_frames.py"), str(spec)]
    found: dict[str, list[dict[str, float]]] = {"first": [said(ours)], "second": [], "llamafactory": []}
    for _ in range(rounds):
        found["second"].append(said(ours))
        found["llamafactory"].append(said(theirs))
    return found


def said(command: list[str]) -> dict[str, float]:
    """What a process prints last."""
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


def epoch(folder: Path) -> dict[str, Any]:
    """Seconds of one epoch of ours; the first finds no cache."""
    import time

    import torch

    from benchmarks.train_race import Race, words
    from demitasse.dataset import Item
    from demitasse.media.cache import FrameCache
    from demitasse.media.sample import SamplingPolicy
    from demitasse.student.load import build_encoder
    from demitasse.student.sight import Sight, SightSettings
    from train.config import LossConfig
    from train.data.batches import make_micro_batch
    from train.data.examples import Examples
    from train.data.lessons import Lesson

    torch.set_num_threads(1)
    from transformers import AutoConfig

    model = Race(str(folder), "qwen3_vl", "uniform", 0, 1, 1).model
    encoder = build_encoder(model, AutoConfig.from_pretrained(model), max_pixels=MOST_PIXELS)
    policy = SamplingPolicy(fps=2.0, max_frames=FRAMES)
    sight = Sight(SightSettings(policy, MOST_PIXELS), FrameCache(folder / "cache"), encoder.vision)
    question, reasoning, answer = words(1, 4)
    items = [Item(question, answer, path.name, reasoning=reasoning) for path in sorted((folder / "clips").iterdir())]
    lessons = [Lesson(item, "open_qa", folder / "clips" / item.media_id, "think") for item in items]
    examples = Examples(lessons, encoder, sight)
    wall, cpu = time.perf_counter(), time.process_time()
    frames = 0
    for number in range(len(lessons)):
        example = examples[number]
        assert example.encoded is not None and example.encoded.pixels is not None, example.fault
        frames += len(example.encoded.pixels.frames)
        make_micro_batch([example], encoder.vision, encoder.tokenizer.pad_token_id, LossConfig(), packed=True)
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "frames": frames}


def show(found: dict[str, list[dict[str, float]]]) -> None:
    """A table of medians, and one JSON object in the last line."""
    middle = {
        name: {clock: statistics.median(one[clock] for one in runs) for clock in ("wall", "cpu")}
        for name, runs in found.items()
    }
    frames = {runs[0]["frames"] for runs in found.values()}
    if len(frames) > 1:
        raise SystemExit(f"not as many frames on both sides: {frames}")
    for name, label in (
        ("first", "ours, first epoch: decoded and kept"),
        ("second", "ours, second epoch: from the cache"),
        ("llamafactory", "LLaMA-Factory, every epoch: decoded"),
    ):
        spread = ", ".join(f"{one['wall']:.2f}" for one in found[name])
        print(f"{label:<38}{middle[name]['wall']:8.3f} s wall ({spread}){middle[name]['cpu']:8.3f} s CPU")
    ratios = {
        f"{name} over ours, {clock}": round(middle[key][clock] / middle["second"][clock], 2)
        for key, name in (("llamafactory", "decoding anew"), ("first", "our first epoch"))
        for clock in ("wall", "cpu")
    }
    for name, ratio in ratios.items():
        print(f"{name}: {ratio} x")
    versions = {"python": sys.version.split()[0], "av": version("av"), "llamafactory": "0.9.5"}
    ours = {name: middle[name] for name in ("first", "second")}
    whole = {"name": "train_data_time", "ratios": ratios, "ours": ours, "peer": middle["llamafactory"]}
    print(json.dumps(whole | {"versions": versions}))


if __name__ == "__main__":
    main()
