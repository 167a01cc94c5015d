"""The arguments of `demitasse predict` that say which processes do the work."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from demitasse.engine.cluster import Cluster
from demitasse.errors import ConfigError

if TYPE_CHECKING:
    from evaluate.asking.spread import Spread

_RAY = ("address", "workers", "cpus", "gpus")
_PLACE = ("shard", "merge", "partial")  # what tells one process's part from the whole run


def add_spread_arguments(group: argparse._ArgumentGroup) -> None:
    """Add them; None stands for what `Cluster` says."""
    usual = Cluster()
    group.add_argument(
        "--executor",
        choices=("local", "ray"),
        default="local",
        help="ray: workers of a Ray cluster (default: %(default)s)",
    )
    group.add_argument(
        "--ray-address", metavar="ADDRESS", help="of a running cluster, auto or host:port (default: one here)"
    )
    group.add_argument("--ray-workers", type=int, metavar="N", help=f"processes that ask (default: {usual.workers})")
    group.add_argument(
        "--ray-cpus", type=int, metavar="N", help=f"CPUs of each worker (default: {usual.cpus_per_worker})"
    )
    group.add_argument(
        "--ray-gpus", type=int, metavar="N", help=f"GPUs of each worker (default: {usual.gpus_per_worker})"
    )
    group.add_argument("--shard", metavar="i/n", help="only the i-th of n shards, from 0; slurm: this task of an array")
    group.add_argument("--merge", action="store_true", help="put the shards together; nobody is asked")
    group.add_argument("--partial", action="store_true", help="with --merge: though shards are missing or unfinished")


def spread_of(args: argparse.Namespace) -> Spread:
    """What the arguments say.

    Raises:
        ConfigError: if they contradict one another.
    """
    from demitasse.engine.shard import read_shard
    from evaluate.asking.spread import Spread

    given = [name for name in _RAY if getattr(args, f"ray_{name}") is not None]
    ways = [f"--{name}" for name in ("shard", "merge") if getattr(args, name)]
    if args.executor == "ray":
        ways.append("--executor ray")
    elif given:
        raise ConfigError(f"--ray-{given[0]} is said of a cluster; give --executor ray")
    if len(ways) > 1:
        raise ConfigError(f"{' and '.join(ways)} are different ways to run; choose one")
    if args.partial and not args.merge:
        raise ConfigError("--partial says what --merge may do without, and --merge was not given")
    if args.repeats and (args.shard or args.merge):
        raise ConfigError(f"--repeats and {ways[0]}: give each repeat a run of its own, with its --seed and --out")
    shard = read_shard(args.shard, os.environ) if args.shard else None
    return Spread(_cluster(args) if args.executor == "ray" else None, shard, args.merge, args.partial)


def _cluster(args: argparse.Namespace) -> Cluster:
    usual = Cluster()
    least = {"workers": 1, "cpus": 1, "gpus": 0}
    for name, few in least.items():
        value = getattr(args, f"ray_{name}")
        if value is not None and value < few:
            raise ConfigError(f"--ray-{name} is {value}; it must be {few} or more")
    return Cluster(
        args.ray_address or usual.address,
        args.ray_workers or usual.workers,
        args.ray_cpus or usual.cpus_per_worker,
        usual.gpus_per_worker if args.ray_gpus is None else args.ray_gpus,
    )


def whole(args: argparse.Namespace) -> argparse.Namespace:
    """The arguments of the whole run, whichever part of it this process does."""
    return argparse.Namespace(**{name: value for name, value in vars(args).items() if name not in _PLACE})
