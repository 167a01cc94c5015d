"""What all processes have to have alike: the first one works it out and tells the others, or they compare it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from demitasse.errors import ConfigError, DataError, DemitasseError
from train.config import TrainConfig
from train.data.lessons import Lesson
from train.loop.identity import Identity, identify
from train.model.student import base_hash

if TYPE_CHECKING:
    from accelerate import Accelerator

Value = TypeVar("Value")


def from_main(accelerator: Accelerator, work: Callable[[], Value]) -> Value:
    """What `work` returns in the main process, in all of them; the others do not work, and wait.

    Raises:
        DataError: in all of them, if it raised any `DemitasseError` there.
    """
    from accelerate.utils import broadcast_object_list

    told: list[tuple[Value | None, str]] = [(None, "")]
    if accelerator.is_main_process:
        try:
            told = [(work(), "")]
        except DemitasseError as fault:
            told = [(None, str(fault))]
    value, fault_there = broadcast_object_list(told)[0]
    if fault_there:
        raise DataError(fault_there)
    return value


def check_alike(accelerator: Accelerator, value: str, what: str) -> None:
    """Refuse a process that has another value than the main one.

    Raises:
        ConfigError: in that process.
    """
    from accelerate.utils import broadcast_object_list

    if broadcast_object_list([value])[0] != value:
        raise ConfigError(
            f"this process has other {what} than the first; all machines have to see the same files, packages and "
            "configuration"
        )


def agreed_identity(config: TrainConfig, lessons: Sequence[Lesson], accelerator: Accelerator) -> Identity:
    """The identity of a run on these lessons.

    Raises:
        ConfigError: in a process that has others than the first.
    """
    base = base_hash(config, accelerator)
    kind, precision = str(accelerator.distributed_type.value), accelerator.mixed_precision
    keys = (lesson.key for lesson in lessons)
    identity = identify(config, keys, accelerator.num_processes, kind, precision, base)
    check_alike(accelerator, identity.key, "settings, items or weights")
    return identity
