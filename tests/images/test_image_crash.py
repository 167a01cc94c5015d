"""What an image run survives, with real processes and real HTTP: a kill, Ctrl-C, and the death of a Ray worker."""

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

from demitasse.chat.faults import Faults
from demitasse.chat.server import ChatServer
from tests.held_teacher import HeldTeacher

pytestmark = pytest.mark.network
SECTION = "image_referring_expression"
CONCURRENCY = 3
IMAGES = 12
REQUESTS = 4 * IMAGES


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(HeldTeacher(), faults=Faults(latency=0.05)) as served:
        yield served


@pytest.fixture
def start(gallery, server) -> Callable[..., subprocess.Popen]:
    """Starts the real command."""
    gallery.put(*range(IMAGES))

    def run(*overrides: str) -> subprocess.Popen:
        told = [
            "vlm.backend=openai",
            f"vlm.openai.base_url={server.base_url}",
            "vlm.openai.model_name=scripted",
            f"workflow.max_workers={CONCURRENCY}",
            "license=CC0-1.0",
            *overrides,
        ]
        command = [Path(sys.executable).with_name("demitasse"), "annotate", "image", "--quiet", *gallery.given(*told)]
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
    """Folders of Ray's workers that have bought some replies: who starts first may take all there is."""
    return [folder for folder in (out.resolve() / "shards").glob("ray-*") if replies(folder) >= 5]


def undisturbed(gallery, start) -> dict:
    """The work of a run that nobody disturbs."""
    out, gallery.out = gallery.out, gallery.out.with_name("undisturbed")
    assert start().wait(timeout=300) == 0
    work, gallery.out = gallery.work(), out
    return work


def test_a_killed_run_goes_on_and_buys_again_what_was_in_flight_and_no_more(gallery, server, start):
    """TAO loses every answer of the step: 64 of 64 are bought again (tao_behaviour.md, E8)."""
    server.model.hold_after(10)
    run = start()
    wait_for(lambda: replies(gallery.out) >= 10 or run.poll() is not None)
    run.send_signal(signal.SIGKILL)
    run.wait(timeout=300)
    server.model.let_go()
    assert 10 <= replies(gallery.out) < REQUESTS
    again = start()
    told, _ = again.communicate(timeout=300)
    assert again.returncode == 0 and f"{IMAGES} done" in told, told
    assert REQUESTS <= server.counts.requests <= REQUESTS + CONCURRENCY
    assert gallery.work() == undisturbed(gallery, start)


def test_ctrl_c_keeps_what_was_in_flight_and_writes_nothing_half(gallery, server, start):
    server.model.hold_after(8)
    run = start()
    wait_for(lambda: server.counts.requests >= 8 or run.poll() is not None)
    run.send_signal(signal.SIGINT)
    server.model.let_go()
    told, _ = run.communicate(timeout=300)
    assert run.returncode == 130 and "run the same command to go on" in told and "Traceback" not in told, told
    assert server.counts.requests == replies(gallery.out) and not (gallery.out / "annotations.jsonl").exists()
    assert start().wait(timeout=300) == 0 and server.counts.requests == REQUESTS
    assert server.counts.peak_in_flight <= CONCURRENCY, "steps 0 and 1 side by side share the limit (E31)"


@pytest.fixture
def ray_home(monkeypatch) -> Iterator[Path]:
    """Where Ray logs; a short path, for its sockets lie there too."""
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    monkeypatch.setenv("RAY_TMPDIR", str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")
def test_a_run_on_ray_that_loses_a_worker_is_the_run_of_one_process(gallery, server, start, ray_home):
    server.model.hold_after(10)
    run = start("executor=ray")
    wait_for(lambda: busy(gallery.out) or run.poll() is not None)
    os.kill(orjson.loads((busy(gallery.out)[0] / "LOCK.json").read_bytes())["pid"], signal.SIGKILL)
    server.model.let_go()
    told, _ = run.communicate(timeout=300)
    assert run.returncode == 0 and f"{IMAGES} done" in told, told
    assert not (gallery.out / "shards").exists()
    keys = Counter(row["key"] for row in gallery.rows("calls.jsonl"))
    assert max(keys.values()) == 1 and len(keys) <= server.counts.requests <= len(keys) + CONCURRENCY
    assert gallery.work() == undisturbed(gallery, start)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")
def test_asking_again_on_ray_asks_everything_once(gallery, server, start, ray_home):
    assert start().wait(timeout=300) == 0
    run = start("executor=ray", "workflow.force_reprocess=true")
    told, _ = run.communicate(timeout=300)
    assert run.returncode == 0, told
    assert server.counts.requests == 2 * REQUESTS == replies(gallery.out)
    assert start().wait(timeout=300) == 0 and server.counts.requests == 2 * REQUESTS
