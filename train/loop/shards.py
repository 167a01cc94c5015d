"""Weights that learn and the optimizer's state, on disk in shards that any number of processes can read.

torch.distributed.checkpoint does the work. DeepSpeed keeps both in a form of its own.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demitasse.errors import DataError, DiskFullError, is_disk_full

if TYPE_CHECKING:
    from accelerate import Accelerator


def is_deepspeed(accelerator: Accelerator) -> bool:
    """Whether DeepSpeed has model and optimizer in its hands."""
    return str(accelerator.distributed_type.value) == "DEEPSPEED"


def write(accelerator: Accelerator, model: Any, optimizer: Any, folder: Path) -> None:
    """Write the prepared model's and optimizer's state; a call for all processes.

    Raises:
        DiskFullError: if the disk does not take it.
    """
    from torch.distributed.checkpoint.api import CheckpointException
    from torch.distributed.checkpoint.state_dict_saver import save

    try:
        if is_deepspeed(accelerator):
            accelerator.save_state(str(folder))
            return
        with _alone(accelerator) as alone:
            save(_tensors(model, optimizer), checkpoint_id=folder, no_dist=alone)
    except (Exception, CheckpointException) as fault:
        if is_disk_full(_cause(fault)):
            raise DiskFullError(f"{folder} could not be written: make room and run again") from None
        raise


def read(accelerator: Accelerator, model: Any, optimizer: Any, folder: Path) -> None:
    """Load what `write` wrote; a call for all processes.

    Raises:
        DataError: if it cannot be read.
    """
    from torch.distributed.checkpoint.api import CheckpointException

    try:
        if is_deepspeed(accelerator):
            accelerator.load_state(str(folder))
        else:
            _load(accelerator, model, optimizer, folder)
    except (Exception, CheckpointException) as fault:
        cause = _cause(fault)
        said = f"{type(cause).__name__}: {cause}".strip(": ").splitlines()[0]
        raise DataError(
            f"{folder.parent}: this checkpoint cannot be read ({said}); delete it to go on from the one before, or "
            "from the start"
        ) from cause


def _load(accelerator: Accelerator, model: Any, optimizer: Any, folder: Path) -> None:
    from torch.distributed.checkpoint.state_dict import StateDictOptions, set_state_dict
    from torch.distributed.checkpoint.state_dict_loader import load

    tensors = _tensors(model, optimizer)
    with _alone(accelerator) as alone:
        load(tensors, checkpoint_id=folder, no_dist=alone)
    set_state_dict(
        model,
        optimizer.optimizer,
        model_state_dict=tensors["model"],
        optim_state_dict=tensors["optimizer"],
        options=StateDictOptions(strict=False),  # what does not learn is not in it
    )


def _tensors(model: Any, optimizer: Any) -> dict[str, Any]:
    from torch.distributed.checkpoint.state_dict import get_state_dict

    weights, states = get_state_dict(model, optimizer.optimizer)
    groups: Any = states["param_groups"]
    learnt = {name for group in groups for name in group["params"]}
    return {"model": {name: weights[name] for name in learnt}, "optimizer": states}


@contextmanager
def _alone(accelerator: Accelerator) -> Iterator[bool]:
    """Whether there is one process only; torch need not warn of that."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.distributed is disabled")
        yield accelerator.num_processes == 1


def _cause(fault: BaseException) -> BaseException:
    """What went wrong in the first process where something did."""
    failures: dict[int, tuple[BaseException, Any]] = getattr(fault, "failures", {})
    return next(iter(failures.values()))[0] if failures else fault
