"""One recipe at a time in a run's folder: by another process, or by a stage of the very recipe that runs there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from demitasse.engine.lock import lock_results
from demitasse.errors import ConfigError, is_disk_full

_running: set[Path] = set()  # the folders of this process: a stage may be another recipe


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the run's folder, which is made if it is missing.

    Raises:
        DemitasseError: if another process does, a recipe of which this one is a stage does, or it cannot be written.
    """
    whole = folder.resolve()
    if whole in _running:
        raise ConfigError(
            f"a recipe that is to be run in {folder} is a stage of one that runs there; name it another run=DIR"
        )
    with ExitStack() as done:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            done.enter_context(lock_results(folder))
        except OSError as fault:
            if is_disk_full(fault):
                raise
            raise ConfigError(
                f"run={folder} cannot be written ({fault.strerror}); name another folder, run=DIR"
            ) from None
        _running.add(whole)
        done.callback(_running.discard, whole)
        yield
