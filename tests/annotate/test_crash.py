"""What a run survives: kills, a full disk, a second run beside it. Real processes, real HTTP."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest

from benchmarks.kill_and_resume import kill_and_resume
from demitasse.chat.faults import Faults
from demitasse.chat.server import ChatServer
from demitasse.dataset import validate
from tests.held_teacher import HeldTeacher

pytestmark = pytest.mark.network
CONCURRENCY = 3
VIDEOS = 4
ROOM = 40 * 2**10  # bytes: less than the journals need, more than a clip does


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(HeldTeacher(), faults=Faults(latency=0.02)) as served:
        yield served


@pytest.fixture
def start(desk, server: ChatServer) -> Callable[..., subprocess.Popen]:
    """Starts the real command on a few videos."""
    from demitasse.toyworld.render import render_clip

    for number in range(VIDEOS):
        render_clip(desk.videos / f"{number}.mp4", number)
    endpoints = [
        f"{name}.{key}"
        for name in ("vlm", "llm")
        for key in ("backend=openai", f"openai.base_url={server.base_url}", "openai.model_name=scripted")
    ]
    given = [*endpoints, f"workflow.max_workers={CONCURRENCY}", "license=CC0-1.0", f"data.video_root={desk.videos}"]

    def run(out: Path | None = None, **settings) -> subprocess.Popen:
        command = [Path(sys.executable).with_name("demitasse"), "annotate", "video", "--quiet"]
        words = [f"results_dir={out or desk.out}", *(f"video_reasoning_annotation.{text}" for text in given)]
        return subprocess.Popen(
            [*command, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **settings
        )

    return run


@pytest.mark.slow
def test_kills_lose_nothing_double_nothing_and_cost_what_was_in_flight(tmp_path):
    found = kill_and_resume(tmp_path, kills=3, clips=4, latency=0.05, seed=1)
    assert found.faults == [] and found.kills == 3
    assert found.most_bought_again_at_once <= 4 and found.replies > 50


def limited_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with hardly any room."""
    folder = tmp_path / "small disk"
    folder.mkdir()
    size = 2 * ROOM
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def replies(folder: Path) -> list[bytes]:
    return [line for line in (folder / "calls.jsonl").read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]


def assert_it_stopped_cleanly(run: subprocess.Popen, out: Path, server: ChatServer) -> None:
    said, told = run.communicate(timeout=300)
    assert run.returncode not in (0, 3, 130), told
    assert told.count("\n") == 1 and told.startswith("demitasse: ") and "run again" in told and "Traceback" not in told
    assert "items in" not in said and not [*out.glob("step_4_output/*")]
    kept, written = replies(out), (out / "calls.jsonl").read_bytes()
    # On a disk that was full before the first reply nothing was written, and no more was asked than was in flight.
    assert not written or written.endswith(b"\n"), "what was written is whole"
    assert server.counts.requests - len(kept) <= CONCURRENCY, "what was answered and not written was in flight"


def assert_whole(out: Path) -> None:
    """Eight questions of every video, once."""
    rows = [orjson.loads(line) for line in (out / "step_3_qa" / "qa_output.jsonl").read_bytes().splitlines()]
    assert Counter(row["video"] for row in rows) == {f"{number}.mp4": 8 for number in range(VIDEOS)}
    assert validate(out / "step_4_output") == []


def test_a_file_that_may_not_grow_stops_the_run_and_the_next_one_goes_on(start, desk, server):
    assert_it_stopped_cleanly(start(preexec_fn=limited_files), desk.out, server)
    kept, asked = replies(desk.out), server.counts.requests
    assert start().wait(timeout=300) == 0
    assert replies(desk.out)[: len(kept)] == kept
    assert server.counts.requests - asked == len(replies(desk.out)) - len(kept), "what was kept was not bought again"
    assert_whole(desk.out)


def test_a_full_disk_stops_the_run_and_the_next_one_goes_on(start, server, small_disk):
    out = small_disk / "out"
    assert_it_stopped_cleanly(start(out), out, server)
    told = start(out).communicate(timeout=300)[1]
    assert told.count("\n") == 1 and "Traceback" not in told, "still full"
    kept = replies(out)
    subprocess.run(["mount", "-o", f"remount,size={200 * ROOM}", small_disk], check=True)
    asked = server.counts.requests
    assert start(out).wait(timeout=300) == 0
    assert replies(out)[: len(kept)] == kept
    assert server.counts.requests - asked == len(replies(out)) - len(kept), "what was kept was not bought again"
    assert_whole(out)


def test_a_second_run_is_told_who_holds_the_folder_and_a_dead_ones_lock_is_free(start, desk, server):
    server.model.hold_after(10)
    first = start()
    until = time.monotonic() + 300
    while server.counts.requests <= 10 and time.monotonic() < until:
        time.sleep(0.01)
    asked = server.counts.requests
    second = start()
    told = second.communicate(timeout=300)[1]
    assert second.returncode == 2 and f"is being written by process {first.pid} on {os.uname().nodename} since" in told
    assert told.count("\n") == 1

    first.send_signal(signal.SIGKILL)
    first.wait()
    assert (desk.out / "LOCK.json").exists(), "the dead one's name still stands there"
    server.model.let_go()
    third = start()
    assert third.wait(timeout=300) == 0 and server.counts.requests > asked
    keys = Counter(line.split(b'"')[3] for line in replies(desk.out))
    assert max(keys.values()) == 1
