"""Weights that learn and the optimizer's state, on disk in shards that any number of processes can read.

torch.distributed.checkpoint does the work. DeepSpeed keeps both in a form of its own.
"""

from __future__ import annotations

import os
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
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
            accelerator.save_state(str(folder), exclude_frozen_parameters=True)
            return
        with _alone(accelerator) as alone:
            _begin(model, optimizer)
            save(_tensors(model, optimizer), checkpoint_id=folder, no_dist=alone)
    except (Exception, CheckpointException) as fault:
        if is_disk_full(_cause(fault)):
            raise DiskFullError(f"{folder} could not be written: make room and run again") from None
        raise


def read(accelerator: Accelerator, model: Any, optimizer: Any, folder: Path) -> None:
    """Load what `write` wrote; a call for all processes.

    Raises:
        DataError: if it cannot be read, saying whether a file is missing, damaged, of another model, or out of reach.
    """
    from torch.distributed.checkpoint.api import CheckpointException

    try:
        if is_deepspeed(accelerator):
            accelerator.load_state(str(folder), load_module_strict=False)  # what is frozen is not in it
        else:
            _load(accelerator, model, optimizer, folder)
    except (Exception, CheckpointException) as fault:
        cause = _cause(fault)
        told = _told(cause)
        if not told:
            raise
        raise DataError(f"{folder.parent}: {told}") from cause


def _told(cause: BaseException) -> str:
    """What is wrong with a checkpoint and what to do, as the end of a sentence; empty if it is not to blame."""
    said = (str(cause).splitlines() or [""])[0]
    if isinstance(cause, FileNotFoundError):
        return f"a file of this checkpoint is missing ({cause.filename or said}); {_DELETE}"
    if isinstance(cause, OSError) and cause.errno is not None:
        return f"the disk did not give this checkpoint ({cause.strerror}); it may be whole: see to the disk, try again"
    if isinstance(cause, _Other):
        return f"{said}; go on with the packages in which it was written, or give another output_dir"
    if isinstance(cause, EOFError | UnpicklingError) or any(word in str(cause) for word in _DAMAGED):
        # Of a file that it cannot unpickle torch says how to do so with less care.
        why = "" if isinstance(cause, UnpicklingError) else f" ({said})"
        return f"a file of this checkpoint is torn or damaged{why}; {_DELETE}"
    return ""


class _Other(Exception):
    """A checkpoint of other tensors than those that learn."""


_DELETE = "delete this checkpoint to go on from the one before, or from the start"
# How torch's reader of zip files (2.13) words what is none, or no longer whole.
_DAMAGED = ("PytorchStreamReader", "Invalid magic number", "not a ZIP archive", "failed finding central directory")


def _check(folder: Path, weights: Mapping[str, Any]) -> None:
    """Look at what can be known before anything is loaded; torch would log tracebacks.

    Raises:
        OSError: for a file that cannot be opened.
        EOFError: for one that is shorter than it was.
        _Other: if the weights have other names or shapes.
    """
    from torch.distributed.checkpoint.filesystem import FileSystemReader

    known = FileSystemReader(folder).read_metadata()
    ends: dict[str, int] = defaultdict(int)
    for place in known.storage_data.values():
        ends[place.relative_path] = max(ends[place.relative_path], place.offset + place.length)
    for name, end in ends.items():
        with (folder / name).open("rb") as shard:
            size = shard.seek(0, os.SEEK_END)
        if size < end:
            raise EOFError(f"{name} has {size:,} of {end:,} bytes")
    was = {
        name.removeprefix("model."): tuple(getattr(one, "size", ()))
        for name, one in known.state_dict_metadata.items()
        if name.startswith("model.")
    }
    now = {name: tuple(one.shape) for name, one in weights.items()}
    if other := sorted(name for name in was.keys() | now if was.get(name) != now.get(name)):
        raise _Other(
            f"this checkpoint holds {len(was)} tensors that learn, and now there are {len(now)}; {len(other)} differ, "
            f"the first {other[0]}: {was.get(other[0], 'none')} then, {now.get(other[0], 'none')} now"
        )


def _load(accelerator: Accelerator, model: Any, optimizer: Any, folder: Path) -> None:
    from torch.distributed.checkpoint.state_dict import StateDictOptions, set_state_dict
    from torch.distributed.checkpoint.state_dict_loader import load

    tensors = _tensors(model, optimizer)
    _check(folder, tensors["model"])
    with _alone(accelerator) as alone:
        load(tensors, checkpoint_id=folder, no_dist=alone)
    set_state_dict(
        model,
        optimizer.optimizer,
        model_state_dict=tensors["model"],
        optim_state_dict=tensors["optimizer"],
        options=StateDictOptions(strict=False),  # what does not learn is not in it
    )


def _begin(model: Any, optimizer: Any) -> None:
    """Give the optimizer the state that it has before its first step.

    Without one, where every step so far was left out, torch takes a step of no length to get one, and that counts.
    """
    states = optimizer.optimizer.state
    if not states:
        _tensors(model, optimizer)
        for state in states.values():
            state["step"].zero_()


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
