"""The processes that decode what a run shows."""

from __future__ import annotations

import os

from annotate.run.job import Job
from demitasse.media.pool import DecodePool

MOST_DECODERS = 8


def open_pool(job: Job) -> DecodePool:
    """Processes that decode: for all of this machine, or for what a worker of a cluster has for itself."""
    if job.section.executor == "ray":
        pool = DecodePool(job.section.ray.cpus_per_worker)
    else:
        pool = DecodePool(min(MOST_DECODERS, 1 + _processors()))  # one is left to what is waited for
    if job.decodes:
        pool.start(job.decodes)
    return pool


def _processors() -> int:
    """Those that this process may use: a Slurm task has fewer than its machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
