"""Where what a stage made before goes, when it is to be made anew: beside, in a folder of the run, and never away."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from demitasse.errors import DemitasseError

ASIDE = "aside"  # in the run's folder; nothing reads it


def set_aside(run: Path, when: str, paths: Sequence[Path]) -> dict[Path, Path]:
    """Move files and folders of a run into a folder of its `aside`; returns where each is now.

    Args:
        run: the run's folder.
        when: the name of the folder in `aside`.
        paths: to be moved; those that are not there, or lie elsewhere, stay as they are.

    Raises:
        DemitasseError: if one cannot be moved.
    """
    folder = run / ASIDE / when
    moved = {}
    for path in paths:
        if not path.exists() or path.absolute() == run.absolute() or not path.absolute().is_relative_to(run.absolute()):
            continue
        target = folder / path.absolute().relative_to(run.absolute())
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
        except OSError as fault:
            raise DemitasseError(
                f"{path} cannot be moved to {target} ({fault.strerror}); move it away by hand"
            ) from None
        moved[path] = target
    return moved
