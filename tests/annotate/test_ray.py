"""A run on a local Ray cluster, over real HTTP: the same results, whatever dies on the way."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest

from annotate.video_reasoning.pipeline import run_of
from demitasse.chat.faults import Faults
from demitasse.chat.server import ChatServer
from tests.held_teacher import HeldTeacher

pytestmark = [
    pytest.mark.slow,
    pytest.mark.network,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed"),
]
KEY = "sk-CANARY-ray-0123456789"
SECTION = "video_reasoning_annotation"
CONCURRENCY = 3
CLIPS = 10


@pytest.fixture
def ray_home() -> Iterator[Path]:
    """Where Ray logs; a short path, for its sockets lie there too."""
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(HeldTeacher(), faults=Faults(latency=0.05), api_key=KEY) as served:
        yield served


@pytest.fixture
def start(desk, server: ChatServer, ray_home: Path, monkeypatch) -> Callable[[], subprocess.Popen]:
    """Starts the command on ten clips that differ, so that no two ask the same."""
    from demitasse.toyworld.render import render_clip

    for number in range(CLIPS):
        render_clip(desk.videos / f"{number}.mp4", number)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("RAY_TMPDIR", str(ray_home))
    endpoints = [
        f"{name}.{key}"
        for name in ("vlm", "llm")
        for key in ("backend=openai", f"openai.base_url={server.base_url}", "openai.model_name=scripted")
    ]
    desk.given = [*endpoints, f"workflow.max_workers={CONCURRENCY}", "license=CC0-1.0"]
    words = [f"{SECTION}.{text}" for text in (*desk.given, f"data.video_root={desk.videos}", "executor=ray")]
    command = [Path(sys.executable).with_name("demitasse"), "annotate", "video", f"results_dir={desk.out}", *words]

    def run() -> subprocess.Popen:
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )

    return run


def wait_for(condition: Callable[[], object], seconds: float = 300.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came to that"
        time.sleep(0.02)


def replies(folder: Path) -> int:
    calls = folder / "calls.jsonl"
    return calls.read_bytes().count(b"\n") if calls.exists() else 0


def busy(out: Path) -> list[Path]:
    """Folders of workers that have bought some replies: who starts first may take all there is."""
    return [folder for folder in (out.resolve() / "shards").glob("ray-*") if replies(folder) >= 5]


def test_a_worker_is_killed_and_the_run_ends_as_one_that_no_one_disturbed(desk, server, start, work_in, ray_home):
    server.model.hold_after(10)
    run = start()
    wait_for(lambda: busy(desk.out) or run.poll() is not None)
    os.kill(orjson.loads((busy(desk.out)[0] / "LOCK.json").read_bytes())["pid"], signal.SIGKILL)
    server.model.let_go()
    told, _ = run.communicate(timeout=300)
    assert run.returncode == 0, told
    assert f"{CLIPS} done" in told and not (desk.out / "shards").exists()
    bought, peak = server.counts.requests, server.counts.peak_in_flight
    rayed = work_in(desk.out)
    keys = Counter(row["key"] for row in rayed["calls.jsonl"])
    assert max(keys.values()) == 1
    assert len(keys) <= bought <= len(keys) + CONCURRENCY, "at most what was in flight is bought again"
    assert peak <= 2 * CONCURRENCY, "what the dead worker had sent may still be under way"

    desk.out = desk.out.with_name("local")
    assert run_of(desk.spec(*desk.given)).annotate(progress=False, pool=desk.pool).exit_code == 0
    assert work_in(desk.out) == rayed

    searched = [path for folder in (desk.out.parent, ray_home) for path in folder.rglob("*") if path.is_file()]
    assert len(searched) > 30, "Ray's logs are among them"
    assert [path for path in searched if KEY.encode() in path.read_bytes()] == [] and KEY not in told


def test_ctrl_c_ends_cleanly_and_the_next_run_goes_on(desk, server, start, work_in):
    server.model.hold_after(20)
    run = start()
    wait_for(lambda: server.counts.requests >= 20 or run.poll() is not None)
    os.killpg(run.pid, signal.SIGINT)
    server.model.let_go()
    told, _ = run.communicate(timeout=300)
    assert run.returncode == 130, told
    assert "run the same command to go on" in told and "Traceback" not in told
    assert not (desk.out / "shards").exists() and not (desk.out / "step_4_output").exists()
    assert server.counts.requests == replies(desk.out), "what was in flight was waited for and kept"

    again = run_of(desk.spec(*desk.given)).annotate(progress=False, pool=desk.pool)
    assert again.exit_code == 0 and again.summary.done == CLIPS, "either executor goes on where the other was"
    keys = Counter(row["key"] for row in work_in(desk.out)["calls.jsonl"])
    assert max(keys.values()) == 1 and server.counts.requests == len(keys), "nothing was bought twice"
