"""kill -9 at random moments: nothing is lost, nothing is there twice, hardly anything is bought twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from demitasse.engine.journal import read_rows

SCRIPT = Path(__file__).with_name("killed_run.py")
RECORDS, CONCURRENCY, KILLS = 100, 4, 5
REQUESTS = 2 * RECORDS + 2 * RECORDS // 5  # every fifth question is asked twice


def bought(folder: Path) -> list[str]:
    path = folder / "bought.txt"
    return path.read_text().split() if path.exists() else []


def start_and_kill(folder: Path, after: float) -> bool:
    """Kill `after` seconds from its first request; whether it was still running then."""
    already = len(bought(folder))
    process = subprocess.Popen([sys.executable, str(SCRIPT), str(folder)], stdout=subprocess.DEVNULL)
    while len(bought(folder)) == already and process.poll() is None:
        time.sleep(0.005)
    time.sleep(after)
    process.kill()
    return process.wait() == -signal.SIGKILL


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    dice = random.Random(2)
    kept, killed = 0, 0
    for _ in range(KILLS):
        killed += start_and_kill(tmp_path, dice.uniform(0.0, 0.15))
        rows = list(read_rows(tmp_path / "calls.jsonl"))
        assert len(rows) >= kept, "a row that was there is still there"
        kept = len(rows)
    assert killed > 0, "no kill came before the run's end"
    line = subprocess.run([sys.executable, str(SCRIPT), str(tmp_path)], capture_output=True, text=True, check=True)
    assert line.stdout == f"{RECORDS} done\n"

    for name in ("caption", "question"):
        assert sorted(int(row["video"]) for row in read_rows(tmp_path / f"{name}.jsonl")) == list(range(RECORDS))
    keys = Counter(row["key"] for row in read_rows(tmp_path / "calls.jsonl"))
    assert len(keys) == keys.total() == REQUESTS
    assert set(bought(tmp_path)) == set(keys)
    assert len(bought(tmp_path)) <= REQUESTS + KILLS * CONCURRENCY, "at most what was in flight is bought again"
