"""`predict` on a Ray cluster of several machines: the rows of one process, whatever dies on the way."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demitasse.chat.faults import Faults
from demitasse.chat.model import Capability, Outcome, Reply, Request, Usage
from demitasse.chat.server import ChatServer
from demitasse.dataset import Item, TaskFile, write
from demitasse.engine.cluster import Cluster
from evaluate.asking.predict import Predicted, predict
from evaluate.asking.spread import Spread
from tests.evaluate.asking.slow_student import PATIENCE, SlowStudent, heard, small_files

pytestmark = [
    pytest.mark.slow,
    pytest.mark.network,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed"),
]
NODES = 3
ITEMS, BATCH, WORKERS = 61, 4, 3


@pytest.fixture(scope="module")
def machines() -> Iterator[Any]:
    """A head that computes nothing, and three machines with a CPU each."""
    from ray.cluster_utils import Cluster as Machines

    home = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # short, for Ray's sockets lie there too
    before = {
        name: os.environ.get(name) for name in ("RAY_TMPDIR", "RAY_USAGE_STATS_ENABLED", "RAY_raylet_start_wait_time_s")
    }
    os.environ |= {"RAY_TMPDIR": home, "RAY_USAGE_STATS_ENABLED": "0", "RAY_raylet_start_wait_time_s": "180"}
    machines = Machines(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(NODES):
        machines.add_node(num_cpus=1)
    yield machines
    machines.shutdown()
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def files(tmp_path: Path) -> list[TaskFile]:
    return small_files(tmp_path, ITEMS)


def ask(files: list[TaskFile], out: Path, student: SlowStudent, cluster: Cluster | None = None) -> Predicted:
    settings = {"model": "slow"}
    return predict(student, files, out, "slow", settings, batch_size=BATCH, spread=Spread(cluster))


def rows(out: Path) -> list[bytes]:
    return sorted((out / "predictions.jsonl").read_bytes().splitlines())


def test_a_worker_is_killed_and_the_rows_are_those_of_one_process(machines, files, tmp_path):
    one = ask(files, tmp_path / "one", SlowStudent(tmp_path / "one.txt"))
    dies = SlowStudent(tmp_path / "many.txt", died=tmp_path / "died", together=WORKERS)
    many = ask(files, tmp_path / "many", dies, Cluster(machines.address, workers=WORKERS))
    assert (tmp_path / "died").exists()
    assert (one.asked, one.failed, one.exit_code) == (many.asked, many.failed, many.exit_code) == (ITEMS, 1, 3)
    assert rows(tmp_path / "many") == rows(tmp_path / "one")
    assert (tmp_path / "many" / "items.jsonl").read_bytes() == (tmp_path / "one" / "items.jsonl").read_bytes()
    asked_by, times = heard(tmp_path / "many.txt")
    assert len(asked_by) == WORKERS + 1, "three workers and the successor of one"
    assert sum(times.values()) - len(times) <= BATCH, "no more than what was in flight is asked again"
    assert not (tmp_path / "many" / "shards").exists()
    again = ask(files, tmp_path / "many", dies)
    assert (again.asked, again.found) == (1, ITEMS - 1), "either executor goes on where the other was"


class Echo:
    """Answers with the question, and takes its time."""

    name = "student"
    capability = Capability()

    async def reply(self, request: Request) -> Reply:
        return Reply(Outcome.SUCCESS, request.text, model="s", usage=Usage(100, 10))

    async def close(self) -> None:
        """Nothing to close."""


def test_workers_ask_an_endpoint_under_the_limits_of_one_process(machines, tmp_path, monkeypatch):
    from demitasse.cli import main
    from demitasse.toyworld.render import render

    monkeypatch.setenv("OPENAI_API_KEY", "sk-CANARY-cluster")
    render(tmp_path / "videos", range(4))
    items = [Item(f"open_qa {n}?", "A", video_id=f"{n % 4:05d}.mp4") for n in range(24)]
    file = TaskFile(items, task="open_qa", license="x", media_root="videos", path=tmp_path / "open_qa.json")
    write(file.path, file)
    with ChatServer(Echo(), faults=Faults(latency=0.1)) as server:
        words = ["--data", str(file.path), "--model", "student", "--endpoint", server.base_url, "--kind", "vllm"]
        words += ["--cache", str(tmp_path / "cache"), "--concurrency", "3", "--frames", "none"]
        assert main(["predict", *words, "--out", str(tmp_path / "one")]) == 0
        ray = ["--executor", "ray", "--ray-address", machines.address, "--ray-workers", "2"]
        assert main(["predict", *words, "--out", str(tmp_path / "many"), *ray]) == 0
        assert server.counts.requests == 2 * len(items) and server.counts.peak_in_flight <= 3
    assert rows(tmp_path / "many") == rows(tmp_path / "one")
    left = [path for path in tmp_path.rglob("*.json*") if b"CANARY" in path.read_bytes()]
    assert left == [], "no key is left behind"


def test_cards_that_this_machine_does_not_have_are_refused():
    from demitasse.engine import ray_executor
    from demitasse.errors import ConfigError

    class Ray:
        @staticmethod
        def cluster_resources() -> dict[str, float]:
            return {"CPU": 8.0, "GPU": 1.0}

    ray_executor._refuse_without_cards(Ray, Cluster(workers=1, gpus_per_worker=1))
    ray_executor._refuse_without_cards(Ray, Cluster("auto", workers=2, gpus_per_worker=1))  # it may grow
    with pytest.raises(ConfigError, match="2 Ray workers with 1 GPUs each want 2, and this machine has 1"):
        ray_executor._refuse_without_cards(Ray, Cluster(workers=2, gpus_per_worker=1))


def test_a_machine_goes_down_and_the_rows_are_those_of_one_process(machines, files, tmp_path):
    ask(files, tmp_path / "one", SlowStudent(tmp_path / "one.txt"))
    slow = SlowStudent(tmp_path / "many.txt", 0.3, together=WORKERS)

    def take_one_down() -> None:
        until = time.monotonic() + PATIENCE
        while len(heard(slow.heard)[0]) < WORKERS if slow.heard.exists() else True:
            assert time.monotonic() < until
            time.sleep(0.02)
        machines.remove_node(next(iter(machines.worker_nodes)), allow_graceful=False)

    accident = threading.Thread(target=take_one_down)
    accident.start()
    many = ask(files, tmp_path / "many", slow, Cluster(machines.address, workers=WORKERS))
    accident.join()
    assert (many.asked, many.failed) == (ITEMS, 1)
    assert rows(tmp_path / "many") == rows(tmp_path / "one")
    _, times = heard(slow.heard)
    assert sum(times.values()) - len(times) <= BATCH
    assert len(machines.worker_nodes) == NODES - 1
