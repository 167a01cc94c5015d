"""`demitasse compare` on a million scored items: wall time, peak memory, size of the page.

    python benchmarks/compare_million.py            two runs of 500,000 items: a million scores
    python benchmarks/compare_million.py --quick    of 20,000

Ten items a video: multiple choice, yes or no, time spans, and free text that was judged. Replies reason before they
answer; some are wrong, some unreadable. Generated with a seed; nothing but the comparison is timed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from a checkout, as the stages are

from evaluate.records import Asked
from evaluate.score.judged import fingerprint

Row = dict[str, Any]
TASKS = ("mcq", "bcq", "mcq", "temporal_localization", "open_qa")
QUESTIONS = {
    "mcq": "Which way does thing {0} go?\nA. left\nB. right\nC. up\nD. down\nAnswer with a single letter.",
    "bcq": "Does thing {0} move?",
    "temporal_localization": "When is thing {0} there?",
    "open_qa": "What does thing {0} do?",
}
LIMITS = {"seconds": 60.0, "gib": 4.0, "page_mib": 5.0}


def main() -> int:
    """Generate, compare, print the table and the JSON line; 1 if a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=500_000, help="of each of two runs")
    parser.add_argument("--quick", action="store_true", help="20,000 of each")
    args = parser.parse_args()
    items = 20_000 if args.quick else args.items
    with tempfile.TemporaryDirectory() as folder:
        for name, share in (("before", 0.6), ("after", 0.7)):
            write_run(Path(folder) / name, items, share)
        found = measure(Path(folder))
    print(f"{2 * items:,} scored items, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for name, limit in LIMITS.items():
        print(f"  {name:9}{found[name]:9.2f}   (at most {limit:g})")
    print(f"  CPU s    {found['cpu_seconds']:9.2f}")
    print(json.dumps({"name": "compare_million", "items": 2 * items, "ours": found, "limits": LIMITS}))
    return int(any(found[name] > limit for name, limit in LIMITS.items()))


def measure(folder: Path) -> dict[str, float]:
    """Run the command in a process of its own."""
    command = [str(Path(sys.executable).with_name("demitasse")), "compare", "before", "after", "--out", "report"]
    began = time.monotonic()
    subprocess.run(command, cwd=folder, check=True)
    seconds = time.monotonic() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": round(seconds, 2),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 2),
        "gib": round(used.ru_maxrss / 2**20, 3),
        "page_mib": round((folder / "report/index.html").stat().st_size / 2**20, 3),
    }


def write_run(folder: Path, items: int, share: float) -> None:
    """A run of which this share is right; the items are the same for every run."""
    folder.mkdir()
    chance = random.Random(folder.name)
    with contextlib.ExitStack() as stack:
        names = ("items", "predictions", "judgements")
        files = {name: stack.enter_context(open(folder / f"{name}.jsonl", "wb")) for name in names}
        for place in range(items):
            for name, row in _rows(place, chance, share):
                files[name].write(orjson.dumps(row) + b"\n")
    (folder / "run.json").write_text('{"student": "generated"}')
    (folder / "judge.json").write_text('{"model": "generated judge", "rubric_sha256": "r"}')


def _rows(place: int, chance: random.Random, share: float) -> Iterator[tuple[str, Row]]:
    """An item, its prediction, and of free text its judgement."""
    task = TASKS[place % len(TASKS)]
    asked = Asked(f"{place:016x}", task, f"{place // 10:06}.mp4", QUESTIONS[task].format(place), _gold(task, place))
    right = chance.random() < share
    reply = (
        asked.reference if right else chance.choice(("D", "no", "I cannot say.", '{"start": "00:03", "end": "00:07"}'))
    )
    response = f"<think>Frame {place % 97} shows it, and nothing speaks against it.</think>{reply}"
    yield "items", asked.to_json()
    yield "predictions", asked.to_json() | {"response": response, "finish": "stop"}
    if task == "open_qa":
        score = chance.choice((4, 5)) if right else chance.choice((1, 2, 3))
        of = fingerprint(asked, reply)
        yield "judgements", {"item_id": asked.item_id, "of": of, "score": score, "reason": "So it is.", "fault": None}


def _gold(task: str, place: int) -> str:
    return {
        "mcq": "ABC"[place % 3],
        "bcq": ("Yes", "No")[place // 5 % 2],
        "temporal_localization": '{"start": "00:01", "end": "00:05"}',
        "open_qa": f"It moves along path {place}.",
    }[task]


if __name__ == "__main__":
    sys.exit(main())
