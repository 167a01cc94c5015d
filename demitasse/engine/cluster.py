"""Where the workers of a run are. Apart from the executor, so that a configuration that names it loads nothing."""

from __future__ import annotations

from dataclasses import dataclass

from demitasse.config.setting import setting


@dataclass
class Cluster:
    """A Ray cluster, and how much of it a run takes."""

    address: str = setting("", "of a running cluster, auto or host:port; empty starts one here for this run")
    workers: int = setting(2, "processes that take videos, images or questions", ge=1)
    cpus_per_worker: int = setting(1, "of the cluster, for decoding; the rest is waiting", ge=1)
    gpus_per_worker: int = setting(0, "of the cluster, for a model that a worker loads itself", ge=0)
