"""A recipe's annotation and prediction on a Ray cluster of several machines, of which a worker and a machine die.

    python benchmarks/scale_out.py [--recipe recipes/quickstart/config.yaml] [--nodes 3] [--clips 24] [value=…]

The recipe's stages up to its first `predict` are run, each in one process. Then its `annotate` and `predict` are run
again in other folders on a cluster of `--nodes` machines (Ray's own cluster utilities: each machine is a raylet with
its workers) beside a head that computes nothing. In each run one worker is killed (SIGKILL) after a quarter of the
work, and after half of it a whole machine, workers and all. Compared are exports byte for byte, and journals after
sorting, without times, attempts and costs. The teacher is the scripted one, behind a loopback server with latency,
which counts what it is asked; the student is the recipe's. No peer is run beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
import psutil

from demitasse.chat.faults import Faults
from demitasse.chat.scripted import ScriptedModel
from demitasse.chat.server import ChatServer
from demitasse.recipe.read import read_recipe
from demitasse.stages import CHECKOUT

WHEN = ("time", "latency", "attempts", "cost")  # what the same replies need not have in common
CONCURRENCY = 8
BATCH = 8
DEMITASSE = str(Path(sys.executable).with_name("demitasse"))


@dataclass
class Found:
    """One stage, alone and on the cluster."""

    stage: str
    rows: int
    alone_seconds: float
    cluster_seconds: float
    killed_worker: int
    killed_machine: int  # its raylet's process
    same: bool
    asked_alone: int | None = None
    asked_cluster: int | None = None


def main() -> int:
    """Run it; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", type=Path, default=CHECKOUT / "recipes" / "quickstart" / "config.yaml")
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--clips", type=int, default=24, help="toy clips, if the recipe renders them")
    parser.add_argument("--latency", type=float, default=0.2, help="seconds that the teacher takes for a reply")
    parser.add_argument("values", nargs="*", metavar="value=…", help="of the recipe")
    args = parser.parse_args()
    os.environ["OPENAI_API_KEY"] = "none"
    with (
        tempfile.TemporaryDirectory() as folder,
        ChatServer(ScriptedModel(), faults=Faults(args.latency)) as server,
        machines(args.nodes) as cluster,
    ):
        found = list(both(args, Path(folder), server, cluster))
    for one in found:
        same = "the same" if one.same else "DIFFERENT"
        times = f"alone {one.alone_seconds:6.1f} s   cluster {one.cluster_seconds:6.1f} s"
        print(f"{one.stage:10} {one.rows:6} rows   {times}   {same}   requests {one.asked_alone}, {one.asked_cluster}")
    versions = {name: version(name) for name in ("demitasse", "ray")}
    told = {"name": "scale_out", "ratios": {}, "ours": [asdict(one) for one in found], "peer": None}
    print(json.dumps(told | {"nodes": args.nodes, "versions": versions}))
    return 0 if all(one.same for one in found) else 1


@contextmanager
def machines(count: int) -> Iterator[Any]:
    """A head, and machines with a CPU each."""
    from ray.cluster_utils import Cluster

    home = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # short, for Ray's sockets lie there too
    os.environ |= {"RAY_TMPDIR": home, "RAY_USAGE_STATS_ENABLED": "0", "RAY_raylet_start_wait_time_s": "180"}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(count):
        cluster.add_node(num_cpus=1)
    try:
        yield cluster
    finally:
        cluster.shutdown()
        shutil.rmtree(home, ignore_errors=True)


def both(args: argparse.Namespace, folder: Path, server: ChatServer, cluster: Any) -> Iterator[Found]:
    """Each stage alone, and the two that ask on the cluster as well."""
    given = [f"run={folder / 'run'}", f"videos={args.clips}", f"eval_videos={max(4, args.clips // 4)}", *args.values]
    for command in read_recipe(args.recipe, given).commands:
        words = shlex.split(command)
        if words[0] == "annotate":
            section = sections(words)
            words += teacher(section, server)
            out = next(word for word in words if word.startswith("results_dir=")).partition("=")[2]
            ray = [f"{section}.executor=ray", f"{section}.ray.address={cluster.address}"]
            yield disturbed(words, out, [*ray, f"{section}.ray.workers={args.nodes}"], "calls.jsonl", server, cluster)
        elif words[0] == "predict":
            words += ["--batch-size", str(BATCH)]
            ray = ["--executor", "ray", "--ray-address", cluster.address, "--ray-workers", str(args.nodes)]
            yield disturbed(words, words[words.index("--out") + 1], ray, "predictions.jsonl", None, cluster)
            return
        else:
            run(words)


def sections(words: list[str]) -> str:
    """The section of a spec that a kind of annotation reads."""
    return {"video": "video_reasoning_annotation", "image": "image_referring_expression"}[words[1]]


def teacher(section: str, server: ChatServer) -> list[str]:
    """Settings by which the scripted teacher is asked over HTTP."""
    second = "llm" if section.startswith("video") else "checker"
    settings = ("backend=openai", f"openai.base_url={server.base_url}", "openai.model_name=scripted")
    return [
        *(f"{section}.{name}.{setting}" for name in ("vlm", second) for setting in settings),
        f"{section}.workflow.max_workers={CONCURRENCY}",
    ]


def run(words: list[str]) -> float:
    """Run a command to its end; returns its seconds."""
    begun = time.monotonic()
    done = subprocess.run([DEMITASSE, *words], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(f"{shlex.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return time.monotonic() - begun


def disturbed(
    words: list[str], out: str, ray: list[str], journal: str, server: ChatServer | None, cluster: Any
) -> Found:
    """Run a stage alone, and again on the cluster while things die."""
    before = server.counts.requests if server else 0
    alone = run(words)
    asked = server.counts.requests - before if server else None
    many = Path(f"{out}_cluster")
    total = lines(Path(out) / journal)
    begun = time.monotonic()
    command = [DEMITASSE, *(word.replace(out, str(many)) if out in word else word for word in words), *ray]
    process = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_for(lambda: done_of(many, journal) >= total // 4, process)
    worker = kill_worker(many)
    wait_for(lambda: done_of(many, journal) >= total // 2, process)
    machine = kill_machine(many, cluster)
    told, _ = process.communicate()
    if process.returncode not in (0, 3):
        raise SystemExit(f"{shlex.join(command)}: {process.returncode}\n{told}")
    seconds = time.monotonic() - begun
    cluster.add_node(num_cpus=1)  # for the next stage
    asked_cluster = server.counts.requests - before - (asked or 0) if server else None
    same = work_of(Path(out)) == work_of(many)
    return Found(words[0], total, alone, seconds, worker, machine, same, asked, asked_cluster)


def kill_worker(out: Path) -> int:
    """SIGKILL for one of the processes that work; returns its number."""
    worker = workers(out)[0]
    os.kill(worker, signal.SIGKILL)
    return worker


def kill_machine(out: Path, cluster: Any) -> int:
    """Take down a machine on which a worker is; returns its raylet's number."""
    raylets = {node.all_processes["raylet"][0].process.pid: node for node in cluster.worker_nodes}
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for worker in workers(out):
            hosts = [pid for pid in raylets if worker in {child.pid for child in psutil.Process(pid).children(True)}]
            if hosts:
                cluster.remove_node(raylets[hosts[0]], allow_graceful=False)
                return hosts[0]
        time.sleep(0.05)
    raise SystemExit("no worker was found on any machine")


def workers(out: Path) -> list[int]:
    """Processes that hold the folder of a worker."""
    found = [orjson.loads(path.read_bytes())["pid"] for path in sorted(out.glob("shards/ray-*/LOCK.json"))]
    return [pid for pid in found if psutil.pid_exists(pid)]


def done_of(out: Path, journal: str) -> int:
    """Rows so far, of all workers."""
    return sum(lines(path) for path in (out / journal, *out.glob(f"shards/ray-*/{journal}")))


def lines(path: Path) -> int:
    """Whole rows of a journal."""
    try:
        return path.read_bytes().count(b"\n")
    except FileNotFoundError:  # not yet, or united meanwhile
        return 0


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait while the process lives."""
    while not condition():
        if process.poll() is not None:
            raise SystemExit(f"the run ended before it could be disturbed\n{process.communicate()[0]}")
        time.sleep(0.01)


def work_of(out: Path) -> dict[str, Any]:
    """What a run has left: journals in any order and without times, exports as bytes."""
    journals = (*out.glob("*.jsonl"), *out.glob("step_*/*.jsonl"))
    found: dict[str, Any] = {
        path.relative_to(out).as_posix(): sorted(
            (timeless(orjson.loads(line)) for line in path.read_bytes().splitlines()), key=orjson.dumps
        )
        for path in journals
    }
    return found | {path.name: path.read_bytes() for path in out.glob("step_4_output/*.json")}


def timeless(value: Any) -> Any:
    """A row without what two runs need not have in common."""
    if isinstance(value, dict):
        return {name: timeless(part) for name, part in value.items() if name not in WHEN}
    return [timeless(part) for part in value] if isinstance(value, list) else value


if __name__ == "__main__":
    sys.exit(main())
