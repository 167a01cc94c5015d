"""A run on a Ray cluster: the same steps in several processes, which may be on several machines.

Each worker is an actor with a results folder of its own on a filesystem that all machines see. Records are dealt out
one by one, limits and money are held in one place (ray_actors.py), and at the end the workers' folders are united
(unite.py). A worker that dies loses nothing: its folder is united at once, and a successor takes its records over.

No key travels: a worker reads its environment, and what Ray stores and logs (arguments, results) never holds one.
"""

from __future__ import annotations

import itertools
import logging
import os
import pickle
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from demitasse.engine.cluster import Cluster
from demitasse.engine.lock import lock_results
from demitasse.engine.outcomes import State, Summary
from demitasse.engine.progress import Progress
from demitasse.engine.ray_actors import Dealer, DealtRecords, Limiter, RemoteGate, RemotePurse
from demitasse.engine.shard import SHARDS
from demitasse.engine.share import Share
from demitasse.engine.step import Record, Stop
from demitasse.engine.unite import unite
from demitasse.errors import ConfigError, DemitasseError
from demitasse.stages import use_checkout

FOLDERS = "ray-*"
_MANY = 100_000  # calls that may wait at one actor: Ray's default of 1000 would shut those out that end the waiting
_POLL = 0.2  # seconds between looks at the run's standing
_STORE = 100 * 2**20  # bytes of shared memory of a cluster of our own; what is passed around is small
_PATIENCE = 20.0  # seconds until the lock of a process that was killed is free
_DEATHS_IN_A_ROW = 3  # for each worker: that many without one record ended between them end the run

Work = Callable[[Share], Summary]


class Worker:
    """An actor that does its share of a run."""

    def __init__(self, folder: str) -> None:
        """`folder` is the one that the run was started from: paths in its configuration may count from there."""
        self._folder = folder

    def work(self, work: bytes, worker: int, share: Share, dealer: Any, limiter: Any, shares_purse: bool) -> Any:
        """The share's summary, or the error that ended it, as its type and sentence. `work` is pickled."""
        use_checkout()  # before anything of a stage is unpickled: this process was started by Ray
        try:
            os.chdir(self._folder)
        except OSError as error:
            where = f"{self._folder} cannot be entered on {socket.gethostname()} ({error.strerror})"
            return ConfigError, f"{where}: start the run from a folder that every machine of the cluster sees"
        records = DealtRecords(dealer, worker)
        whole = Share(
            folder=share.folder,
            records=records,
            paid=share.paid,
            done=share.done,
            parts=share.parts,
            gates=partial(RemoteGate, limiter, worker),
            purse=RemotePurse(limiter, worker) if shares_purse else None,
            on_finished=records.end,
            interruption=records.interruption,
        )
        try:
            return pickle.loads(work)(whole)
        except DemitasseError as error:
            told = error.__cause__ if isinstance(error.__cause__, Stop) else error
            return type(told), str(told)


def run_on_ray(
    work: Work,
    records: Sequence[Record],
    results_dir: Path,
    cluster: Cluster,
    *,
    left_out: Sequence[tuple[str, str]] = (),
    cap: float | None = None,
    spent: float = 0.0,
    progress: bool = True,
    id_field: str = "video",
) -> Summary:
    """Have workers run all records, and unite what they did in the results folder.

    Ctrl-C lets what is in flight end; a second one ends the workers.

    Args:
        work: does a share; a function that can be imported on the workers, with arguments that hold no secret.
        records: to be dealt out.
        results_dir: on a filesystem that all workers see under this path.
        cluster: where the workers are.
        left_out: inputs that never became records, as (what, why); counted as skipped.
        cap: dollars that all workers together may spend; None for no cap.
        spent: dollars of it that are spent already.
        progress: show a bar on stderr.
        id_field: the row's field that holds the record's id.

    Raises:
        ConfigError: if Ray is not installed, or the cluster cannot be reached.
        DemitasseError: if another process holds the folder, or a worker could not go on; finished rows are kept.
    """
    with lock_results(results_dir), _joined(cluster) as ray, closing(Progress(len(records), progress)) as bar:
        run = _Run(ray, work, results_dir.resolve(), cluster, id_field, bar)
        try:
            with _sigint(run.interrupt):
                run.supervise(list(records), cap, spent)
        finally:
            run.end()
            _unite_all(results_dir, id_field, left_out)
    for _, why in left_out:
        run.summary.count(State.SKIPPED, why)
    if run.summary.halted:
        run.summary.halted += f"; {len(records) + len(left_out) - run.summary.total} records are left"
    if run.failure is not None:
        kind, told = run.failure
        raise kind(f"{told} (until then: {run.summary.line()})")
    return run.summary


@dataclass
class _Run:
    """One run while it lasts."""

    ray: Any
    work: Work
    results_dir: Path
    cluster: Cluster
    id_field: str
    bar: Progress
    summary: Summary = field(default_factory=Summary)
    failure: tuple[type[DemitasseError], str] | None = None
    _actors: dict[int, Any] = field(default_factory=dict)  # by worker, as long as they are there
    _working: dict[Any, int] = field(default_factory=dict)  # Ray's reference to a worker's result -> worker
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _interrupts: int = 0
    _deaths: int = 0  # of workers, since a record was ended
    _ended: int = 0  # records

    def supervise(self, records: list[Record], cap: float | None, spent: float) -> None:
        """Start the workers and see to them until the run is over."""
        shared = {"num_cpus": 0, "max_concurrency": _MANY, "scheduling_strategy": self._here()}
        self._dealer = self.ray.remote(**shared)(Dealer).remote(records)
        self._limiter = self.ray.remote(**shared)(Limiter).remote(cap, spent)
        self._shares_purse = cap is not None
        for _ in range(min(self.cluster.workers, len(records))):
            self._start(next(self._numbers))
        told = False
        while self._working and self._interrupts < 2:
            done, _ = self.ray.wait(list(self._working), timeout=_POLL)
            self._look()
            for result in done:
                self._take(result)
            if (self._interrupts or self.failure or self.summary.halted) and not told:
                self._dealer.interrupt.remote()
                told = True
        self._look()
        self.summary.interrupted = self._interrupts > 0

    def interrupt(self, *_: object) -> None:
        """Ctrl-C."""
        self._interrupts += 1
        if self._interrupts == 1:
            print("\ninterrupted: waiting for what is in flight; Ctrl-C again ends at once", file=sys.stderr)

    def end(self) -> None:
        """End the workers that are still there."""
        for actor in self._actors.values():
            self.ray.kill(actor)

    def _here(self) -> Any:
        """This machine: what all workers share must not go down with another one."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        return NodeAffinitySchedulingStrategy(self.ray.get_runtime_context().get_node_id(), soft=False)

    def _start(self, worker: int) -> None:
        needs = {"num_cpus": self.cluster.cpus_per_worker, "num_gpus": self.cluster.gpus_per_worker}
        actor = self.ray.remote(**needs)(Worker).remote(os.getcwd())
        known = self.results_dir
        share = Share(self._folder(worker), (), paid=known, done=known, parts=self.cluster.workers)
        result = actor.work.remote(
            pickle.dumps(self.work), worker, share, self._dealer, self._limiter, self._shares_purse
        )
        self._actors[worker] = actor
        self._working[result] = worker

    def _folder(self, worker: int) -> Path:
        return self.results_dir / SHARDS / FOLDERS.replace("*", str(worker))

    def _take(self, result: Any) -> None:
        """A worker has come to its end, one way or another."""
        worker = self._working.pop(result)
        del self._actors[worker]
        try:
            got = self.ray.get(result)
        except self.ray.exceptions.RayActorError:
            self._replace(worker)
            return
        if isinstance(got, Summary):  # the dealer has counted the records that ended
            self.summary.stale += got.stale
            self.summary.unfinished += got.unfinished
            self.summary.halted = self.summary.halted or got.halted
        else:
            self.failure = self.failure or got

    def _replace(self, worker: int) -> None:
        """A worker has died: another takes its records over, beside whatever it had paid for."""
        self._deaths += 1
        successor = next(self._numbers)
        self.ray.get([self._dealer.replace.remote(worker, successor), self._limiter.bury.remote(worker)])
        if self._deaths >= _DEATHS_IN_A_ROW * self.cluster.workers:
            told = f"Ray workers died {self._deaths} times without a record being ended: Ray's logs may say why"
            self.failure = self.failure or (Stop, f"{told}; what was answered is kept")
        elif not self._interrupts and self.failure is None:
            unite([self._folder(worker)], self.results_dir, self.id_field, patience=_PATIENCE)
            self._start(successor)

    def _look(self) -> None:
        """See how far the run is; workers that the cluster never had room for are not waited for at its end."""
        standing, sent = self.ray.get([self._dealer.standing.remote(), self._limiter.sent.remote()])
        counted: Summary = standing.summary
        for _ in range(counted.total - self._ended):
            self.bar.advance(sent, counted.quarantined)
        if counted.total > self._ended:
            self._ended, self._deaths = counted.total, 0
        told = ("done", "skipped", "quarantined")
        self.summary = replace(self.summary, **{name: getattr(counted, name) for name in told})
        if standing.over:
            self._working = {ref: worker for ref, worker in self._working.items() if worker in standing.begun}


@contextmanager
def _joined(cluster: Cluster) -> Iterator[Any]:
    """Ray, connected to the cluster, or to one on this machine that ends with the block."""
    try:
        import ray
    except ImportError:
        raise ConfigError(
            "executor is 'ray', but Ray is not installed: run pip install -e '.[ray]' in the checkout"
        ) from None
    settings: dict[str, Any] = {"address": cluster.address}
    if not cluster.address:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a run must not report to anyone
        cpus = cluster.workers * cluster.cpus_per_worker
        settings = {"address": "local", "num_cpus": cpus, "include_dashboard": False, "object_store_memory": _STORE}
    try:
        ray.init(**settings, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:  # a plain one, where a node of its own starts too late
        where = cluster.address or "this machine"
        raise ConfigError(f"ray.address: no Ray cluster at {where} ({' '.join(str(error).split())[:200]})") from None
    try:
        _refuse_without_cards(ray, cluster)
        yield ray
    finally:
        ray.shutdown()


def _refuse_without_cards(ray: Any, cluster: Cluster) -> None:
    """Of CPUs a cluster of our own has enough; for GPUs that are nowhere its workers would wait for ever."""
    wanted, there = cluster.gpus_per_worker * cluster.workers, int(ray.cluster_resources().get("GPU", 0))
    if not cluster.address and wanted > there:
        raise ConfigError(
            f"{cluster.workers} Ray workers with {cluster.gpus_per_worker} GPUs each want {wanted}, and this machine "
            f"has {there}: ask for fewer, or name a cluster that has them"
        )


@contextmanager
def _sigint(handler: Callable[..., None]) -> Iterator[None]:
    """`handler` takes Ctrl-C, if this is the main thread."""
    try:
        before = signal.signal(signal.SIGINT, handler)
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def take_over_workers(results_dir: Path, id_field: str = "video") -> None:
    """Unite what the workers of a run that was killed have left; to be called before any run counts what is paid for.

    Raises:
        DemitasseError: if another process holds the folder.
    """
    if _folders(results_dir):
        with lock_results(results_dir, patience=_PATIENCE):
            _unite_all(results_dir, id_field, ())


def _folders(results_dir: Path) -> list[Path]:
    return sorted((results_dir / SHARDS).glob(FOLDERS))


def _unite_all(results_dir: Path, id_field: str, left_out: Sequence[tuple[str, str]]) -> None:
    """Take over what the workers' folders hold, and remove them."""
    folders = _folders(results_dir)
    unite(folders, results_dir, id_field, left_out, patience=_PATIENCE)
    for folder in folders:
        shutil.rmtree(folder)
    with suppress(OSError):  # it is not empty, or not there
        (results_dir / SHARDS).rmdir()
