"""Several processes on a machine without a GPU.

`accelerate launch --num_processes 2 --cpu` (accelerate 1.15) starts one process, without a word: its launcher for
several is for GPUs, or needs MPI. What it leaves behind is an address for processes to meet at. Where that is so,
the number asked for is read from the launcher's own command line and torch's launcher starts that many.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from demitasse.errors import ConfigError

_NUMBER = re.compile(r"--num[_-]processes(?:=(\d+))?")


def missing_processes(environment: Mapping[str, str], launcher: Sequence[str]) -> int:
    """How many processes were asked for, if accelerate started only this one; otherwise 0.

    Args:
        environment: this process's environment.
        launcher: the command line of the process that started it.

    Raises:
        ConfigError: if more than one was asked for, and the number cannot be found.
    """
    alone = "WORLD_SIZE" not in environment and "RANK" not in environment
    on_cpu = environment.get("ACCELERATE_USE_CPU", "").lower() in ("true", "1")
    if not (alone and on_cpu and "MASTER_PORT" in environment and any("accelerate" in word for word in launcher)):
        return 0
    for place, word in enumerate(launcher):
        if found := _NUMBER.fullmatch(word):
            return int(found[1] or launcher[place + 1])
    raise ConfigError(
        "accelerate starts one process on a CPU and its command line does not say how many were meant; "
        "give --num_processes, or start with `torchrun --nproc_per_node N train/sft.py …`"
    )


def launch_missing(script: str, arguments: Sequence[str]) -> bool:
    """Start the processes that accelerate did not, and wait for them; False if none is missing."""
    import psutil

    parent = psutil.Process().parent()
    processes = missing_processes(os.environ, parent.cmdline() if parent else [])
    if processes < 2:
        return False
    from torch.distributed.run import main

    main(["--standalone", "--nproc_per_node", str(processes), script, *arguments])
    return True
