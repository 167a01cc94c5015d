"""SIGKILL at random moments: is a row lost, is anything there twice, how much is bought again?

    python benchmarks/kill_and_resume.py --kills 50

The real `demitasse annotate video` runs on toy clips against a loopback server with latency, is killed, is started
again, and so on, from its first moments to its last. When it comes to its end its work is compared with an
undisturbed run's, and another round begins until the kills are used up. No peer is run beside
it.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

from demitasse.chat.faults import Faults
from demitasse.chat.scripted import ScriptedModel
from demitasse.chat.server import ChatServer
from demitasse.toyworld.render import render_clip

SECTION = "video_reasoning_annotation"
WHEN = ("time", "latency", "attempts", "cost")  # what the same replies need not have in common
AT_START = 0.25  # share of the kills that come before or about the first request
WORK_SECONDS = 1.2  # after its first request a run is left this long at most


@dataclass
class Found:
    """What went wrong, and how much was done."""

    kills: int = 0
    rounds: int = 0
    rows: int = 0
    replies: int = 0
    requests: int = 0
    bought_again: int = 0
    most_bought_again_at_once: int = 0
    faults: list[str] = field(default_factory=list)


def rows_of(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Whole rows by journal."""
    paths = [*folder.glob("calls.jsonl"), *folder.glob("step_*/*.jsonl")]
    return {
        path.relative_to(folder).as_posix(): [
            orjson.loads(line) for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")
        ]
        for path in sorted(paths)
    }


def work_of(folder: Path) -> dict[str, Any]:
    """What is to be the same after any number of kills: journals in any order and without times, exports as bytes."""
    journals = {name: sorted(map(_timeless, rows), key=orjson.dumps) for name, rows in rows_of(folder).items()}
    return journals | {path.name: path.read_bytes() for path in folder.glob("step_4_output/*.json")}


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _timeless(part) for name, part in value.items() if name not in WHEN}
    return [_timeless(part) for part in value] if isinstance(value, list) else value


def kill_and_resume(folder: Path, kills: int, clips: int = 16, latency: float = 0.1, seed: int = 0) -> Found:
    """Kill a run `kills` times and look at what is left; `folder` is empty."""
    concurrency, dice, found = 4, random.Random(seed), Found()
    (folder / "videos").mkdir()
    for number in range(clips):
        render_clip(folder / "videos" / f"{number}.mp4", number)
    with ChatServer(ScriptedModel(), faults=Faults(latency=latency, jitter=0.5)) as server:
        _run(folder, "undisturbed", server, concurrency).wait()
        expected = work_of(folder / "undisturbed")
        while found.kills < kills:
            out = folder / f"round {found.rounds}"
            found.rounds += 1
            before = server.counts.requests
            while _kill_once(folder, out, server, concurrency, dice, found) and found.kills < kills:
                pass
            last = _run(folder, out.name, server, concurrency)
            if last.wait() != 0:
                found.faults.append(f"{out.name}: the last run ended with {last.returncode}")
            found.requests += server.counts.requests - before
            _compare(out, expected, server.counts.requests - before, found)
    return found


def _run(folder: Path, out: str, server: ChatServer, concurrency: int) -> subprocess.Popen[bytes]:
    settings = [
        f"{name}.{key}"
        for name in ("vlm", "llm")
        for key in ("backend=openai", f"openai.base_url={server.base_url}", "openai.model_name=scripted")
    ]
    settings += [f"data.video_root={folder / 'videos'}", f"workflow.max_workers={concurrency}", "license=CC0-1.0"]
    command = [str(Path(sys.executable).with_name("demitasse")), "annotate", "video", "--quiet"]
    return subprocess.Popen(
        [*command, f"results_dir={folder / out}", *(f"{SECTION}.{text}" for text in settings)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _kill_once(
    folder: Path, out: Path, server: ChatServer, concurrency: int, dice: random.Random, found: Found
) -> bool:
    """Start the run and kill it; False if it came to its end first."""
    kept, asked = rows_of(out), server.counts.requests
    process = _run(folder, out.name, server, concurrency)
    if dice.random() >= AT_START:
        while server.counts.requests == asked and process.poll() is None:
            time.sleep(0.002)
    time.sleep(dice.uniform(0, WORK_SECONDS))
    process.kill()
    if process.wait() != -signal.SIGKILL:
        return False
    found.kills += 1
    time.sleep(0.1)  # a request that was just written is still on its way into the server's count
    while server.counts.in_flight:
        time.sleep(0.01)
    now = rows_of(out)
    for name, rows in kept.items():
        if now.get(name, [])[: len(rows)] != rows:
            found.faults.append(f"{out.name}, kill {found.kills}: {name} has lost rows")
    answered = len(now.get("calls.jsonl", ())) - len(kept.get("calls.jsonl", ()))
    again = server.counts.requests - asked - answered
    found.most_bought_again_at_once = max(found.most_bought_again_at_once, again)
    if again > concurrency:
        found.faults.append(f"{out.name}, kill {found.kills}: {again} requests lost, of {concurrency} in flight")
    return True


def _compare(out: Path, expected: dict[str, Any], requests: int, found: Found) -> None:
    for name, rows in rows_of(out).items():
        places = Counter(
            row.get("key") or (row["video"], row["provenance"].get("part"), row["provenance"]["key"]) for row in rows
        )
        if places.total() > len(places):
            found.faults.append(f"{out.name}: {name} has {places.total() - len(places)} rows twice")
        found.rows += len(rows)
    replies = len(rows_of(out)["calls.jsonl"])
    found.replies += replies
    found.bought_again += requests - replies
    now = work_of(out)
    found.faults += [
        f"{out.name}: {name} differs from an undisturbed run's"
        for name in sorted(expected.keys() | now.keys())
        if expected.get(name) != now.get(name)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--quick", action="store_true", help="five kills")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    since = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = kill_and_resume(Path(folder), 5 if args.quick else args.kills, seed=args.seed)
    print(f"{found.kills} kills in {found.rounds} rounds, {time.monotonic() - since:.0f} s")
    print(f"{found.rows} rows and {found.replies} replies at the ends; {found.requests} requests sent")
    print(f"bought again: {found.bought_again}, at most {found.most_bought_again_at_once} at one kill (4 in flight)")
    for fault in found.faults:
        print(f"FAULT {fault}")
    print(f"{'nothing lost, nothing twice' if not found.faults else f'{len(found.faults)} faults'}")
    versions = {"demitasse": version("demitasse"), "python": sys.version.split()[0]}
    told = {"name": "kill_and_resume", "ratios": {}, "ours": asdict(found), "peer": None, "versions": versions}
    print(json.dumps(told))
    return 1 if found.faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
